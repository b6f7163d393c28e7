import CPosix
import Glibc

/// Names a registration: a slot and the generation it had, so that an event for a slot's former holder misses.
public struct PollToken: Hashable, Sendable {
    public let slot: UInt32
    public let generation: UInt32

    public init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }

    init(packed: UInt64) {
        slot = UInt32(truncatingIfNeeded: packed)
        generation = UInt32(truncatingIfNeeded: packed >> 32)
    }

    var packed: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
}

/// What a descriptor is watched for, and what was seen (epoll(7)). Level-triggered.
public struct PollEvents: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static let readable = PollEvents(rawValue: EPOLLIN.rawValue)
    public static let writable = PollEvents(rawValue: EPOLLOUT.rawValue)
    /// The peer closed its half of the connection.
    public static let peerClosed = PollEvents(rawValue: EPOLLRDHUP.rawValue)
    /// The connection is broken; always reported, never asked for.
    public static let hungUp = PollEvents(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
}

/// One epoll instance and its buffer of events. Owned and used by one thread.
public final class Poller {
    private let epoll: FileDescriptor
    private let capacity: Int
    private let events: UnsafeMutablePointer<epoll_event>

    /// - Parameter eventsPerWait: The most events one `wait` reports; the rest come with the next.
    public init(eventsPerWait: Int = 512) throws(SystemError) {
        let raw = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard raw >= 0 else { throw .last("epoll_create1") }
        epoll = FileDescriptor(raw: raw)
        capacity = eventsPerWait
        // SAFETY: owned by this object, freed in deinit, never handed out.
        events = .allocate(capacity: eventsPerWait)
        events.initialize(repeating: epoll_event(), count: eventsPerWait)
    }

    deinit {
        events.deallocate()
    }

    public func add(_ descriptor: Int32, _ interest: PollEvents, token: PollToken) throws(SystemError) {
        try control(EPOLL_CTL_ADD, descriptor, interest, token)
    }

    public func modify(_ descriptor: Int32, _ interest: PollEvents, token: PollToken) throws(SystemError) {
        try control(EPOLL_CTL_MOD, descriptor, interest, token)
    }

    /// Needed only for a descriptor that stays open; closing one removes it.
    public func remove(_ descriptor: Int32) throws(SystemError) {
        try control(EPOLL_CTL_DEL, descriptor, [], PollToken(slot: 0, generation: 0))
    }

    /// Sleeps until something happens or the time is over.
    /// - Parameter timeoutMilliseconds: 0 returns at once, -1 waits for ever.
    /// - Returns: How many events `event(at:)` now gives.
    public func wait(timeoutMilliseconds: Int32) -> Int {
        let count = epoll_wait(epoll.raw, events, Int32(capacity), timeoutMilliseconds)
        if count >= 0 { return Int(count) }
        let code = errno
        precondition(code == EINTR, "epoll_wait failed on a descriptor this object owns")
        return 0
    }

    /// Sleeps as `wait(timeoutMilliseconds:)` does, with a deadline that no rounding moves (epoll_pwait2(2)).
    /// - Parameter timeout: `nil` waits for ever.
    public func wait(timeout: Duration?) -> Int {
        guard let timeout else { return wait(timeoutMilliseconds: -1) }
        let nanoseconds = max(0, timeout.nanoseconds)
        var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        let count = epoll_pwait2(epoll.raw, events, Int32(capacity), &time, nil)
        if count >= 0 { return Int(count) }
        let code = errno
        if code == EINTR { return 0 }
        // Kernels before 5.11 lack it, and some sandboxes do not know it.
        precondition(code == ENOSYS || code == EPERM, "epoll_pwait2 failed on a descriptor this object owns")
        return wait(timeoutMilliseconds: Int32(clamping: timeout.millisecondsRoundedUp))
    }

    public func event(at index: Int) -> (token: PollToken, events: PollEvents) {
        precondition(index >= 0 && index < capacity, "no such event")
        return (PollToken(packed: events[index].data.u64), PollEvents(rawValue: events[index].events))
    }

    private func control(
        _ operation: Int32, _ descriptor: Int32, _ interest: PollEvents, _ token: PollToken
    ) throws(SystemError) {
        var event = epoll_event()
        event.events = interest.rawValue
        event.data.u64 = token.packed
        guard epoll_ctl(epoll.raw, operation, descriptor, &event) == 0 else { throw .last("epoll_ctl") }
    }
}
