import FaultInjection
import PosixIO
import Synchronization
import TocsinClient

/// Asks each tenth of a second, past all proxies, whether Redis could keep a threat: the master that the sentinels name
/// takes a write, and as many replicas as wanted confirm it.
final class RedisWatch: Sendable {
    /// A time in which Redis was usable without a break.
    struct Usable: Sendable {
        let start: MonotonicTime
        var end: MonotonicTime
    }

    private let spans = Mutex<[Usable]>([])
    private let isStopping = StopFlag()
    private let thread: Mutex<Thread?>

    init(_ redis: SentinelDeployment, minReplicas: Int) throws(ClientError) {
        thread = Mutex(nil)
        do throws(SystemError) {
            let started = try Thread.start(name: "redis-watch") { [self] in
                var wasUsable = false
                while isStopping.sleep(.milliseconds(100)) {
                    let start = MonotonicTime.now
                    let isUsable = Self.isUsable(redis, minReplicas)
                    if isUsable { note(start, continuing: wasUsable) }
                    wasUsable = isUsable
                }
            }
            thread.withLock { $0 = started }
        } catch {
            throw .childFailed(error.description)
        }
    }

    /// Ends the watch.
    /// - Returns: When Redis was usable, in order.
    func stop() -> [Usable] {
        isStopping.set()
        let running = thread.withLock { thread in
            let running = thread
            thread = nil
            return running
        }
        running?.join()
        return spans.withLock { $0 }
    }

    private func note(_ start: MonotonicTime, continuing: Bool) {
        spans.withLock { spans in
            if continuing, !spans.isEmpty {
                spans[spans.count - 1].end = .now
            } else {
                spans.append(Usable(start: start, end: .now))
            }
        }
    }

    private static func isUsable(_ redis: SentinelDeployment, _ minReplicas: Int) -> Bool {
        guard let port = redis.master?.port,
            let connection = try? RedisConnection(port: port, deadline: .milliseconds(500)),
            let role = try? connection.command("ROLE"), role.elements.first?.text == "master",
            let write = try? connection.command("SET", "chaos-watch", "1"), write == .simple("OK")
        else { return false }
        guard minReplicas > 0 else { return true }
        guard let confirmed = (try? connection.command("WAIT", String(minReplicas), "300"))?.number else {
            return false
        }
        return confirmed >= minReplicas
    }
}
