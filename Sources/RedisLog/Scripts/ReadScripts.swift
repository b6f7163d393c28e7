/// What the reading scripts answer first: generation, last sequence number, `t` and `f`, each a string or null.
enum HeadFunction {
    static let source = #"""
        local head = redis.call('HMGET', KEYS[4], 'g', 's', 't', 'f')
        """#
}

/// The probe of each second; trims what is too old or too much, at most 256 entries, or goes on making the index again.
/// A log whose keys do not fit together is left as it is, and so is another deployment's (`MembershipFunction`). One
/// without a name gets that of the caller's deployment.
///
/// - KEYS: log, ids, counts, meta. ARGV: retention count, retention time (Unix ms), from where on entries are looked up
///   (as XRANGE takes it), how many, for how long only held entries are accepted after the index was made (ms), and
///   whose log it should be, as `MembershipFunction` has it.
/// - Reply: head (four elements), number retained, number ever accepted, number trimmed now, why Redis refuses writes
///   (empty when it does not), the incarnation of the server that the log was last
///   adopted in, its identity, what does not fit (empty when all does), `d` of the last fork for such a reason, 1 while
///   the index is being made, and from where on to look next; or `FOREIGN` as `ClaimScript` answers.
enum MaintainScript {
    static let source =
        MembershipFunction.source + TrimFunction.source + "\n" + Vouching.misfit + "\n" + Vouching.rebuild + #"""

            local looks = {{'XLEN', KEYS[1]}, {'HGET', KEYS[2], ''}, {'HGET', KEYS[3], ''}, {'HGET', KEYS[4], ''}}
            for i, look in ipairs(looks) do
              local answer = redis.pcall(unpack(look))
              if type(answer) == 'table' and string.find(answer.err or '', 'WRONGTYPE', 1, true) then
                return redis.error_reply('WRONGTYPE ' .. KEYS[i])
              end
            end
            local foreign = stranger()
            if foreign then return foreign end
            -- Refused before anything was written when Redis is out of memory, read-only or cannot save.
            local probe = redis.pcall('HSET', KEYS[4], 'w', ARGV[2])
            local refused = type(probe) == 'table' and probe.err or ''
            if refused == '' then claim() end
            local before, retained = redis.call('XLEN', KEYS[1]), nil
            local rest = redis.call('HGET', KEYS[4], 'b')
            if rest and refused == '' then rest = rebuild(rest, tonumber(ARGV[5])) end
            local damage, _, next = misfit(ARGV[3], tonumber(ARGV[4]))
            if refused == '' and not damage and not rest then
              retained = trim(tonumber(ARGV[1]), tonumber(ARGV[1]), tonumber(ARGV[2]))
            end
            retained = retained or before
            local head = redis.call('HMGET', KEYS[4], 'g', 's', 't', 'f', 'n', 'i', 'o', 'd', 'x')
            -- A version that does not count has trimmed: from here on it counts again.
            if head[1] and refused == '' and not damage and not rest and not gone(head[9], head[3]) then
              local count = string.format('%d %s', (tonumber(head[5]) or 0) - retained, head[3] or '')
              redis.call('HSET', KEYS[4], 'x', count)
            end
            return {head[1], head[2], head[3], head[4], retained, head[5], before - retained, refused, head[6] or '',
              head[7] or '', damage or '', head[8] or '', rest and 1 or 0, next or '-'}
            """#
}

/// Reads what follows a cursor. KEYS: log, ids, counts, meta. ARGV: generation, sequence, limit, the log's identity.
///
/// Reply: `LOST` and the head found when it is another log, or its keys do not fit together; or head (four elements), then `A` (the
/// cursor is ahead of the head), `U` (there never was its generation), `T` (the cursor lies before the third element of
/// the head, which is `t` or the place behind a hole) or the array of entries and 1 if the entry at the cursor itself
/// still stands and no later fork was for entries that were lost, else 0.
enum ResumeScript {
    static let source =
        Vouching.soundHead + #"""

