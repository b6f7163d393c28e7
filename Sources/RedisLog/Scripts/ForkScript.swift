/// Lets the log go on after Redis lost its end, or may have lost it. Compare-and-set: nothing happens unless the head
/// is still the one observed. Publishes nothing; replicas see the change in the head.
///
/// The log is *adopted* in each server process once: a publish carries the run id of its server, and is refused until
/// somebody has looked whether the log is whole. Without that, a replica that does not know of a loss would append to the
/// old branch, and one cursor would stand for two threats.
///
/// The generation stays when the head is not below what the caller knows, and the server keeps all it has answered, or the log is
/// in the hands of the same process as before. It rises in any other case; then, for a short time, only entries that
/// replicas held are accepted, so that they come before new ones.
///
/// - KEYS: log, ids, counts, meta.
/// - ARGV: observed generation and sequence (`0`, `0` for no log), known generation and sequence of the caller, new
///   generation, generation and sequence after which the caller holds every entry up to the known head, run id of the
///   server, `1` if the server keeps all it has answered, and for how long only held entries are accepted (ms).
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
            -- A log of a version that kept no run id proves nothing against itself.
            local isTrusted = not meta[1] or meta[1] == ARGV[8] or ARGV[9] == '1'
            if not isLost and isTrusted then
              if head[1] and meta[1] ~= ARGV[8] then redis.call('HSET', KEYS[4], 'i', ARGV[8]) end
              return head
            end
            local G = string.format('%.0f', math.max(tonumber(ARGV[5]), tonumber(g) + 1, tonumber(ARGV[3]) + 1))
            local S = string.format('%.0f', math.max(tonumber(s), tonumber(ARGV[4])))
            -- The generations there were, so that a cursor of none of them is told apart: the newest 64.
            local generations, seen = {}, {}
            for known in string.gmatch((meta[2] or '') .. ' ' .. g .. ' ' .. ARGV[3] .. ' ' .. G, '%d+') do
              if known ~= '0' and not seen[known] then
                seen[known] = true
                generations[#generations + 1] = known
              end
            end
            local list = table.concat(generations, ' ', math.max(1, #generations - 63))
            local time = redis.call('TIME')
            local held = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[10]))
            local new = {'g', G, 's', S, 'f', g .. '-' .. s, 'i', ARGV[8], 'k', list, 'h', held}
            if before(g, s, ARGV[6], ARGV[7]) then
              new[#new + 1], new[#new + 2] = 't', ARGV[6] .. '-' .. ARGV[7]
            end
            redis.call('HSET', KEYS[4], unpack(new))
            return redis.call('HMGET', KEYS[4], 'g', 's', 't', 'f')
            """#
}
