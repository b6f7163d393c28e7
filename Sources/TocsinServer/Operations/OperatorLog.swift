import Logging
import PosixIO
import Synchronization

/// The replica's log: one line for each thing an operator wants to know.
///
/// Clients and publishers can cause some of them at any rate; those go through `limited`.
final class OperatorLog: Sendable {
    private struct Burst {
        var lastWritten: MonotonicTime
        var suppressed = 0
    }

    /// At most one line of a limited kind in that time.
    private static let pause = Duration.seconds(5)

    let logger: Logger
    // Owner: whoever logs. Nothing is called while it is held.
    private let bursts = Mutex<[String: Burst]>([:])

    init(_ logger: Logger) {
        self.logger = logger
    }

    func info(_ event: String, _ message: String, _ details: KeyValuePairs<String, String> = [:]) {
        write(.info, event, message, details)
    }

    func warning(_ event: String, _ message: String, _ details: KeyValuePairs<String, String> = [:]) {
        write(.warning, event, message, details)
    }

    func error(_ event: String, _ message: String, _ details: KeyValuePairs<String, String> = [:]) {
        write(.error, event, message, details)
    }

    /// Writes a warning unless one of the same event was written just before; tells how many were left out.
    func limited(_ event: String, _ message: String, _ details: KeyValuePairs<String, String> = [:]) {
        let now = MonotonicTime.now
        let suppressed: Int? = bursts.withLock { bursts in
            guard let burst = bursts[event], now - burst.lastWritten < Self.pause else {
                let suppressed = bursts[event]?.suppressed ?? 0
                bursts[event] = Burst(lastWritten: now)
                return suppressed
            }
            bursts[event]?.suppressed += 1
            return nil
        }
        guard let suppressed else { return }
        write(.warning, event, message, details, suppressed: suppressed)
    }

    private func write(
        _ level: Logger.Level, _ event: String, _ message: String, _ details: KeyValuePairs<String, String>,
        suppressed: Int = 0
    ) {
        var metadata: Logger.Metadata = ["event": "\(event)"]
        for (key, value) in details { metadata[key] = "\(value)" }
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.log(level: level, "\(message)", metadata: metadata)
    }
}
