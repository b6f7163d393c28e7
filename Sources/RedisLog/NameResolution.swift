import Glibc
import PosixIO
import Synchronization

/// Why a host name gave no address.
struct NameFailure: Error, CustomStringConvertible {
    let reason: String

    var description: String { reason }
}

/// A look-up of a host name on a thread of its own, because getaddrinfo(3) may block for seconds.
final class NameResolution {
    private let answer: Answer
    private var thread: Thread?

    init(host: String, port: UInt16) {
        let answer = Answer()
        self.answer = answer
        do {
            thread = try Thread.start(name: "resolve") {
                do throws(ResolveError) {
                    answer.set(.success(try SocketAddress.resolve(host: host, port: port)))
                } catch {
                    answer.set(.failure(NameFailure(reason: "\(error)")))
                }
            }
        } catch {
            thread = nil
            answer.set(.failure(NameFailure(reason: "\(host): \(error)")))
        }
    }

    deinit {
        // Nobody waits for it any more; it ends when the look-up does.
        thread?.detach()
    }

    /// - Returns: `nil` until the look-up has ended. Call it no more after an answer.
    func take() -> Result<[SocketAddress], NameFailure>? {
        guard let result = answer.take() else { return nil }
        // The thread has nothing left to do but end.
        thread?.join()
        thread = nil
        return result
    }

    /// Whether a host is an address already, which is looked up without asking anybody.
    static func isLiteral(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1 || host.contains("%")
    }

    private final class Answer: Sendable {
        // Owner: the resolving thread until it has set it, then the loop. Nothing is called while it is held.
        private let value = Mutex<Result<[SocketAddress], NameFailure>?>(nil)

        func set(_ result: Result<[SocketAddress], NameFailure>) {
            value.withLock { $0 = result }
        }

        func take() -> Result<[SocketAddress], NameFailure>? {
            value.withLock { current in
                let taken = current
                current = nil
                return taken
            }
        }
    }
}
