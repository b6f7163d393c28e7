import ArgumentParser
import TocsinServer

/// `tocsin echo`: what `script/autobahn` tests.
struct EchoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo",
        abstract: "Echo WebSocket messages: the WebSocket stack for test suites of the protocol.",
        discussion: """
            Sends text and binary messages of up to 16 MiB back on any path, with permessage-deflate where the client \
            offers it. Needs no Redis. Ends on SIGTERM or SIGINT.

            EXIT CODES
              0   ended by a signal
              64  wrong command line, or the address cannot be listened on
              70  internal error
            """,
        shouldDisplay: false)

    @Option(help: ArgumentHelp("Listen address; loopback only.", valueName: "ADDRESS"))
    var host = "127.0.0.1"

    @Option(help: ArgumentHelp("Listen port; 0 takes a free one.", valueName: "PORT"))
    var port: UInt16 = 9001

    func run() throws {
        let code = EchoServer.run(host: host, port: port)
        if code != 0 { throw ExitCode(code) }
    }
}
