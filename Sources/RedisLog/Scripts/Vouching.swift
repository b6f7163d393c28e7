/// Lua with which the keys of a log vouch for each other.
///
/// Redis may take one of them and leave the others: an evicting one (`allkeys-lru`), somebody's DEL, RENAME, XTRIM or
/// XDEL. Of each key the others know enough to notice:
///
/// - `meta` says how many entries should stand: `n` accepted, less those that retention let go of. The latter are the
///   first word of `x`; the second is the `t` that they were counted for, so that the count of a version which trims
///   without counting is not believed.
/// - The oldest and the newest entry say that the index of ids and the counts stand: both hold what belongs to them.
/// - `v` in `meta` is an id that the index holds; a publish looks it up together with its own.
/// - What the middle of the stream says is looked at step by step, a page in each second.
enum Vouching {
    /// Entries of the middle whose ids and counts are looked up with each probe.
    static let entriesPerProbe = 128

    /// `gone(x, t)`: how many accepted entries retention has let go of; nil when that was not counted up to `t`.
    static let gone = #"""
        local function gone(x, t)
          local count, through = string.match(x or '', '^(%-?%d+) (%S*)$')
          return through == (t or '') and tonumber(count) or nil
        end
        """#

    /// `misfit(from, most)`: what the keys do not agree on, in words, or nil; then whether that means entries, and where
    /// to look next. `from` (as XRANGE takes it, or nil) and `most` choose the entries that are looked up beside the
    /// oldest and the newest.
    static let misfit =
        gone + #"""

            local function unknown(entries)
              local ids, facets = {}, {}
              for i, entry in ipairs(entries) do
                local id, size, at = string.match(entry[2][2] or '', '^(%S+) %x+ %-?%d+ (%d+) ()')
                if not id then return 'an entry that is no threat stands in the log', true end
                ids[i], facets[i] = id, string.sub(entry[2][2], at, at + size - 1)
              end
              if #ids == 0 then return nil end
              for _, place in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do
                if not place then return 'ids of threats that are kept are gone', false end
              end
              for _, count in ipairs(redis.call('HMGET', KEYS[3], unpack(facets))) do
                if (tonumber(count or 0) or 0) < 1 then return 'counts of threats that are kept are gone', false end
              end
            end

            local function misfit(from, most)
              local call = redis.call
              local meta = call('HMGET', KEYS[4], 'g', 's', 't', 'n', 'x', 'b', 'e')
              local g, s, n = meta[1], tonumber(meta[2]) or 0, tonumber(meta[4]) or 0
              local length = call('XLEN', KEYS[1])
              if not g then
                if length > 0 then return 'the head of the log is gone', false end
                local left = #call('HGETALL', KEYS[2]) + #call('HGETALL', KEYS[3])
                if left > 0 then return 'all threats and the head of the log are gone', true end
                return nil
              end
              local count = gone(meta[5], meta[3])
              if count and n - count ~= length then
                return string.format('of %d threats that should be kept %d stand in the log', n - count, length), true
              end
              -- Where nobody counted and a loss is settled, what was trimmed may end at the hole that it left.
              local isUncounted = not count and not meta[7]
              local trimmedIn, trimmed = string.match(meta[3] or '', '^(%d+)%-(%d+)$')
              if length == 0 then
                if isUncounted and n > 0 and (tonumber(trimmed) or 0) < s then
                  return 'all threats that should be kept are gone', true
                end
                return nil
              end
              local first = call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
              local last = call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
              local firstIn, oldest = string.match(first[1], '^(%d+)%-(%d+)$')
              if isUncounted and firstIn == trimmedIn and tonumber(oldest) ~= trimmed + 1 then
                return 'the oldest threats that should be kept are gone', true
              end
              local lastIn, newest = string.match(last[1], '^(%d+)%-(%d+)$')
              if lastIn == g and tonumber(newest) ~= s or tonumber(lastIn) > tonumber(g) then
                return 'the newest threat is not where the head of the log says', true
              end
              -- While the index is made again it is no witness.
              if meta[6] then return nil end
              local what, isEntries = unknown({first, last})
              if what or not from then return what, isEntries end
              local page = call('XRANGE', KEYS[1], from, '+', 'COUNT', most)
              what, isEntries = unknown(page)
              return what, isEntries, #page == most and '(' .. page[most][1] or '-'
            end
            """#

    /// What a publish asks where it finds something missing, so that it costs nothing while all is well. Each but the last
    /// may raise an error, and comes before the first write.
    ///
    /// - `hasRemains()`: of a log whose head is gone.
    /// - `isEmpty(n)`: there is no stream because none of `n` entries should stand.
    /// - `hasIndex()`: the oldest and the newest entry have their places, though `v` has none.
    /// - `isCounted(added)`: facets that nobody had counted yet are new ones. If all counts were gone, so were those of
    ///   the oldest entry, but for what was just added.
    static let whenPublishing = #"""

