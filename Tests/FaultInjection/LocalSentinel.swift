import Glibc
public import TocsinClient

/// A `redis-server --sentinel` on a free loopback port, with quick times.
public final class LocalSentinel: Sendable {
    public let port: UInt16
    public let child: LocalProcess

    /// - Parameters:
    ///   - directory: An existing directory for its files.
    ///   - name: How the deployment is called.
    ///   - master: The loopback port of the first master.
    ///   - quorum: How many sentinels must agree that a master is down.
    public init(directory: String, name: String, master: UInt16, quorum: Int) throws(ClientError) {
        port = try FreePort.find()
        let configuration = """
            port \(port)
            bind 127.0.0.1
            dir \(directory)
            daemonize no
            sentinel monitor \(name) 127.0.0.1 \(master) \(quorum)
            sentinel down-after-milliseconds \(name) \(SentinelDeployment.downAfterMilliseconds)
            sentinel failover-timeout \(name) 3000
            sentinel parallel-syncs \(name) 1

            """
        let path = "\(directory)/sentinel.conf"
        guard let file = fopen(path, "w") else { throw .childFailed("\(path): \(String(cString: strerror(errno)))") }
        fputs(configuration, file)
        fclose(file)
        child = try LocalProcess("redis-server", [path, "--sentinel"], outputPath: "\(directory)/sentinel.log")
    }

    /// Asks it something.
    /// - Parameter deadline: Short where another is asked when this one is silent.
    public func command(
        _ words: String..., within deadline: Duration = .seconds(20)
    ) throws(ClientError) -> RedisValue {
        try RedisConnection(port: port, deadline: deadline).command(words)
    }

    /// The port of the master as it sees it; `nil` when it does not answer.
    public func masterPort(of name: String) -> UInt16? {
        guard let answer = try? command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name, within: .seconds(1)) else {
            return nil
        }
        return answer.elements.last?.text.flatMap { UInt16($0) }
    }
}
