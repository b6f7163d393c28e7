public import PosixIO

/// Whether messages come through a subscription, all the way from PUBLISH to the subscriber. Sans I/O.
///
/// A server that answers PING on the subscribing connection proves that connection only: the subscription may be gone
/// from it, or the commands may go to another server by now. So a probe is published on the same channel, again and
/// again, and must be heard.
public struct SubscriptionSession: Sendable {
    public enum Action: Hashable, Sendable {
        case none
        /// Publish the probe of this number; say `publishFailed` if that was not possible.
        case publish(number: UInt64)
        /// The subscription is deaf: make a new one.
        case reconnect
    }

    private struct Probe {
        let number: UInt64
        let sentAt: MonotonicTime
        var deadline: MonotonicTime
    }

    private enum State {
        case down
        case subscribing
        case open(isProven: Bool, awaited: Probe?, nextProbe: MonotonicTime)
    }

    /// While other messages come, a probe may still stand behind them.
    private static let patienceUnderLoad = 3

    private var state = State.down
    private var lastNumber: UInt64 = 0
    private let interval: Duration
    private let timeout: Duration

    /// - Parameters:
    ///   - interval: Between two probes.
    ///   - timeout: How long a published probe may take to be heard.
    public init(interval: Duration = .seconds(1), timeout: Duration = .seconds(3)) {
        self.interval = interval
        self.timeout = timeout
    }

    /// The server has confirmed the subscription.
    public var isSubscribed: Bool {
        if case .open = state { true } else { false }
    }

    /// A probe was heard since the subscription was made.
    public var isProven: Bool {
        if case .open(true, _, _) = state { true } else { false }
    }

    /// When `tick` has something to do next.
    public var nextDeadline: MonotonicTime? {
        guard case .open(_, let awaited, let nextProbe) = state else { return nil }
        return awaited?.deadline ?? nextProbe
    }

    public mutating func linkCameUp() {
        state = .subscribing
    }

    public mutating func linkWentDown() {
        state = .down
    }

    public mutating func subscribed(now: MonotonicTime) {
        state = .open(isProven: false, awaited: nil, nextProbe: now)
    }

    /// Commands can be given to the server again: there is no need to wait for the next probe.
    public mutating func commandsCameUp(now: MonotonicTime) {
        guard case .open(let isProven, nil, _) = state else { return }
        state = .open(isProven: isProven, awaited: nil, nextProbe: now)
    }

    /// A probe of this subscriber was heard.
    public mutating func heard(number: UInt64) {
        guard case .open(_, let awaited?, let nextProbe) = state, awaited.number == number else { return }
        state = .open(isProven: true, awaited: nil, nextProbe: nextProbe)
    }

    /// Another message came.
    public mutating func received(now: MonotonicTime) {
        guard case .open(let isProven, var awaited?, let nextProbe) = state else { return }
        awaited.deadline = min(now + timeout, awaited.sentAt + timeout * Self.patienceUnderLoad)
        state = .open(isProven: isProven, awaited: awaited, nextProbe: nextProbe)
    }

    /// A probe could not be published, which says nothing about the subscription.
    public mutating func publishFailed(number: UInt64) {
        guard case .open(let isProven, let awaited?, let nextProbe) = state, awaited.number == number else { return }
        state = .open(isProven: isProven, awaited: nil, nextProbe: nextProbe)
    }

    /// - Parameter canPublish: Whether a command can be given to the server.
    public mutating func tick(now: MonotonicTime, canPublish: Bool) -> Action {
        guard case .open(let isProven, let awaited, let nextProbe) = state else { return .none }
        if let awaited { return now >= awaited.deadline ? .reconnect : .none }
        guard now >= nextProbe else { return .none }
        guard canPublish else {
            state = .open(isProven: isProven, awaited: nil, nextProbe: now + interval)
            return .none
        }
        lastNumber += 1
        let probe = Probe(number: lastNumber, sentAt: now, deadline: now + timeout)
        state = .open(isProven: isProven, awaited: probe, nextProbe: now + interval)
        return .publish(number: lastNumber)
    }
}

/// The text of a probe on the feed channel: `? ID NUMBER`. Whoever did not send it passes over it.
struct ProbeMessage: Hashable {
    let subscriber: UInt64
    let number: UInt64

    init(subscriber: UInt64, number: UInt64) {
        self.subscriber = subscriber
        self.number = number
    }

    /// - Returns: `nil` for a payload that is no probe.
    init?(_ payload: [UInt8]) {
        guard payload.first == UInt8(ascii: "?") else { return nil }
        let parts = payload.split(separator: UInt8(ascii: " "))
        guard parts.count == 3, let subscriber = UInt64(String(decoding: parts[1], as: UTF8.self)),
            let number = UInt64(String(decoding: parts[2], as: UTF8.self))
        else { return nil }
        self.init(subscriber: subscriber, number: number)
    }

    var text: String { "? \(subscriber) \(number)" }
}
