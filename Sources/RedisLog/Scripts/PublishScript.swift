/// Appends records to the log, atomically.
///
/// - KEYS: log, ids, counts, meta.
/// - ARGV: feed channel, known generation, known sequence, retention count, retention time (Unix ms; older entries
///   go), incarnation of the server (`ServerFacts`), `again` for entries that a replica still held
///   when Redis lost them (else empty), the log's identity (`LogIdentity`) and the name of the deployment (empty for none),
///   both of which a log that begins takes, then one blob for each record.
/// - Reply: `LOST` and the head found (`0-0` for none) when the log must be forked or adopted first, or its keys do not
///   fit together; `REPAIR` while only held entries are accepted, or none; or the generation, then for each record the
///   sequence number if accepted, `{cursor, blob}` if replayed, `{cursor}` if the id stands for other content.
///
/// The first write is a count: if Redis refuses writes the script ends there, with nothing kept and nothing published.
/// The stream is never made anew by the entry that finds it gone (NOMKSTREAM): then the count is taken back, and
/// nothing has happened. PUBLISH stands last, because Redis lets it through when it refuses writes.
enum PublishScript {
    static let source =
        TrimFunction.source + Vouching.whenPublishing + #"""

            local call, match, format, sub = redis.call, string.match, string.format, string.sub
            local N = #ARGV
            local meta = call('HMGET', KEYS[4], 'g', 's', 'n', 'i', 'h', 'o', 'b', 'v')
            local g, s, n = meta[1], tonumber(meta[2]) or 0, tonumber(meta[3]) or 0
            local begins = not g
            if begins then
              if ARGV[2] ~= '0' or hasRemains() then return {'LOST', '0-0'} end
              -- By the server's clock, which all replicas share.
              local time = call('TIME')
              g = format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
            elseif meta[4] ~= ARGV[6] or meta[6] ~= ARGV[8] then
              -- The server started anew: entries that nobody here knows of may be gone. Or the caller does not know
              -- yet what log this is: one of another database, perhaps, of which this is a copy.
              return {'LOST', g .. '-' .. meta[2]}
            elseif g ~= ARGV[2] or s < tonumber(ARGV[3]) then
              local G, K = tonumber(g), tonumber(ARGV[2])
              if G < K or G == K and s < tonumber(ARGV[3]) then return {'LOST', g .. '-' .. meta[2]} end
              -- Begun by somebody who did not know that there was a log before, or gone on without its last branch.
              local generations = ARGV[2] ~= '0' and call('HGET', KEYS[4], 'k')
              if generations and not string.find(' ' .. generations .. ' ', ' ' .. ARGV[2] .. ' ', 1, true) then
                return {'LOST', g .. '-' .. meta[2]}
              end
            end
            -- While the index is made again nobody knows which ids there are.
            if meta[7] then return {'REPAIR'} end
            if meta[5] and ARGV[7] == '' then
              -- By the server's clock; a clock that was set meanwhile must not hold publishers back for long.
              local time = call('TIME')
              local left = tonumber(meta[5]) - (time[1] * 1000 + math.floor(time[2] / 1000))
              if left > 0 and left <= 1000 then return {'REPAIR'} end
              call('HDEL', KEYS[4], 'h')
            end

            local function append(cursor, blob)
              local kept = redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', cursor, 'r', blob)
              if kept == false and (begins or isEmpty(n)) then
                kept = redis.pcall('XADD', KEYS[1], cursor, 'r', blob)
              end
              return kept
            end

            -- Nothing was kept: why, as a reply.
            local function refusal(kept)
              return kept or {'LOST', begins and '0-0' or g .. '-' .. meta[2]}
            end

            local function settle(added)
              local last, total = format('%d', s), format('%d', n + added)
              if begins then
                call('HSET', KEYS[4], 'g', g, 's', last, 'n', total, 't', g .. '-0', 'x', '0 ' .. g .. '-0',
                  'i', ARGV[6], 'k', g, 'o', ARGV[8])
                if ARGV[9] ~= '' then call('HSET', KEYS[4], 'deployment', ARGV[9]) end
              else
                call('HSET', KEYS[4], 's', last, 'n', total)
              end
              -- Looking for what is to go costs as much as keeping a record: a long log is looked at less often.
              local max = tonumber(ARGV[4])
              local surplus = math.max(16, math.floor(max / 100))
              local step = surplus < 64 and 16 or 64
              if s % step < added and mayTrim() then trim(max + surplus - step, max, tonumber(ARGV[5])) end
            end

