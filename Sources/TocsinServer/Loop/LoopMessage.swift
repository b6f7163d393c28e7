import Broadcast
import PosixIO
import ThreatFeed

/// What one thread tells an event loop.
enum LoopMessage: Sendable {
    case log(ServedLog, LogChange)
    /// A log that is served on demand is asked for. For the loop that follows the logs.
    case wanted(ServedLog)
    /// Something that only this loop may do.
    case perform(@Sendable (EventLoop) -> Void)
    /// Close all streams within that time, answer what is under way, and end.
    case drain(within: Duration)
    /// End at once.
    case stop
}

/// What has become of a log.
enum LogChange: Sendable {
    /// The feed begins: the log stands after `cursor`, and these entries follow it.
    case begin(after: Cursor, [FeedEntry])
    /// New entries, in order.
    case entries([FeedEntry])
    /// Retention has let go of everything up to a cursor.
    case trimmed(through: Cursor)
    /// It cannot be followed for the moment.
    case unreachable(LogOutage)
    /// It is followed again: what came meanwhile has been handed over.
    case reachable
    /// Sentinels name another master (`MasterMove.revision`).
    case masterMoved(revision: UInt64)
    /// The log is no longer followed.
    case closed
}

/// How other threads reach an event loop.
struct LoopHandle: Sendable {
    let mailbox: Mailbox<LoopMessage>
    let metrics: LoopMetrics
    let links = LoopLinks()
}
