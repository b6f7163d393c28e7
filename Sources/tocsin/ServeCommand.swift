import ArgumentParser
import PosixIO
import TocsinServer

/// `tocsin serve`: one replica.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run one replica: accept threats, broadcast them to every dashboard.",
        discussion: """
            Every setting has a flag, an environment variable and a key in the optional JSON file given with --config: \
            a flag beats the environment, the environment beats the file, the file beats the default.

            A replica that listens on any but a loopback address has to be told --insecure, because there is no \
            authentication to configure: put it behind a proxy that does TLS and access control.

            EXAMPLES
              tocsin serve
                  One replica with a private Redis; the dashboard is at http://127.0.0.1:8000/
              tocsin serve --port 8001 --redis-url redis://127.0.0.1:6379/0
                  One of several replicas; all that share a Redis and a prefix are one deployment.
              TOCSIN_LOG_FORMAT=json tocsin serve --config /etc/tocsin.json
                  A file such as {"port": 8000, "retention-age": "30d", "insecure": true}

            EXIT CODES
              0   after a clean drain (SIGTERM, SIGINT)
              64  wrong command line or configuration; one line on stderr names the setting and what it accepts
              69  a needed service cannot be reached at start
              70  internal error
            """)

    @Option(
        help: ArgumentHelp(
            "A JSON object whose members are settings by their key. (env: TOCSIN_CONFIG; default: none)",
            valueName: "FILE"))
    var config: String?

    @OptionGroup(title: "Settings") var flags: SettingFlags

    func run() throws {
        let configuration = try SettingSources(flags: flags.values, configFlag: config).configuration()
        try Self.requireSafeAddress(configuration)
        let code = Replica.run(configuration)
        if code != 0 { throw ExitCode(code) }
    }

    /// Refuses to serve other machines without authentication, unless that is what was asked for.
    private static func requireSafeAddress(_ configuration: ReplicaConfiguration) throws {
        guard !configuration.insecure else { return }
        let addresses: [SocketAddress]
        do {
            addresses = try SocketAddress.resolve(host: configuration.host, port: configuration.port)
        } catch {
            throw UsageError("--host must be an IP address or a host name; \(error)")
        }
        guard addresses.allSatisfy(\.isLoopback) else {
            throw UsageError(
                "--host \(configuration.host) is not a loopback address and no authentication is configured: "
                    + "use 127.0.0.1 behind a proxy, or accept it with --insecure (TOCSIN_INSECURE=true)")
        }
    }
}