            -- One new record, the commonest call by far, without the tables of the general case.
            if N == 10 then
              local blob = ARGV[10]
              local id, digest, size, at = match(blob, '^(%S+) (%x+) %-?%d+ (%d+) ()')
              local known = call('HMGET', KEYS[2], id, meta[8] or '')
              if not known[2] and not begins and not hasIndex() then return refusal() end
              if not known[1] then
                local cursor = format('%s-%d', g, s + 1)
                local facets = sub(blob, at, at + size - 1)
                local count = call('HINCRBY', KEYS[3], facets, 1)
                local kept = (count > 1 or begins or isCounted({[facets] = 1})) and append(cursor, blob)
                if type(kept) ~= 'string' then
                  discount(facets, 1)
                  return refusal(kept)
                end
                s = s + 1
                call('HSET', KEYS[2], id, cursor .. ' ' .. digest)
                if not known[2] then call('HSET', KEYS[4], 'v', id) end
                settle(1)
                call('PUBLISH', ARGV[1], format('%s %s %d %d\n', ARGV[8], g, s, #blob) .. blob)
                return {g, s}
              end
            end

            local blobs, idOf, digestOf, facetsOf, ids = ARGV, {}, {}, {}, {}
            for i = 10, N do
              local id, digest, size, at = match(blobs[i], '^(%S+) (%x+) %-?%d+ (%d+) ()')
              idOf[i], digestOf[i] = id, digest
              facetsOf[i] = sub(blobs[i], at, at + size - 1)
              ids[i - 9] = id
            end
            ids[N - 8] = meta[8] or ''
            local known = call('HMGET', KEYS[2], unpack(ids))
            local witness = known[N - 8]
            if not witness and not begins and not hasIndex() then return refusal() end

            local reply, first = {g}, s + 1
            local new, index, counts, lengths, here = {}, {}, {}, {}, {}
            for i = 10, N do
              local id = idOf[i]
              local old = here[id] or known[i - 9]
              local cursor, digest, entry
              if old then
                cursor, digest = match(old, '^(%S+) (%S+)$')
                -- An index without its entry proves nothing: the record is accepted anew.
                if here[id] then
                  entry = {cursor, {'r', blobs[new[cursor]]}}
                elseif cursor then
                  entry = call('XRANGE', KEYS[1], cursor, cursor)[1]
                end
              end
              if entry then
                reply[i - 8] = digest == digestOf[i] and {cursor, entry[2][2]} or {cursor}
              else
                s = s + 1
                local cursor = format('%s-%d', g, s)
                local value = cursor .. ' ' .. digestOf[i]
                new[#new + 1], new[cursor] = cursor, i
                here[id] = value
                index[#index + 1] = id
                index[#index + 1] = value
                local facets = facetsOf[i]
                counts[facets] = (counts[facets] or 0) + 1
                lengths[#lengths + 1] = #blobs[i]
                reply[i - 8] = s
              end
            end
            if #new == 0 then return reply end

            local isKnown = true
            for facets, count in pairs(counts) do
              if call('HINCRBY', KEYS[3], facets, count) == count then isKnown = false end
            end
            local kept = (isKnown or begins or isCounted(counts)) and append(new[1], blobs[new[new[1]]])
            if type(kept) ~= 'string' then
              for facets, count in pairs(counts) do discount(facets, count) end
              return refusal(kept)
            end
            -- The message is put together in one step: Lua reads every byte of each string that it makes.
            local message = {'', blobs[new[new[1]]]}
            for i = 2, #new do
              local blob = blobs[new[new[i]]]
              call('XADD', KEYS[1], new[i], 'r', blob)
              message[i + 1] = blob
            end
            call('HSET', KEYS[2], unpack(index))
            if not witness then call('HSET', KEYS[4], 'v', index[1]) end
            settle(#new)
            message[1] = format('%s %s %d %s\n', ARGV[8], g, first, table.concat(lengths, ' '))
            call('PUBLISH', ARGV[1], table.concat(message))
            return reply
            """#
}

/// Lua shared by the scripts that trim.
enum TrimFunction {
    /// `trim(limit, max, minTime)`: when more than `limit` entries stand, the oldest go until `max` are left; entries
    /// received before `minTime` (Unix ms) go from the old end on. At most 256 per call. Every entry goes with its
    /// place in the index (unless the id has another place since), its count and its predecessors, which `t` tells.
    /// Nothing goes from a log that lacks something, so that this is still seen. Returns the number retained.
    /// `discount(facets, count)` takes from a count.
    static let source =
        Vouching.gone + #"""

            local function discount(facets, count)
              if redis.call('HINCRBY', KEYS[3], facets, -count) <= 0 then redis.call('HDEL', KEYS[3], facets) end
            end

            local function trim(limit, max, minTime)
              local call, format = redis.call, string.format
              local length = call('XLEN', KEYS[1])
              local excess = length > limit and math.max(0, length - max) or 0
              local probe = call('XRANGE', KEYS[1], '-', '+', 'COUNT', math.max(1, math.min(excess, 256)))
              local function old(entry)
                return (tonumber(string.match(entry[2][2], '^%S+ %x+ (%-?%d+) ')) or 0) < minTime
              end
              if excess <= 1 and probe[1] and old(probe[1]) then
                probe = call('XRANGE', KEYS[1], '-', '+', 'COUNT', 256)
              end
              local going, cursors, ids, leavingOf = 0, {}, {}, {}
              for i, entry in ipairs(probe) do
                if i > excess and not old(entry) then break end
                local id, size, at = string.match(entry[2][2], '^(%S+) %x+ %-?%d+ (%d+) ()')
                if not id then return length end
                local facets = string.sub(entry[2][2], at, at + size - 1)
                going, cursors[i], ids[i] = i, entry[1], id
                leavingOf[facets] = (leavingOf[facets] or 0) + 1
              end
              if going == 0 then return length end
              local meta = call('HMGET', KEYS[4], 'n', 'x', 't')
              local n = tonumber(meta[1]) or 0
              local before = gone(meta[2], meta[3])
              if before and n - before ~= length then return length end
              local places, leaving = call('HMGET', KEYS[2], unpack(ids)), {}
              for i = 1, going do
                if places[i] and string.match(places[i], '^%S+') == cursors[i] then leaving[#leaving + 1] = ids[i] end
              end
              if #leaving > 0 then call('HDEL', KEYS[2], unpack(leaving)) end
              for facets, count in pairs(leavingOf) do discount(facets, count) end
              call('XTRIM', KEYS[1], 'MAXLEN', length - going)
              local through = cursors[going]
              call('HSET', KEYS[4], 't', through, 'x', format('%d %s', n - length + going, through))
              return length - going
            end
            """#
}
