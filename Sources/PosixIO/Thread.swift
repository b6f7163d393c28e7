import CPosix
import Glibc

/// One POSIX thread, joined explicitly.
public struct Thread: Sendable {
    private let handle: pthread_t

    /// Starts a thread. `nonisolated` and boxed: a closure made in an isolated context would carry that isolation.
    /// - Parameter name: As `ps` shows it; cut to 15 bytes.
    public static func start(
        name: String, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) -> Thread {
        var handle = pthread_t()
        // SAFETY: the box is retained here and released by the thread that takes it.
        let box = Unmanaged.passRetained(Body(name: name, run: body))
        let status = pthread_create(
            &handle, nil,
            { raw in
                guard let raw else { return nil }
                let body = Unmanaged<Body>.fromOpaque(raw).takeRetainedValue()
                tocsin_thread_name(String(body.name.prefix(15)))
                body.run()
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            box.release()
            throw SystemError(code: status, operation: "pthread_create")
        }
        return Thread(handle: handle)
    }

    /// Waits until the thread has ended. Call it once.
    public func join() {
        pthread_join(handle, nil)
    }

    /// Lets the thread end by itself. Call it once, and `join` never.
    public func detach() {
        pthread_detach(handle)
    }

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }
}
