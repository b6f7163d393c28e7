/// What the reading scripts answer first: generation, last sequence number, `t` and `f`, each a string or null.
enum HeadFunction {
    static let source = #"""
        local head = redis.call('HMGET', KEYS[4], 'g', 's', 't', 'f')
        """#
}

/// The probe of each second; trims what is too old or too much, at most 256 entries.
///
/// - KEYS: log, ids, counts, meta. ARGV: retention count, retention time (Unix ms).
/// - Reply: head (four elements), number retained, number ever accepted, number trimmed now, why Redis refuses writes
///   (empty when it does not), and the incarnation of the server that the log was last
///   adopted in.
enum MaintainScript {
    static let source =
        TrimFunction.source + #"""

            -- Refused before anything was written when Redis is out of memory, read-only or cannot save.
            local probe = redis.pcall('HSET', KEYS[4], 'w', ARGV[2])
            local refused = type(probe) == 'table' and probe.err or ''
            local before, retained = redis.call('XLEN', KEYS[1]), nil
            if refused == '' then retained = trim(tonumber(ARGV[1]), tonumber(ARGV[1]), tonumber(ARGV[2])) end
            retained = retained or before
            local head = redis.call('HMGET', KEYS[4], 'g', 's', 't', 'f', 'n', 'i')
            return {head[1], head[2], head[3], head[4], retained, head[5], before - retained, refused, head[6] or ''}
            """#
}

/// Reads what follows a cursor. KEYS: log, ids, counts, meta. ARGV: generation, sequence, limit.
///
/// Reply: head (four elements), then `A` (the cursor is ahead of the head), `U` (there never was its generation), `T`
/// (trimmed: the cursor lies before `t`) or the array of entries and 1 if the entry at the cursor itself still stands,
/// else 0.
enum ResumeScript {
    static let source =
        HeadFunction.source + #"""

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
            head[5] = redis.call('XRANGE', KEYS[1], '(' .. cursor, '+', 'COUNT', ARGV[3])
            head[6] = #redis.call('XRANGE', KEYS[1], cursor, cursor)
            return head
            """#
}

/// The newest entries. KEYS: log, ids, counts, meta. ARGV: upper end of the range as XREVRANGE takes it, limit.
/// Reply: head (four elements), then the array of entries, newest first.
enum NewestScript {
    static let source =
        HeadFunction.source + #"""

            head[5] = redis.call('XREVRANGE', KEYS[1], ARGV[1], '-', 'COUNT', ARGV[2])
            return head
            """#
}

/// One entry by id. KEYS: log, ids, counts, meta. ARGV: id. Reply: array of at most one entry.
enum FindScript {
    static let source = #"""
        local place = redis.call('HGET', KEYS[2], ARGV[1])
        if not place then return {} end
        local cursor = string.match(place, '^%S+')
        return redis.call('XRANGE', KEYS[1], cursor, cursor)
        """#
}

/// Which ids the index lacks. KEYS: log, ids, counts, meta. ARGV: at most 1,000 ids.
/// Reply: head (four elements; up to its third retention has trimmed), then the positions of those that are missing.
enum MissingScript {
    static let source =
        HeadFunction.source + #"""

            local reply = head
            for position, place in ipairs(redis.call('HMGET', KEYS[2], unpack(ARGV))) do
              if not place then reply[#reply + 1] = position end
            end
            return reply
            """#
}

/// Everything counted. KEYS: log, ids, counts, meta. Reply: number ever accepted, number retained, facets and counts,
/// generation and last sequence number.
enum CountsScript {
    static let source = #"""
        local meta = redis.call('HMGET', KEYS[4], 'n', 'g', 's')
        return {meta[1], redis.call('XLEN', KEYS[1]), redis.call('HGETALL', KEYS[3]), meta[2], meta[3]}
        """#
}
