import Codecs
import Glibc
import Logging
import PosixIO
import RedisLog

/// One replica, from its configuration to its exit code.
public enum Replica {
    /// Serves until SIGTERM or SIGINT and a drain.
    ///
    /// Call it on the main thread before any other thread starts.
    /// - Returns: The exit code of the contract: 0, 64, 69 or 70. What is wrong stands on standard error.
    public static func run(_ configuration: ReplicaConfiguration) -> Int32 {
        let logger = makeLogger(configuration)
        do throws(StartFailure) {
            try start(configuration, logger).superviseUntilDrained()
            return 0
        } catch {
            logger.error("start_failed", "\(error)")
            return error.exitCode
        }
    }

    static func makeLogger(_ configuration: ReplicaConfiguration) -> OperatorLog {
        let level = Logger.Level(rawValue: configuration.logLevel) ?? .info
        let handler = LineLogHandler(
            format: configuration.logFormat, replicaName: configuration.replicaName, logLevel: level)
        return OperatorLog(Logger(label: "tocsin") { _ in handler })
    }

    private static func start(
        _ configuration: ReplicaConfiguration, _ logger: OperatorLog
    ) throws(StartFailure) -> RunningReplica {
        SystemFigures.raiseDescriptorLimit()
        signal(SIGPIPE, SIG_IGN)
        // A parent may have left it ignored, and then no child's end is ever told.
        signal(SIGCHLD, SIG_DFL)
        let signals: SignalDescriptor
        do throws(SystemError) {
            signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGCHLD])
        } catch {
            throw .system(error)
        }
        let listeners = try Listeners.open(configuration)
        let certificates = try CertificateStore(configuration)
        let (endpoint, redis) = try chooseRedis(configuration, logger)
        do throws(SystemError) {
            return try RunningReplica(
                withinDescriptors(configuration, logger), endpoint: endpoint, redis: redis, certificates: certificates,
                listeners: listeners,
                signals: signals, logger: logger)
        } catch {
            throw .system(error)
        }
    }

    /// Keeps descriptors for the replica itself: clients could otherwise take the one its way back to Redis needs. The
    /// table has room for all of them from the start, so that no loop stands still while it grows.
    private static func withinDescriptors(
        _ configuration: ReplicaConfiguration, _ logger: OperatorLog
    ) -> ReplicaConfiguration {
        let own = 24 + 8 * (configuration.eventLoops ?? SystemFigures.processorCount)
        let most = max(1, SystemFigures.raiseDescriptorLimit() - own)
        SystemFigures.reserveDescriptors(own + min(most, configuration.limits.connectionsMax))
        guard configuration.limits.connectionsMax > most else { return configuration }
        logger.warning(
            "descriptor_limit",
            "the system allows fewer connections than --connections-max: raise its limit (ulimit -n)",
            ["connections_max": "\(configuration.limits.connectionsMax)", "allowed": "\(most)"])
        var configuration = configuration
        configuration.limits.connectionsMax = most
        return configuration
    }

    /// The Redis of the configuration, or a private one.
    private static func chooseRedis(
        _ configuration: ReplicaConfiguration, _ logger: OperatorLog
    ) throws(StartFailure) -> (RedisEndpoint, PrivateRedis?) {
        if let endpoint = try RedisSettings(configuration).endpoint() { return (endpoint, nil) }
        return try startPrivateRedis(configuration, logger)
    }

    private static func startPrivateRedis(
        _ configuration: ReplicaConfiguration, _ logger: OperatorLog
    ) throws(StartFailure) -> (RedisEndpoint, PrivateRedis?) {
        do throws(PrivateRedis.Failure) {
            let redis = try PrivateRedis(directory: configuration.dataDirectory, logger: logger)
            logger.info(
                "private_redis", "no Redis URL is set: a private redis-server keeps the threats",
                ["data_dir": "\(configuration.dataDirectory)"])
            return (RedisEndpoint(location: .unix(path: redis.socketPath), isPrivate: true), redis)
        } catch {
            throw .unavailable("\(error)")
        }
    }
}

/// Why a replica does not start.
enum StartFailure: Error, CustomStringConvertible {
    /// A setting is wrong; the text names it.
    case setting(String)
    /// A service it needs cannot be had.
    case unavailable(String)
    case system(SystemError)

    /// The exit code of the process (sysexits.h).
    var exitCode: Int32 {
        switch self {
        case .setting: 64
        case .unavailable: 69
        case .system: 70
        }
    }

    var description: String {
        switch self {
        case .setting(let text), .unavailable(let text): text
        case .system(let error): "the system refused a resource: \(error)"
        }
    }
}

/// One listening socket per event loop on the same port; the kernel spreads connections over them (SO_REUSEPORT).
enum Listeners {
    struct Opened: ~Copyable {
        /// Taken one by one by the loops.
        var sockets: [ListeningSocket]
        let address: SocketAddress
    }

    /// A descriptor in an array: moved out once.
    final class ListeningSocket {
        private var socket: FileDescriptor?

        init(_ socket: consuming FileDescriptor) {
            self.socket = consume socket
        }

        func take() -> FileDescriptor {
            guard let taken = socket.take() else { preconditionFailure("a listener belongs to one loop") }
            return taken
        }
    }

    static func open(_ configuration: ReplicaConfiguration) throws(StartFailure) -> Opened {
        var address = try resolve(configuration)
        do throws(SystemError) {
            // Sharing a port with ourselves must not become sharing it with another process unawares.
            try checkPortIsFree(address)
            let first = try listen(on: address, configuration)
            address = try Socket.localAddress(first)
            var sockets = [ListeningSocket(first)]
            while sockets.count < (configuration.eventLoops ?? SystemFigures.processorCount) {
                sockets.append(ListeningSocket(try listen(on: address, configuration)))
            }
            return Opened(sockets: sockets, address: address)
        } catch {
            throw .setting(
                "--host, --port (TOCSIN_HOST, TOCSIN_PORT): cannot listen on \(address): \(error); "
                    + "accepted is a local address and a free port")
        }
    }

    private static func listen(
        on address: SocketAddress, _ configuration: ReplicaConfiguration
    ) throws(SystemError) -> FileDescriptor {
        try Socket.listen(
            on: address, sharesPort: true, defersAccept: true,
            unacknowledgedMax: configuration.limits.idleTimeout)
    }

    private static func checkPortIsFree(_ address: SocketAddress) throws(SystemError) {
        guard address.port != 0 else { return }
        _ = try Socket.listen(on: address, sharesPort: false)
    }

    private static func resolve(_ configuration: ReplicaConfiguration) throws(StartFailure) -> SocketAddress {
        let addresses: [SocketAddress]
        do throws(ResolveError) {
            addresses = try SocketAddress.resolve(host: configuration.host, port: configuration.port)
        } catch {
            throw .setting("--host (TOCSIN_HOST): \(error); accepted is an address of this machine")
        }
        guard let address = addresses.first else {
            throw .setting("--host (TOCSIN_HOST): \(configuration.host) has no address")
        }
        guard address.isLoopback || configuration.insecure else {
            throw .setting(
                "--host (TOCSIN_HOST): \(configuration.host) can be reached from other machines and no authentication "
                    + "is configured; accepted is a loopback address, or --insecure behind a proxy that authenticates")
        }
        return address
    }
}
