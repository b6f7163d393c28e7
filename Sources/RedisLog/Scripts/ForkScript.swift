/// Lets the log go on after Redis lost its end, or may have lost it. Compare-and-set: nothing happens unless the head
/// is still the one observed. A fork is announced on the channel, so that every replica looks into the log at once.
///
/// The log is *adopted* in each server process once: a publish names the incarnation of its server, and is refused
/// until somebody has looked whether the log is whole. Without that, a replica that does not know of a loss would
/// append to the old branch, and one cursor would stand for two threats.
///
/// The generation stays when the head is not below what the caller knows, and the log is in the hands of the same
/// process as before, or the server keeps all it has answered and the caller knew the log in the process before:
/// who did not cannot know whether an older copy of the data was put back. It rises in any other case; then,
/// for a short time, only entries that replicas held are accepted, so that they come before new ones.
///
/// A caller of another branch, from a server that was replaced, may stand beyond entries that it and its clients never
/// saw. They are moved behind the fork, at most the newest 1,000, so that everybody gets them. A log that never had
/// any generation of the caller's was begun by somebody who did not know of the caller's, after all of it was lost: it
/// is moved behind the fork whole (the newest 10,000), so that the sequence goes on from where the caller knows it.
///
/// Generations that the caller went through and the log has not heard of, because they were of a branch that was left,
/// are added to the list in `k`: clients that come from there can resume.
///
/// - KEYS: log, ids, counts, meta.
/// - ARGV: observed generation and sequence (`0`, `0` for no log), known generation and sequence of the caller, the
///   server's incarnation, `1` if the server keeps all it has answered, for how long only held entries are
///   accepted (ms), the feed channel, the highest cursor that the caller has seen in each generation,
///   oldest first, and the incarnations that it knew the log in, `*` for all if nobody else uses
///   the server.
/// - Reply: the head now standing (four elements).
enum ForkScript {
    static let source =
        HeadFunction.source + #"""

            local g, s = head[1] or '0', head[2] or '0'
            local meta = redis.call('HMGET', KEYS[4], 'i', 'k')
            local generations, listed = {}, {}
            local function list(generation)
              if generation ~= '0' and not listed[generation] then
                listed[generation] = true
                generations[#generations + 1] = generation
              end
            end
            for generation in string.gmatch((meta[2] or '') .. ' ' .. g, '%d+') do list(generation) end
            local count = #generations
            local earliest, seen, isForeign = nil, {}, head[1] and meta[2] and ARGV[9] ~= ''
            for generation, sequence in string.gmatch(ARGV[9], '(%d+)%-(%d+)') do
              earliest = earliest or tonumber(generation)
              seen[generation] = tonumber(sequence)
              if listed[generation] then isForeign = false end
            end
            for generation in pairs(seen) do list(generation) end
            -- The generations there were, so that a cursor of none of them is told apart: the newest 64, and the
            -- caller's, who is about to read from there.
            local function names()
              table.sort(generations, function(a, b) return tonumber(a) < tonumber(b) end)
              while #generations > 64 do table.remove(generations, generations[1] == ARGV[3] and 2 or 1) end
              return table.concat(generations, ' ')
            end
            -- Also where the head has moved on: names of generations do no harm, and the caller can read at once.
            if head[1] and meta[2] and not isForeign and #generations > count then
              redis.call('HSET', KEYS[4], 'k', names())
            end
            if not isForeign and (g ~= ARGV[1] or s ~= ARGV[2]) then return head end

            local function before(g1, s1, g2, s2)
              g1, s1, g2, s2 = tonumber(g1), tonumber(s1), tonumber(g2), tonumber(s2)
              return g1 < g2 or g1 == g2 and s1 < s2
            end
            local isLost = isForeign or before(g, s, ARGV[3], ARGV[4])
            -- A log of a version that kept no incarnation proves nothing against itself. A process that has forgotten
            -- its promotion is the same one.
            local isTrusted = not meta[1] or meta[1] == ARGV[5]
              or string.sub(meta[1], 1, #ARGV[5] + 1) == ARGV[5] .. '/'
              or ARGV[6] == '1'
                and (ARGV[10] == '*' or string.find(' ' .. ARGV[10] .. ' ', ' ' .. meta[1] .. ' ', 1, true))
            if not isLost and isTrusted then
              if head[1] and meta[1] ~= ARGV[5] then redis.call('HSET', KEYS[4], 'i', ARGV[5]) end
              return head
            end
            local time = redis.call('TIME')
            local now = time[1] * 1000 + math.floor(time[2] / 1000)
            local G = string.format('%.0f', math.max(now, tonumber(g) + 1, tonumber(ARGV[3]) + 1))
            local S = math.max(tonumber(s), tonumber(ARGV[4]))
            list(ARGV[3])
            list(G)
            local held = string.format('%.0f', now + tonumber(ARGV[7]))

            local unseen = {}
            if isLost and earliest then
              local most = isForeign and 10000 or 1000
              for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', most)) do
                local generation, sequence = string.match(entry[1], '^(%d+)%-(%d+)$')
                if tonumber(sequence) <= (seen[generation] or -1) then break end
                if tonumber(generation) < earliest and not isForeign then break end
                unseen[#unseen + 1] = entry
              end
            end
            -- Where nothing was trimmed, a log tells where it began: it has been going on for longer.
            if isForeign and head[3] and string.match(head[3], '%-0$') then redis.call('HDEL', KEYS[4], 't') end
            for i = #unseen, 1, -1 do
              local old, blob = unseen[i][1], unseen[i][2][2]
              local id, digest = string.match(blob, '^(%S+) (%x+) ')
              S = S + 1
              local cursor = G .. '-' .. string.format('%.0f', S)
              redis.call('XADD', KEYS[1], cursor, 'r', blob)
              redis.call('HSET', KEYS[2], id, cursor .. ' ' .. digest)
              redis.call('XDEL', KEYS[1], old)
            end
            S = string.format('%.0f', S)
            redis.call('HSET', KEYS[4], 'g', G, 's', S, 'f', g .. '-' .. s, 'i', ARGV[5], 'k', names(), 'h', held)
            redis.call('PUBLISH', ARGV[8], '!')
            return redis.call('HMGET', KEYS[4], 'g', 's', 't', 'f')
            """#
}
