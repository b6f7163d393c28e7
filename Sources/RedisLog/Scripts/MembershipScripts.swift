/// Lua shared by the scripts that must not touch another deployment's log.
///
/// An address may lead to another deployment's Redis: one of its pods has the address now, its Sentinels watch a master of
/// the same name, its data was put back here. A log tells whose it is by its identity (`o` in `meta`, `LogIdentity`) and by
/// the name of its deployment (`deployment`), if that has one.
enum MembershipFunction {
    /// `stranger()`: nil where the log is the caller's or there is none, else the reply `FOREIGN` with its identity and the
    /// name of its deployment (each empty for none). `claim()` gives a log without a name that of the caller's deployment.
    ///
    /// - Where both have names, these decide.
    /// - Who knows of no log yet takes what it finds.
    /// - Else the log is the caller's if it has the identity that the caller knows, be it as a copy in another database; or
    ///   if the caller has followed its own log in the same server process: then that was deleted, and a colleague who
    ///   did not know began anew.
    /// - A log without identity, of a version that gave none, is the caller's if it has a generation that the caller saw.
    ///
    /// The last five of ARGV: the identity that the caller knows or proposes, `1` if it knows it, `1` if it has followed its
    /// log in this server process (or nobody else uses the server), the name of its deployment (empty for none), and
    /// the highest cursor that it has seen in each generation.
    static let source = #"""
        local own, isKnown, isHome, deployment, lineage = unpack(ARGV, #ARGV - 4)

        local function stranger()
          local meta = redis.call('HMGET', KEYS[4], 'o', 'deployment', 'g', 'k')
          local o, name = meta[1], meta[2]
          local foreign = {'FOREIGN', o or '', name or ''}
          if name and deployment ~= '' then return name ~= deployment and foreign or nil end
          if isKnown ~= '1' or o == own then return nil end
          if o then
            if string.match(o, '^%x+') == string.match(own, '^%x+') then return nil end
            local isFromElsewhere = string.match(o, '@%d+$') ~= string.match(own, '@%d+$')
            return (isHome ~= '1' or isFromElsewhere) and foreign or nil
          end
          if not meta[3] or isHome == '1' or lineage == '' then return nil end
          local generations = ' ' .. (meta[4] or '') .. ' ' .. meta[3] .. ' '
          for generation in string.gmatch(lineage, '(%d+)%-') do
            if string.find(generations, ' ' .. generation .. ' ', 1, true) then return nil end
          end
          return foreign
        end

        -- Where Redis takes no writes a later probe does it.
        local function claim()
          if deployment == '' then return end
          local meta = redis.call('HMGET', KEYS[4], 'g', 'deployment')
          if meta[1] and not meta[2] then redis.pcall('HSET', KEYS[4], 'deployment', deployment) end
        end

        """#
}

/// Lua shared by the scripts that read: whether the log is still the one that the caller knows, so that nothing is read
/// from another that has taken its place. The last of ARGV is the identity that the caller knows or proposes.
enum SameLogFunction {
    /// `isOther()`: whether the log has another identity.
    static let source = #"""
        local function isOther()
          local o = redis.call('HGET', KEYS[4], 'o')
          return o and o ~= ARGV[#ARGV]
        end

        """#
}

/// What a client asks first at each connect: whose log there is. One without a name gets that of the caller's deployment.
///
/// - KEYS: log, ids, counts, meta. ARGV: as `MembershipFunction`.
/// - Reply: the log's identity, empty for none; or `FOREIGN`, its identity and the name of its deployment.
enum ClaimScript {
    static let source =
        MembershipFunction.source + #"""
            local foreign = stranger()
            if foreign then return foreign end
            claim()
            return redis.call('HGET', KEYS[4], 'o') or ''
            """#
}
