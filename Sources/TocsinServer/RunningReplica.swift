import Codecs
import Glibc
import PosixIO
import RedisLog

/// The threads of a replica and the main thread's work: signals, the private Redis, the drain.
final class RunningReplica {
    /// A private Redis may have a long log to load.
    private static let loadingPatience = Duration.seconds(300)

    private let shared: ReplicaShared
    private let redis: PrivateRedis?
    private let signals: SignalDescriptor
    private let poller: Poller
    private let handles: [LoopHandle]
    private let threads: [Thread]
    private let address: SocketAddress
    private var isDraining = false

    init(
        _ configuration: ReplicaConfiguration, endpoint: RedisEndpoint, redis: PrivateRedis?,
        certificates: CertificateStore?, listeners: consuming Listeners.Opened, signals: SignalDescriptor,
        logger: OperatorLog
    ) throws(SystemError) {
        let sockets = listeners.sockets
        address = listeners.address
        self.signals = signals
        self.redis = redis
        poller = try Poller(eventsPerWait: 4)
        try poller.add(signals.descriptor, .readable, token: PollToken(slot: 0, generation: 0))
        var handles: [LoopHandle] = []
        for _ in sockets { handles.append(LoopHandle(mailbox: try Mailbox(), metrics: LoopMetrics())) }
        self.handles = handles
        shared = ReplicaShared(
            configuration, endpoint: endpoint, certificates: certificates, logger: logger, loops: handles)
        // libcrypto sets itself up when it is first used: not while the first client waits for its handshake.
        _ = SHA1.hash([])
        var threads: [Thread] = []
        for index in handles.indices {
            threads.append(
                try Self.startLoop(
                    shared, handles[index], sockets[index], peers: index == 0 ? Array(handles.dropFirst()) : nil,
                    name: "tocsin-loop-\(index)"))
        }
        self.threads = threads
    }

    /// Waits for a signal, keeps the private Redis alive meanwhile, and ends everything in order.
    func superviseUntilDrained() throws(StartFailure) {
        do throws(StartFailure) {
            try waitUntilReady()
        } catch {
            end(.stop)
            throw error
        }
        // Clients may be here already when a signal ends the start.
        if !isDraining { announce() }
        while !isDraining { wait() }
        end(.drain(within: shared.configuration.drainPeriod))
        shared.logger.info("drained", "all connections are closed")
    }

    private func announce() {
        let scheme = shared.certificates == nil ? "http" : "https"
        shared.logger.info(
            "ready", "Tocsin \(TocsinVersion.current) is ready; dashboard: \(scheme)://\(address)/",
            [
                "event_loops": "\(handles.count)",
                "redis": "\(shared.endpoint)",
            ])
    }

    private func waitUntilReady() throws(StartFailure) {
        let patience = redis == nil ? shared.configuration.startPeriod : Self.loadingPatience
        let deadline = MonotonicTime.now + patience
        while !shared.readiness.isFollowing, !isDraining {
            wait(atMost: .milliseconds(20))
            if MonotonicTime.now > deadline {
                let reason = shared.readiness.downReason
                throw .unavailable(
                    "Redis at \(shared.endpoint) cannot be used\(reason.isEmpty ? "" : ": \(reason)")")
            }
        }
    }

    private func wait(atMost limit: Duration = .seconds(3600)) {
        let now = MonotonicTime.now
        var wake = now + limit
        if let due = redis?.restartDue { wake = min(wake, due) }
        _ = poller.wait(timeoutMilliseconds: Int32(clamping: max(0, (wake - now).millisecondsRoundedUp)))
        while let signal = signals.next() { receive(signal) }
        redis?.supervise(now: .now)
    }

    private func receive(_ signal: Int32) {
        switch signal {
        case SIGTERM, SIGINT:
            if isDraining {
                shared.logger.warning("stop", "a second signal ends the drain")
                for handle in handles { handle.mailbox.post(.stop) }
            } else {
                isDraining = true
                shared.status.beginDrain()
                shared.logger.info(
                    "drain", "draining: clients are closed with 1012",
                    ["connections": "\(shared.admission.connections.value)"])
            }
        case SIGHUP: reloadCertificate()
        // SIGCHLD only wakes the supervision.
        default: break
        }
    }

    /// The rest of the configuration is read at the start only.
    private func reloadCertificate() {
        guard let certificates = shared.certificates else {
            // A terminal that goes away must not end the replica.
            shared.logger.info("hangup", "SIGHUP is ignored: there is no TLS certificate to read again")
            return
        }
        do throws(TLSError) {
            try certificates.reload()
            shared.logger.info("certificate_reloaded", "new connections get the certificate as it is on disk")
        } catch {
            shared.logger.error(
                "certificate_not_reloaded", "the former certificate stays in use: it cannot be read again",
                ["reason": "\(error)"])
        }
    }

    /// Ends the loops, then the private Redis.
    private func end(_ message: LoopMessage) {
        for handle in handles { handle.mailbox.post(message) }
        let deadline = MonotonicTime.now + shared.configuration.drainPeriod + .seconds(2)
        while shared.runningLoops.value > 0, MonotonicTime.now < deadline { wait(atMost: .milliseconds(10)) }
        for handle in handles { handle.mailbox.post(.stop) }
        for thread in threads { thread.join() }
        redis?.stop()
    }

    /// Outside any isolation: a closure made inside an isolated context would carry that to the new thread.
    static func startLoop(
        _ shared: ReplicaShared, _ handle: LoopHandle, _ listener: Listeners.ListeningSocket, peers: [LoopHandle]?,
        name: String
    ) throws(SystemError) -> Thread {
        let raw = listener.take().release()
        shared.runningLoops.add(1)
        return try Thread.start(name: name) {
            do {
                try EventLoop(shared: shared, handle: handle, listener: FileDescriptor(raw: raw), peers: peers).run()
            } catch {
                preconditionFailure("an event loop gets a poller: \(error)")
            }
            shared.runningLoops.add(-1)
        }
    }
}
