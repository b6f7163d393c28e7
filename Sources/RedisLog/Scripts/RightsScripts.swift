/// Lua shared by the scripts that write: what the user may not call is found before anything is written.
///
/// An error in the middle of a script leaves behind what was written before it, and a permission that was taken away is
/// such an error. `redis.acl_check_cmd` tells beforehand (from Redis 7.0 on; before that only the rehearsal does).
enum RightsFunction {
    /// `calls()`: one call of every command that the scripts are made of, on a key it is used on, each of which changes
    /// nothing. Where no arguments do that, they are wrong ones, which Redis looks at after the permission.
    /// `may(command, …)`: whether the user may call that. `refusal(command)`: the error that says otherwise.
    static let source = #"""
        local may = redis.acl_check_cmd or function() return true end
        local function calls()
          local log, ids, counts, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
          return {
            {'XADD', log, 'x', 'r', ''}, {'XDEL', log, '0-0'}, {'XTRIM', log, 'MAXLEN', 'x'}, {'XLEN', log},
            {'XRANGE', log, '-', '-'}, {'XREVRANGE', log, '-', '-'}, {'HGET', ids, ''}, {'HMGET', ids, ''},
            {'HMGET', counts, ''}, {'HMGET', meta, ''}, {'HSET', ids, '', '', ''}, {'HSET', meta, '', '', ''},
            {'HDEL', ids, ''}, {'HINCRBY', counts, '', 'x'}, {'HGETALL', meta}, {'TIME'},
            -- Nobody's probe (`ProbeMessage`): whoever hears it passes over it. The channel's name ends as no key's does.
            {'PUBLISH', (string.gsub(log, 'log$', 'feed')), '? 0 0'},
          }
        end
        local function refusal(command)
          return redis.error_reply("NOPERM this user has no permissions to run the '" .. command .. "' command")
        end

        """#

    /// Ends a script that may call anything of `calls` unless the user may call all of it.
    static let whole =
        source + #"""
            for _, call in ipairs(calls()) do
              if not may(unpack(call)) then return refusal(string.lower(call[1])) end
            end

            """#

    /// The same for what every publish writes after its first write, which is done very often; `mayTrim()` tells whether
    /// what it does now and then may be called. If not, the next probe says so, and the publish is whole without.
    static let publishing =
        source + #"""
            local lacking = not may('HSET', KEYS[2], '', '') and 'hset'
              or not may('HINCRBY', KEYS[3], '', 1) and 'hincrby' or not may('PUBLISH', ARGV[1], '') and 'publish'
            if lacking then return refusal(lacking) end
            local function mayTrim()
              for _, call in ipairs(calls()) do if not may(unpack(call)) then return false end end
              return true
            end

            """#
}

/// Tries everything that the other scripts will call, at each connect, so that what is missing is known before it is
/// needed. It also works where permissions cannot be asked for, or commands are renamed or blocked.
///
/// - KEYS: log, ids, counts, meta.
/// - Reply: for each call that is refused command, key and the error's text; those whose arguments alone are wrong are
///   not, nor are those that the server refuses for a reason that passes (out of memory).
enum RehearsalScript {
    static let source =
        RightsFunction.source + #"""
            local signs = {'noperm', 'acl failure', 'executing the script', 'permission', 'unknown', 'not allowed',
              'disabled', 'wrongtype', 'wrong kind of value'}
            local refused = {}
            for _, call in ipairs(calls()) do
              local reply = redis.pcall(unpack(call))
              local text = type(reply) == 'table' and reply.err
              for _, sign in ipairs(text and signs or {}) do
                if string.find(string.lower(text), sign, 1, true) then
                  refused[#refused + 1] = {call[1], call[2] or '', text}
                  break
                end
              end
            end
            return refused
            """#
}
