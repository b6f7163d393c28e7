import Glibc
import Logging
import PosixIO
import RedisLog

/// The product's WebSocket stack as an echo server, for test suites of the protocol.
public enum EchoServer {
    /// Serves until SIGTERM or SIGINT.
    ///
    /// Call it on the main thread before any other thread starts.
    /// - Parameters:
    ///   - host: Listen address.
    ///   - port: Listen port; 0 takes a free one, which standard error names.
    /// - Returns: An exit code of the contract: 0, 64 or 70. What is wrong stands on standard error.
    public static func run(host: String, port: UInt16) -> Int32 {
        var configuration = ReplicaConfiguration()
        configuration.host = host
        configuration.port = port
        configuration.eventLoops = 1
        configuration.limits = EchoSite.limits
        let logger = Replica.makeLogger(configuration)
        signal(SIGPIPE, SIG_IGN)
        do throws(StartFailure) {
            let listeners = try Listeners.open(configuration)
            do throws(SystemError) {
                try serve(configuration, listeners, logger)
            } catch {
                throw .system(error)
            }
            return 0
        } catch {
            logger.error("start_failed", "\(error)")
            return error.exitCode
        }
    }

    private static func serve(
        _ configuration: ReplicaConfiguration, _ listeners: borrowing Listeners.Opened, _ logger: OperatorLog
    ) throws(SystemError) {
        let signals = try SignalDescriptor([SIGTERM, SIGINT])
        let poller = try Poller(eventsPerWait: 1)
        try poller.add(signals.descriptor, .readable, token: PollToken(slot: 0, generation: 0))
        let handle = LoopHandle(mailbox: try Mailbox(), metrics: LoopMetrics())
        // The endpoint is never connected to: an echo has no log.
        let shared = ReplicaShared(
            configuration, site: EchoSite(),
            endpoint: RedisEndpoint(location: .unix(path: "")), logger: logger, loops: [handle])
        let thread = try RunningReplica.startLoop(
            shared, handle, listeners.sockets[0], peers: nil, name: "tocsin-echo")
        logger.info("ready", "echoes WebSocket messages at ws://\(listeners.address)/")
        while signals.next() == nil { _ = poller.wait(timeoutMilliseconds: -1) }
        handle.mailbox.post(.stop)
        thread.join()
    }
}
