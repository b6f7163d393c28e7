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
/// A log whose keys do not fit together (`Vouching`) has lost something, and rises as well, whatever head was observed.
/// What can be made again from the entries is: the head from the newest, the index and the counts from all of them. So
/// is a copy from another database, which goes on as a log of its own.
///
/// A log without an identity, of a version that had none, gets the caller's.
///
/// Generations that the caller went through and the log has not heard of, because they were of a branch that was left,
/// are added to the list in `k`: clients that come from there can resume.
///
/// Another deployment's log is left as it is (`MembershipFunction`).
///
/// - KEYS: log, ids, counts, meta.
/// - ARGV: observed generation and sequence (`0`, `0` for no log), known generation and sequence of the caller, the
///   server's incarnation, `1` if the server keeps all it has answered, for how long only held entries are
///   accepted (ms), the feed channel, the incarnations that the caller knew the log in, `*` for all if nobody else uses
///   the server, from where on entries are looked up (as XRANGE takes it), `1` if the counts are to be added up, and
///   whose log it should be, as `MembershipFunction` has it.
/// - Reply: the head now standing (four elements), its identity, and `d`: the generation of the last fork for which
///   keys did not fit, and why; or `FOREIGN` as there.
enum ForkScript {
    static let source =
        MembershipFunction.source + guardedHead + Vouching.misfit + "\n" + Vouching.rebuild + "\n" + prologue + "\n"
        + decision + "\n" + forking

    private static let guardedHead =
        #"""
        local foreign = stranger()
        if foreign then return foreign end

        """# + HeadFunction.source + "\n"

    /// What is lost, and what the generations were.
    private static let prologue = #"""
        local call, match = redis.call, string.match
        local g, s = head[1] or '0', head[2] or '0'
        local meta = call('HMGET', KEYS[4], 'i', 'k', 'n', 'x', 'o', 'd', 'b')
        local length = call('XLEN', KEYS[1])
        local function answer()
          head = call('HMGET', KEYS[4], 'g', 's', 't', 'f')
          head[5], head[6] = meta[5] or '', meta[6] or ''
          return head
        end

