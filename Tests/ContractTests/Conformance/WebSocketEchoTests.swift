import ClusterSupport
import Codecs
import Corpora
import Glibc
import PosixIO
import Testing
import TocsinClient
import WebSocketProtocol

/// `tocsin echo`, which `script/autobahn` tests whole.
@Suite(.processes) struct WebSocketEcho {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func start() throws -> (LocalProcess, ServerURL) {
        let process = try LocalProcess(
            try Harness.program(), ["echo", "--port", "0"], outputPath: "\(directory.path)/echo.log")
        let marker = "ws://127.0.0.1:"
        #expect(Harness.wait { process.output.contains(marker) }, "\(process.output)")
        let port = process.output.split(separator: marker).last?.prefix { $0.isNumber }
        return (process, ServerURL(host: "127.0.0.1", port: try #require(port.flatMap { UInt16($0) })))
    }

    @Test("messages of every kind and size come back with their opcode", arguments: [false, true])
    func echoes(deflate: Bool) throws {
        let (process, url) = try start()
        let socket = try WebSocketExchange(url, deflate: deflate)
        var sent: [WebSocketEvent] = []
        for count in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
            let payload = [UInt8](repeating: 0x61, count: count)
            try socket.send(WireFrame.bytes(WireFrame.text, payload) + WireFrame.bytes(WireFrame.binary, payload))
            sent += [.text(payload), .binary(payload)]
        }
        if deflate {
            let compressed = Deflater().deflate(octets("deflated").span)
            try socket.send(WireFrame.bytes(WireFrame.text, compressed, rsv: 4))
            sent.append(.text(octets("deflated")))
        }
        try socket.send(WireFrame.closing(1000))
        try #require(socket.awaitEnd())
        let received = try socket.events()
        #expect(received == sent + [.close(.normalClosure, reason: [])])
        process.send(signal: SIGTERM)
        #expect(process.waitForEnd(atMost: Harness.deadline) == .exited(code: 0))
    }
}
