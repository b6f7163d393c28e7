import Glibc
import PosixIO
import TocsinClient

@testable import RedisLog

/// A redis-server in Sentinel's mode with a quorum of one, that knows its master as `threats`.
final class TestSentinel {
    let port: UInt16
    private let folder: TemporaryDirectory
    private let path: String
    private let process: ChildProcess

    /// - Parameters:
    ///   - epoch: The configuration epoch that it names the master at.
    ///   - settings: More lines of its configuration.
    ///   - isPlain: Whether it speaks without TLS.
    init(
        port: UInt16? = nil, master: UInt16, epoch: Int = 0, settings: [String] = [], isPlain: Bool = true
    ) throws {
        let port = try port ?? ReservedPort.take()
        folder = try TemporaryDirectory()
        path = folder.path + "/sentinel.conf"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw TimedOut(description: "no file for the Sentinel") }
        self.port = port
        let lines =
            [
                isPlain ? "port \(port)" : "port 0\ntls-port \(port)", "bind 127.0.0.1",
                "sentinel monitor threats 127.0.0.1 \(master) 1", "sentinel config-epoch threats \(epoch)",
                "logfile /dev/null", "user operator on >operator ~* &* +@all",
            ] + settings
        let text = lines.joined(separator: "\n") + "\n"
        // SAFETY: the pointer is used within the call only.
        _ = text.withCString { write(descriptor, $0, strlen($0)) }
        close(descriptor)
        guard let binary = ChildProcess.find("redis-server") else {
            throw TimedOut(description: "redis-server is not installed: apt-get install redis-server")
        }
        process = try ChildProcess.start(binary, [path, "--sentinel"])
    }

    var host: RedisEndpoint.Sentinel { RedisEndpoint.Sentinel(host: "127.0.0.1", port: port) }

    /// The link of an operator, who may do everything.
    func operate(_ loop: TestLoop, _ body: (RedisConversation) throws -> Void) throws {
        let conversation = try RedisConversation(
            RedisEndpoint(location: .tcp(host: "127.0.0.1", port: port), user: "operator", password: "operator"), loop)
        defer { conversation.link.stop() }
        try body(conversation)
    }

    func waitUntilListening(_ loop: TestLoop) throws {
        try operate(loop) { _ in }
    }

    /// Makes it name another master, as after a failover, at epoch 0.
    func monitor(_ master: UInt16, _ loop: TestLoop) throws {
        try operate(loop) { conversation in
            _ = try conversation.command("SENTINEL", "REMOVE", "threats")
            _ = try conversation.command("SENTINEL", "MONITOR", "threats", "127.0.0.1", String(master), "1")
        }
    }

    /// Makes it promote the replica, as when the master is away.
    func failOver(_ loop: TestLoop) throws {
        try operate(loop) { conversation in
            try loop.run("failing over") {
                (try? conversation.command("SENTINEL", "FAILOVER", "threats").text) == "OK"
            }
        }
    }

    func send(signal: Int32) {
        process.send(signal: signal)
    }

    /// Ends it as a crash would.
    func crash() {
        process.send(signal: SIGKILL)
        while process.poll() == .running { sched_yield() }
    }

    deinit {
        crash()
    }
}

/// Commands to a server that need nothing of it but that it answers them.
struct RedisConversation {
    let link: RedisLink
    private let loop: TestLoop

    init(_ endpoint: RedisEndpoint, _ loop: TestLoop) throws {
        self.loop = loop
        link = loop.link(endpoint, mode: .subscriber)
        try loop.run("up: \(endpoint)") { [link] in link.isUp }
    }

    func command(_ words: String...) throws -> RedisReply {
        let command = RedisCommand(arguments: words.map { Array($0.utf8) })
        return try loop.value(words.joined(separator: " ")) { done in
            link.send(command) { done($0) }
        }.get()
    }
}

/// A port on which whoever connects gets no answer.
final class UselessPeer {
    private let listener: FileDescriptor

    /// - Parameter address: Of this machine.
    init(_ address: String, _ port: UInt16) throws {
        guard let address = try SocketAddress.resolve(host: address, port: port).first else {
            throw TimedOut(description: "no address")
        }
        listener = try Socket.listen(on: address, sharesPort: false)
    }

    var port: UInt16 {
        get throws { try Socket.localAddress(listener).port }
    }

    /// Closes the connections that have come.
    func closeAll() {
        while true {
            switch Socket.accept(listener) {
            case .connection(let socket, _): _ = consume socket
            case .none: return
            case .failed: return
            }
        }
    }
}
