public import PosixIO

extension RedisLink {
    func enqueue(_ command: RedisCommand, on wire: RedisWire, _ reply: @escaping ReplyHandler) {
        pending.append(command, reply)
        wire.enqueue(command)
    }

    func flush(_ wire: RedisWire) {
        if case .connecting = state { return }
        // From now on, not from when the turn began: what its work took is no silence of Redis.
        pending.stamp(.now + limits.answerTimeout)
        do throws(WireError) {
            try wire.flush()
        } catch {
            fail(lastWord(of: wire) ?? explanation(of: error))
        }
    }

    /// Why Redis has closed a TLS connection, if it said so before: an alert that is still to be read.
    private func lastWord(of wire: RedisWire) -> String? {
        guard peerTLS != nil else { return nil }
        do throws(WireError) {
            _ = try wire.receive(through: buffer)
            return nil
        } catch {
            return explanation(of: error)
        }
    }

    func receive(_ wire: RedisWire) {
        // Bounded, so that a flood of replies leaves the loop its other work; the poller reports the rest again.
        for _ in 0..<16 {
            let result: TransferResult
            do throws(WireError) {
                result = try wire.receive(through: buffer)
            } catch {
                return fail(error)
            }
            switch result {
            case .bytes(let count):
                guard deliverReplies(of: wire), count == buffer.received.count || wire.hasEnded else { return }
            case .wouldBlock: return
            case .endOfStream: return fail(ending("closed by \(peerName)"))
            case .failed(let error): return fail(ending("\(error)"))
            }
        }
    }

    /// A server that expects TLS ends a connection without it, most often without a word.
    private func ending(_ reason: String) -> String {
        guard case .greeting = state, peerTLS == nil, endpoint.isRemote else { return reason }
        return "\(reason) before an answer; if it speaks TLS on this port, \(tlsHint)"
    }

    /// Takes what has come by now, where time has made something due: nobody is silent whose answer waits in the socket of a
    /// process that did not run, or had more to do than one turn takes.
    public func readAhead(now: MonotonicTime) {
        if let due = nextDeadline { readAhead(of: due, now: now) }
    }

    /// - Parameter due: When something is due.
    func readAhead(of due: MonotonicTime, now: MonotonicTime) {
        if now >= due, isUp { handle(.readable, now: now) }
    }

    /// - Returns: Whether the connection still stands afterwards.
    private func deliverReplies(of wire: RedisWire) -> Bool {
        while self.wire === wire {
            let reply: RedisReply?
            do throws(ReplyError) {
                reply = try wire.reader.next()
            } catch {
                fail("not a Redis reply: \(error.reason)")
                return false
            }
            guard let reply else { return true }
            deliver(reply)
        }
        return false
    }

    private func deliver(_ reply: RedisReply) {
        if mode == .subscriber, case .array(let elements) = reply, let kind = elements.first?.text,
            Self.pushKinds.contains(kind)
        {
            onPush?(elements)
        } else if let handler = pending.popFirst() {
            handler(.success(reply))
        } else if case .error(let code, let message) = reply {
            fail(Self.explanation(code: code, message: message, of: peerName))
        } else {
            fail("an answer to no command")
        }
    }

    private static let pushKinds: Set<String> = [
        "message", "subscribe", "unsubscribe", "pmessage", "psubscribe", "punsubscribe",
    ]
}