        local function hasRemains()
          local call = redis.call
          return call('XLEN', KEYS[1]) > 0 or #call('HGETALL', KEYS[3]) > 0 or #call('HGETALL', KEYS[2]) > 0
        end

        local function isEmpty(n)
          local meta = redis.call('HMGET', KEYS[4], 'x', 't')
          return n == 0 or n == gone(meta[1], meta[2])
        end

        local function hasIndex()
          local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
          if not first then return true end
          local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
          local ids = {string.match(first[2][2], '^%S+'), string.match(last[2][2], '^%S+')}
          local places = redis.call('HMGET', KEYS[2], unpack(ids))
          return places[1] and places[2]
        end

        local function isCounted(added)
          local found = redis.pcall('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
          -- No entry, or no stream: that will show when one is to be appended.
          if not found[1] then return true end
          local size, at = string.match(found[1][2][2], '^%S+ %x+ %-?%d+ (%d+) ()')
          local facets = string.sub(found[1][2][2], at, at + size - 1)
          return (tonumber(redis.call('HGET', KEYS[3], facets) or 0) or 0) > (added[facets] or 0)
        end
        """#

    /// What reading scripts begin with: `head`, or the answer `LOST` with the head found when it is another log, or the
    /// keys do not fit.
    static let soundHead =
        SameLogFunction.source + HeadFunction.source + "\n" + misfit + #"""

            if isOther() or misfit() then return {'LOST', (head[1] or '0') .. '-' .. (head[2] or '0')} end
            """#

    /// `forget(key)` empties a hash. `rebuild(from)` reads the next entries, at most 2,000, and gives each its place in
    /// the index and its count again; what is no threat is taken out. Where it has to go on is kept in `b`, until all
    /// is done, with each step entries that replicas still held are taken for `period` ms (`h`) before new ones: that
    /// also holds those back who do not know of `b`, as versions before it.
    static let rebuild = #"""
        local function forget(key)
          -- PEXPIRE may be refused to the user of a deployment that leases no log.
          local answer = redis.pcall('PEXPIRE', key, 0)
          if type(answer) ~= 'table' then return end
          local fields = redis.call('HGETALL', key)
          for i = 1, #fields, 2 do redis.call('HDEL', key, fields[i]) end
        end

        local function rebuild(from, period)
          local call = redis.call
          local time = call('TIME')
          local held = time[1] * 1000 + math.floor(time[2] / 1000) + period
          call('HSET', KEYS[4], 'h', string.format('%.0f', held))
          for _ = 1, 2 do
            local entries = call('XRANGE', KEYS[1], from, '+', 'COUNT', 1000)
            local index, counts = {}, {}
            for _, entry in ipairs(entries) do
              local blob = entry[2][2] or ''
              local id, digest, size, at = string.match(blob, '^(%S+) (%x+) %-?%d+ (%d+) ()')
              if id then
                index[#index + 1] = id
                index[#index + 1] = entry[1] .. ' ' .. digest
                local facets = string.sub(blob, at, at + size - 1)
                counts[facets] = (counts[facets] or 0) + 1
              else
                call('XDEL', KEYS[1], entry[1])
                local accepted = tonumber(call('HGET', KEYS[4], 'n')) or 0
                call('HSET', KEYS[4], 'n', string.format('%d', accepted - 1))
              end
            end
            if #index > 0 then call('HSET', KEYS[2], unpack(index)) end
            for facets, count in pairs(counts) do call('HINCRBY', KEYS[3], facets, count) end
            if #entries < 1000 then
              local meta = call('HMGET', KEYS[4], 'x', 't')
              local kept = (gone(meta[1], meta[2]) or 0) + call('XLEN', KEYS[1])
              call('HSET', KEYS[4], 'n', string.format('%d', kept))
              call('HDEL', KEYS[4], 'b')
              return nil
            end
            from = '(' .. entries[1000][1]
          end
          call('HSET', KEYS[4], 'b', from)
          return from
        end
        """#
}