        -- What is not of the log's types is somebody else's: an error before the first write.
        for i = 2, 3 do call('HGET', KEYS[i], '') end
        local damage, hasLostEntries = misfit(ARGV[10], 128)
        if ARGV[11] == '1' and not damage and not meta[7] then
          local total = 0
          for i, count in ipairs(call('HGETALL', KEYS[3])) do
            if i % 2 == 0 then total = total + (tonumber(count) or 0) end
          end
          if total ~= length then
            damage = string.format('%d threats are counted and %d stand in the log', total, length)
          end
        end
        local generations, listed = {}, {}
        local function list(generation)
          if generation ~= '0' and not listed[generation] then
            listed[generation] = true
            generations[#generations + 1] = generation
          end
        end
        if damage and not head[1] then
          -- The newest entry is where the head was.
          local last = call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
          if last then g, s = match(last[1], '^(%d+)%-(%d+)$') end
          local entry, from = nil, '-'
          for _ = 1, 1000 do
            entry = call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
            if not entry then break end
            local generation = match(entry[1], '^%d+')
            list(generation)
            from = '(' .. generation .. '-18446744073709551615'
          end
        end
        for generation in string.gmatch((meta[2] or '') .. ' ' .. g, '%d+') do list(generation) end
        local count = #generations
        local earliest, seen, isForeign = nil, {}, head[1] and meta[2] and lineage ~= ''
        for generation, sequence in string.gmatch(lineage, '(%d+)%-(%d+)') do
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
        """#

    /// Whether the generation rises.
    private static let decision = #"""
        -- Also where the head has moved on: names of generations do no harm, and the caller can read at once.
        if head[1] and meta[2] and not isForeign and #generations > count then
          call('HSET', KEYS[4], 'k', names())
        end
        -- How many entries retention has let go of. Where nobody counted, what is not there was let go of.
        local trimmed = gone(meta[4], head[3])
          or head[1] and (tonumber(meta[3]) or 0) - length
        local database = match(own, '@%d+$')
        local isCopy = meta[5] and match(meta[5], '@%d+$') ~= database
        if head[1] and not damage and not meta[5] then
          meta[5] = own
          call('HSET', KEYS[4], 'o', meta[5], 'x', string.format('%d %s', trimmed, head[3] or ''))
        end
        local hasMoved = g ~= ARGV[1] or s ~= ARGV[2]
        if hasMoved and not isForeign and not damage and not isCopy then return answer() end

        local function before(g1, s1, g2, s2)
          g1, s1, g2, s2 = tonumber(g1), tonumber(s1), tonumber(g2), tonumber(s2)
          return g1 < g2 or g1 == g2 and s1 < s2
        end
        local isBehind = isForeign or before(g, s, ARGV[3], ARGV[4])
        -- A log of a version that kept no incarnation proves nothing against itself. A process that has forgotten
        -- its promotion is the same one.
        local isTrusted = not meta[1] or meta[1] == ARGV[5]
          or string.sub(meta[1], 1, #ARGV[5] + 1) == ARGV[5] .. '/'
          or ARGV[6] == '1'
            and (ARGV[9] == '*' or string.find(' ' .. ARGV[9] .. ' ', ' ' .. meta[1] .. ' ', 1, true))
        if not isBehind and isTrusted and not damage and not isCopy then
          if head[1] and meta[1] ~= ARGV[5] then call('HSET', KEYS[4], 'i', ARGV[5]) end
          return answer()
        end
        """#

    /// The fork itself.
    private static let forking = #"""
        local time = call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        -- Behind every entry, whoever put it there.
        local newest = call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
        local newestIn = newest and tonumber(match(newest[1], '^%d+')) or 0
        local G = string.format('%.0f', math.max(now, tonumber(g) + 1, tonumber(ARGV[3]) + 1, newestIn + 1))
        local S = math.max(tonumber(s), tonumber(ARGV[4]))
        list(ARGV[3])
        list(G)
        local held = string.format('%.0f', now + tonumber(ARGV[7]))

        local unseen = {}
        if isBehind and earliest then
          local most = isForeign and 10000 or 1000
          for _, entry in ipairs(call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', most)) do
            local generation, sequence = match(entry[1], '^(%d+)%-(%d+)$')
            if tonumber(sequence) <= (seen[generation] or -1) then break end
            if tonumber(generation) < earliest and not isForeign then break end
            unseen[#unseen + 1] = entry
          end
        end
        local start = head[3] or ''
        if not head[1] then
          -- What stood before the oldest entry is taken for trimmed, and so is nothing where a log begins anew.
          local first = call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
          local generation, sequence = match(first and first[1] or '', '^(%d+)%-(%d+)$')
          trimmed = (tonumber(sequence) or 1) - 1
          if first then
            start = string.format('%s-%d', generation, trimmed)
          elseif ARGV[3] == '0' and ARGV[4] == '0' then
            start = G .. '-0'
          end
          if start ~= '' then call('HSET', KEYS[4], 't', start) end
        -- Where nothing was trimmed, a log tells where it began: it has been going on for longer.
        elseif isForeign and match(start, '%-0$') then
          call('HDEL', KEYS[4], 't')
          start = ''
        end
        for i = #unseen, 1, -1 do
          local old, blob = unseen[i][1], unseen[i][2][2]
          local id, digest = match(blob, '^(%S+) (%x+) ')
          S = S + 1
          local cursor = G .. '-' .. string.format('%.0f', S)
          call('XADD', KEYS[1], cursor, 'r', blob)
          call('HSET', KEYS[2], id, cursor .. ' ' .. digest)
          call('XDEL', KEYS[1], old)
        end
        S = string.format('%.0f', S)
        if isCopy or not meta[5] then meta[5] = own end
        call('HSET', KEYS[4], 'g', G, 's', S, 'f', g .. '-' .. s, 'i', ARGV[5], 'k', names(), 'h', held,
          'o', meta[5], 'x', string.format('%d %s', trimmed, start))
        claim()
        if damage then
          -- What is gone is settled herewith, also while the index is made again in many steps.
          call('HSET', KEYS[4], 'n', string.format('%d', trimmed + call('XLEN', KEYS[1])))
          meta[6] = G .. ' ' .. damage
          call('HSET', KEYS[4], 'd', meta[6])
          if hasLostEntries then call('HSET', KEYS[4], 'e', G) end
          forget(KEYS[2])
          forget(KEYS[3])
          rebuild('-', tonumber(ARGV[7]))
        end
        call('PUBLISH', ARGV[8], '!')
        return answer()
        """#
}
