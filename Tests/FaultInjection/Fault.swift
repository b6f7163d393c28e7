/// What happens to the bytes of one direction of a proxied connection.
public enum Fault: Sendable, Equatable {
    /// They are passed on.
    case none
    /// They are passed on this much later.
    case delay(Duration)
    /// They are read and thrown away while the connection stays open, as when a firewall forgets it: nobody is told.
    case drop
    /// They are not even read. What was sent meanwhile arrives once the fault is gone.
    case hang
    /// They are passed on a few at a time.
    case slice(bytes: Int)
}

/// Which way bytes go.
public struct FaultDirection: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let toServer = FaultDirection(rawValue: 1)
    public static let toClient = FaultDirection(rawValue: 2)
    public static let both: FaultDirection = [.toServer, .toClient]
}

/// Which connections a fault is for. One on which the client said SUBSCRIBE is a subscription, any other carries
/// commands.
public struct FaultScope: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let commands = FaultScope(rawValue: 1)
    public static let subscriptions = FaultScope(rawValue: 2)
    public static let all: FaultScope = [.commands, .subscriptions]
}

/// What new connections meet.
public enum ProxyDoor: Sendable, Equatable {
    case open
    /// Nobody listens: ECONNREFUSED.
    case refusing
    /// Accepted, then reset at once.
    case resetting
    /// Accepted, then ended at once, as by a sidecar with nobody behind it.
    case closing
}

/// Bytes to be replaced by others of the same number on their way; both must arrive in one piece to be found.
public struct ByteRewrite: Sendable, Equatable {
    public let original: [UInt8]
    public let replacement: [UInt8]
    public let direction: FaultDirection

    public init(_ original: String, with replacement: String, _ direction: FaultDirection = .both) {
        precondition(
            original.utf8.count == replacement.utf8.count && !original.isEmpty,
            "lengths stand in the protocol: they must stay as they are")
        self.original = Array(original.utf8)
        self.replacement = Array(replacement.utf8)
        self.direction = direction
    }

    func apply(to bytes: inout [UInt8]) {
        guard bytes.count >= original.count else { return }
        var start = 0
        while start + original.count <= bytes.count {
            if bytes[start] == original[0], bytes[start..<(start + original.count)].elementsEqual(original) {
                bytes.replaceSubrange(start..<(start + original.count), with: replacement)
                start += original.count
            } else {
                start += 1
            }
        }
    }
}
