/// Lets the log go on after Redis lost its end, or may have lost it. Compare-and-set: nothing happens unless the head
/// is still the one observed. A fork is announced on the channel, so that every replica looks into the log at once.
///
/// The log is *adopted* in each server process once: a publish names the incarnation of its server, and is refused
/// until somebody has looked whether the log is whole. Without that, a replica that does not know of a loss would
/// append to the old branch, and one cursor would stand for two threats.
///
/// The generation stays when the head is not below what the caller knows, and the server keeps all it has answered, or
/// the log is in the hands of the same process as before. It rises in any other case; then, for a short time, only
/// entries that replicas held are accepted, so that they come before new ones.
///
/// A caller of another branch, from a server that was replaced, may stand beyond entries that it and its clients never
/// saw. They are moved behind the fork, at most the newest 1,000, so that everybody gets them.
///
/// - KEYS: log, ids, counts, meta.
/// - ARGV: observed generation and sequence (`0`, `0` for no log), known generation and sequence of the caller, the
///   server's incarnation, `1` if the server keeps all it has answered, for how long only held entries are
///   accepted (ms), the feed channel, and the highest cursor that the caller has seen in each generation,
///   oldest first.
/// - Reply: the head now standing (four elements).
enum ForkScript {
    static let source =
        HeadFunction.source + #"""

            local g, s = head[1] or '0', head[2] or '0'
            if g ~= ARGV[1] or s ~= ARGV[2] then return head end
            local function before(g1, s1, g2, s2)
              g1, s1, g2, s2 = tonumber(g1), tonumber(s1), tonumber(g2), tonumber(s2)
              return g1 < g2 or g1 == g2 and s1 < s2
            end
            local meta = redis.call('HMGET', KEYS[4], 'i', 'k')
            local isLost = before(g, s, ARGV[3], ARGV[4])
            -- A log of a version that kept no incarnation proves nothing against itself.
            -- A process that has forgotten its promotion is the same one.
            local isTrusted = not meta[1] or meta[1] == ARGV[5] or ARGV[6] == '1'
              or string.sub(meta[1], 1, #ARGV[5] + 1) == ARGV[5] .. '/'
            if not isLost and isTrusted then
              if head[1] and meta[1] ~= ARGV[5] then redis.call('HSET', KEYS[4], 'i', ARGV[5]) end
              return head
            end
            local time = redis.call('TIME')
            local now = time[1] * 1000 + math.floor(time[2] / 1000)
            local G = string.format('%.0f', math.max(now, tonumber(g) + 1, tonumber(ARGV[3]) + 1))
            local S = math.max(tonumber(s), tonumber(ARGV[4]))
            -- The generations there were, so that a cursor of none of them is told apart: the newest 64.
            local generations, listed = {}, {}
            -- A log that was lost whole has its list from whoever went through them.
            local names = (meta[2] or '') .. ' ' .. g .. ' ' .. string.gsub(ARGV[9], '%-%d+', '') .. ' ' .. ARGV[3]
            for known in string.gmatch(names .. ' ' .. G, '%d+') do
              if known ~= '0' and not listed[known] then
                listed[known] = true
                generations[#generations + 1] = known
              end
            end
            local list = table.concat(generations, ' ', math.max(1, #generations - 63))
            local held = string.format('%.0f', now + tonumber(ARGV[7]))

            local earliest, seen = nil, {}
            for generation, sequence in string.gmatch(ARGV[9], '(%d+)%-(%d+)') do
              earliest = earliest or tonumber(generation)
              seen[generation] = tonumber(sequence)
            end
            local unseen = {}
            if isLost and earliest then
              for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1000)) do
                local generation, sequence = string.match(entry[1], '^(%d+)%-(%d+)$')
                if tonumber(sequence) <= (seen[generation] or -1) or tonumber(generation) < earliest then break end
                unseen[#unseen + 1] = entry
              end
            end
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
            redis.call('HSET', KEYS[4], 'g', G, 's', S, 'f', g .. '-' .. s, 'i', ARGV[5], 'k', list, 'h', held)
            redis.call('PUBLISH', ARGV[8], '!')
            return redis.call('HMGET', KEYS[4], 'g', 's', 't', 'f')
            """#
}
