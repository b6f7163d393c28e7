/// Appends records to the log, atomically.
///
/// - KEYS: log, ids, counts, meta.
/// - ARGV: feed channel, known generation, known sequence, retention count, retention time (Unix ms; older entries
///   go), incarnation of the server (`ServerFacts`), `again` for entries that a replica still held
///   when Redis lost them (else empty), then one blob for each record.
/// - Reply: `LOST` and the head found (`0-0` for none) when the log must be forked or adopted first; `REPAIR` while
///   only held entries are accepted; or the generation, then for each record the sequence number if accepted,
///   `{cursor, blob}` if replayed, `{cursor}` if the id stands for other content.
///
/// The first write is the XADD: if Redis refuses writes the script ends there, with nothing kept and nothing
/// published. PUBLISH stands last for the same reason.
enum PublishScript {
    static let source =
        TrimFunction.source + #"""

            local call, match, format, sub = redis.call, string.match, string.format, string.sub
            local N = #ARGV
            local meta = call('HMGET', KEYS[4], 'g', 's', 'n', 'i', 'h')
            local g, s, n = meta[1], tonumber(meta[2]) or 0, tonumber(meta[3]) or 0
            local begins = not g
            if begins then
              if ARGV[2] ~= '0' then return {'LOST', '0-0'} end
              -- By the server's clock, which all replicas share.
              local time = call('TIME')
              g = format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
            elseif meta[4] ~= ARGV[6] then
              -- The server started anew: entries that nobody here knows of may be gone.
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
            if meta[5] and ARGV[7] == '' then
              -- By the server's clock; a clock that was set meanwhile must not hold publishers back for long.
              local time = call('TIME')
              local left = tonumber(meta[5]) - (time[1] * 1000 + math.floor(time[2] / 1000))
              if left > 0 and left <= 1000 then return {'REPAIR'} end
              call('HDEL', KEYS[4], 'h')
            end

            local function settle(added)
              local last, total = format('%d', s), format('%d', n + added)
              if begins then
                call('HSET', KEYS[4], 'g', g, 's', last, 'n', total, 't', g .. '-0', 'i', ARGV[6], 'k', g)
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
            if N == 8 then
              local blob = ARGV[8]
              local id, digest, size, at = match(blob, '^(%S+) (%x+) %-?%d+ (%d+) ()')
              if not call('HGET', KEYS[2], id) then
                s = s + 1
                local cursor = format('%s-%d', g, s)
                call('XADD', KEYS[1], cursor, 'r', blob)
                call('HSET', KEYS[2], id, cursor .. ' ' .. digest)
                call('HINCRBY', KEYS[3], sub(blob, at, at + size - 1), 1)
                settle(1)
                call('PUBLISH', ARGV[1], format('%s %d %d\n', g, s, #blob) .. blob)
                return {g, s}
              end
            end

            local blobs, idOf, digestOf, facetsOf, ids = ARGV, {}, {}, {}, {}
            for i = 8, N do
              local id, digest, size, at = match(blobs[i], '^(%S+) (%x+) %-?%d+ (%d+) ()')
              idOf[i], digestOf[i] = id, digest
              facetsOf[i] = sub(blobs[i], at, at + size - 1)
              ids[i - 7] = id
            end
            local known = call('HMGET', KEYS[2], unpack(ids))

            local reply, first = {g}, s + 1
            -- The message is put together in one step: Lua reads every byte of each string that it makes.
            local index, counts, lengths, message, here = {}, {}, {}, {''}, {}
            for i = 8, N do
              local id = idOf[i]
              local old = here[id] or known[i - 7]
              local cursor, digest, entry
              if old then
                cursor, digest = match(old, '^(%S+) (%S+)$')
                -- An index without its entry proves nothing: the record is accepted anew.
                entry = cursor and call('XRANGE', KEYS[1], cursor, cursor)[1]
              end
              if entry then
                reply[i - 6] = digest == digestOf[i] and {cursor, entry[2][2]} or {cursor}
              else
                s = s + 1
                local cursor = format('%s-%d', g, s)
                call('XADD', KEYS[1], cursor, 'r', blobs[i])
                local value = cursor .. ' ' .. digestOf[i]
                here[id] = value
                index[#index + 1] = id
                index[#index + 1] = value
                local facets = facetsOf[i]
                counts[facets] = (counts[facets] or 0) + 1
                lengths[#lengths + 1] = #blobs[i]
                message[#message + 1] = blobs[i]
                reply[i - 6] = s
              end
            end
            if #lengths == 0 then return reply end

            call('HSET', KEYS[2], unpack(index))
            for facets, count in pairs(counts) do call('HINCRBY', KEYS[3], facets, count) end
            settle(#lengths)
            message[1] = format('%s %d %s\n', g, first, table.concat(lengths, ' '))
            call('PUBLISH', ARGV[1], table.concat(message))
            return reply
            """#
}

/// Lua shared by the scripts that trim.
enum TrimFunction {
    /// `trim(limit, max, minTime)`: when more than `limit` entries stand, the oldest go until `max` are left; entries
    /// received before `minTime` (Unix ms) go from the old end on. At most 256 per call. Every entry goes with its
    /// place in the index (unless the id has another place since), its count and its predecessors, which `t` tells.
    /// Returns the number retained.
    static let source = #"""
        local function trim(limit, max, minTime)
          local call = redis.call
          local length = call('XLEN', KEYS[1])
          local excess = length > limit and math.max(0, length - max) or 0
          local probe = call('XRANGE', KEYS[1], '-', '+', 'COUNT', math.max(1, math.min(excess, 256)))
          local function old(entry)
            return (tonumber(string.match(entry[2][2], '^%S+ %x+ (%-?%d+) ')) or 0) < minTime
          end
          if excess <= 1 and probe[1] and old(probe[1]) then
            probe = call('XRANGE', KEYS[1], '-', '+', 'COUNT', 256)
          end
          local going, cursors, ids, gone = 0, {}, {}, {}
          for i, entry in ipairs(probe) do
            if i > excess and not old(entry) then break end
            local id, size, at = string.match(entry[2][2], '^(%S+) %x+ %-?%d+ (%d+) ()')
            local facets = string.sub(entry[2][2], at, at + size - 1)
            going, cursors[i], ids[i] = i, entry[1], id
            gone[facets] = (gone[facets] or 0) + 1
          end
          if going == 0 then return length end
          local places, leaving = call('HMGET', KEYS[2], unpack(ids)), {}
          for i = 1, going do
            if places[i] and string.match(places[i], '^%S+') == cursors[i] then leaving[#leaving + 1] = ids[i] end
          end
          if #leaving > 0 then call('HDEL', KEYS[2], unpack(leaving)) end
          for facets, count in pairs(gone) do
            if call('HINCRBY', KEYS[3], facets, -count) <= 0 then call('HDEL', KEYS[3], facets) end
          end
          call('XTRIM', KEYS[1], 'MAXLEN', length - going)
          call('HSET', KEYS[4], 't', cursors[going])
          return length - going
        end
        """#
}