            local G, S = tonumber(ARGV[1]), tonumber(ARGV[2])
            local function before(g1, s1, g2, s2) return g1 < g2 or g1 == g2 and s1 < s2 end
            if before(tonumber(head[1] or 0), tonumber(head[2] or 0), G, S) then
              head[5] = 'A'
              return head
            end
            local generations = G ~= 0 and ARGV[1] ~= head[1] and redis.call('HGET', KEYS[4], 'k')
            if generations and not string.find(' ' .. generations .. ' ', ' ' .. ARGV[1] .. ' ', 1, true) then
              head[5] = 'U'
              return head
            end
            if head[3] then
              local g, s = string.match(head[3], '^(%d+)-(%d+)$')
              -- A client of the empty log has 0-0; it missed nothing as long as nothing was trimmed.
              local sawEmptyLog = G == 0 and S == 0 and s == '0'
              if before(G, S, tonumber(g), tonumber(s)) and not sawEmptyLog then
                head[5] = 'T'
                return head
              end
            end
            local cursor = ARGV[1] .. '-' .. ARGV[2]
            local entries = redis.call('XRANGE', KEYS[1], '(' .. cursor, '+', 'COUNT', ARGV[3])
            -- Sequence numbers are contiguous in a generation. What was taken out of the middle leaves a hole, and nobody
            -- is led across it in silence.
            local generation, sequence = ARGV[1], S
            for i = 1, #entries do
              local g, s = string.match(entries[i][1], '^(%d+)%-(%d+)$')
              s = tonumber(s)
              if g == generation and s ~= sequence + 1 then
                if i == 1 then
                  head[3], head[5] = string.format('%s-%d', g, s - 1), 'T'
                  return head
                end
                for j = #entries, i, -1 do entries[j] = nil end
                break
              end
              generation, sequence = g, s
            end
            local lostIn = tonumber(redis.call('HGET', KEYS[4], 'e') or 0) or 0
            head[5] = entries
            head[6] = lostIn <= G and #redis.call('XRANGE', KEYS[1], cursor, cursor) or 0
            return head
            """#
}

/// The newest entries. KEYS: log, ids, counts, meta. ARGV: upper end of the range as XREVRANGE takes it, limit,
/// the log's identity.
/// Reply: `LOST` and the head found when it is another log, or its keys do not fit together; or head (four elements), then
/// the array of entries, newest first.
enum NewestScript {
    static let source =
        Vouching.soundHead + #"""

            head[5] = redis.call('XREVRANGE', KEYS[1], ARGV[1], '-', 'COUNT', ARGV[2])
            return head
            """#
}

/// Entries after a cursor, whatever may be missing before them. KEYS: log, ids, counts, meta. ARGV: lower end of the range as
/// XRANGE takes it, limit, the log's identity.
/// Reply: the array of entries, oldest first; or `LOST` and the head found when it is another log.
enum RangeScript {
    static let source =
        SameLogFunction.source + #"""
            if isOther() then
              local head = redis.call('HMGET', KEYS[4], 'g', 's')
              return {'LOST', (head[1] or '0') .. '-' .. (head[2] or '0')}
            end
            return redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
            """#
}

/// One entry by id. KEYS: log, ids, counts, meta. ARGV: id, the log's identity.
/// Reply: array of at most one entry, or `LOST` and the head found when it is another log, or where nothing was found,
/// which proves nothing when the keys of the log do not fit together. An error while the index is being made.
enum FindScript {
    static let source =
        SameLogFunction.source + Vouching.misfit + #"""

            local place = redis.call('HGET', KEYS[2], ARGV[1])
            local cursor = string.match(place or '', '^%S+')
            local found = cursor and redis.call('XRANGE', KEYS[1], cursor, cursor) or {}
            local isOther = isOther()
            if found[1] and not isOther then return found end
            local state = redis.call('HMGET', KEYS[4], 'g', 's', 'b')
            if state[3] and not isOther then return redis.error_reply('REPAIRING index') end
            if isOther or misfit() then return {'LOST', (state[1] or '0') .. '-' .. (state[2] or '0')} end
            return found
            """#
}

/// Which ids the index lacks. KEYS: log, ids, counts, meta. ARGV: at most 1,000 ids, the log's identity.
/// Reply: head (four elements; up to its third retention has trimmed), then the positions of those that are missing; or
/// `LOST` and the head found when it is another log. An error while the index is being made.
enum MissingScript {
    static let source =
        SameLogFunction.source + HeadFunction.source + #"""

            if isOther() then return {'LOST', (head[1] or '0') .. '-' .. (head[2] or '0')} end
            if redis.call('HGET', KEYS[4], 'b') then return redis.error_reply('REPAIRING index') end
            local reply = head
            for position, place in ipairs(redis.call('HMGET', KEYS[2], unpack(ARGV, 1, #ARGV - 1))) do
              if not place then reply[#reply + 1] = position end
            end
            return reply
            """#
}

/// Everything counted. KEYS: log, ids, counts, meta. ARGV: the log's identity. Reply: number ever accepted, number
/// retained, facets and counts, generation and last sequence number; or `LOST` and the head found when it is another log.
/// An error while they are being counted again.
enum CountsScript {
    static let source =
        SameLogFunction.source + #"""
            local meta = redis.call('HMGET', KEYS[4], 'n', 'g', 's', 'b')
            if isOther() then return {'LOST', (meta[2] or '0') .. '-' .. (meta[3] or '0')} end
            if meta[4] then return redis.error_reply('REPAIRING index') end
            return {meta[1], redis.call('XLEN', KEYS[1]), redis.call('HGETALL', KEYS[3]), meta[2], meta[3]}
            """#
}
