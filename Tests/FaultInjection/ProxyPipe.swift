import PosixIO

/// One direction of a proxied connection: what was read and not yet passed on.
struct ProxyPipe {
    /// Passed on, or thrown away, when the time has come.
    private var pieces: [(due: MonotonicTime, bytes: ArraySlice<UInt8>)] = []
    private var byteCount = 0
    /// Read to the end.
    private(set) var hasEnded = false
    /// The end was passed on.
    private(set) var isFinished = false
    /// Bytes were thrown away: nothing that follows would be right.
    private(set) var isTainted = false
    /// The sink took less than it was offered.
    private(set) var isBlocked = false

    static let bytesMax = 256 << 10

    mutating func received(_ bytes: [UInt8], _ fault: Fault, now: MonotonicTime) {
        switch fault {
        case .drop:
            isTainted = true
            pieces = []
            byteCount = 0
        case .delay(let duration): append(bytes, now + duration)
        case .none, .hang, .slice: append(bytes, now)
        }
    }

    mutating func ended() {
        hasEnded = true
    }

    private mutating func append(_ bytes: [UInt8], _ due: MonotonicTime) {
        guard !isTainted else { return }
        pieces.append((due, bytes[...]))
        byteCount += bytes.count
    }

    /// Whether the source is to be read.
    func wantsInput(_ fault: Fault) -> Bool {
        if hasEnded { return false }
        return fault != .hang && (isTainted || byteCount < Self.bytesMax)
    }

    /// Whether to wait until the sink takes more.
    func wantsOutput(_ fault: Fault) -> Bool {
        isBlocked && mayPass(fault)
    }

    /// When to pass on what waits, if nothing else happens before.
    func nextDue(_ fault: Fault) -> MonotonicTime? {
        mayPass(fault) && !isBlocked ? pieces.first?.due : nil
    }

    /// Whether its end is still to be passed on, and nothing stands before it.
    func isEnding(_ fault: Fault) -> Bool {
        hasEnded && !isFinished && pieces.isEmpty && mayPass(fault)
    }

    mutating func finish() {
        isFinished = true
    }

    private func mayPass(_ fault: Fault) -> Bool {
        switch fault {
        case .none, .delay, .slice: !isTainted
        case .drop, .hang: false
        }
    }

    /// Passes on what is due.
    /// - Returns: Whether the sink is still usable.
    mutating func pass(to sink: borrowing FileDescriptor, _ fault: Fault, now: MonotonicTime) -> Bool {
        isBlocked = false
        guard mayPass(fault) else { return true }
        while let piece = pieces.first, piece.due <= now {
            var offered = piece.bytes
            var isSliced = false
            if case .slice(let bytes) = fault {
                offered = offered.prefix(max(1, bytes))
                isSliced = true
            }
            // SAFETY: the pointer is used only inside the call, while the slice lives.
            switch offered.withUnsafeBytes({ Socket.send(sink, $0) }) {
            case .bytes(let count):
                byteCount -= count
                pieces[0].bytes = piece.bytes.dropFirst(count)
                if pieces[0].bytes.isEmpty { pieces.removeFirst() }
                // The rest in turns of their own, so that the peer can read in between.
                if isSliced { return true }
            case .wouldBlock:
                isBlocked = true
                return true
            case .endOfStream, .failed: return false
            }
        }
        return true
    }
}
