import Glibc
import Testing

@testable import PosixIO

@Suite("Sockets, poller and mailbox on the real kernel")
struct SocketTests {
    /// How long an event may take on a busy machine before it counts as never coming.
    private static let patience: Int32 = 60_000

    /// A connected pair over loopback.
    private func pair() throws -> (client: Box, server: Box) {
        let listener = try Socket.listen(
            on: SocketAddress.resolve(host: "127.0.0.1", port: 0)[0], sharesPort: false)
        let client = try Socket.connect(to: Socket.localAddress(listener))
        let poller = try Poller()
        try poller.add(listener.raw, .readable, token: PollToken(slot: 1, generation: 1))
        #expect(poller.wait(timeoutMilliseconds: Self.patience) == 1)
        guard case .connection(let server, let peer) = Socket.accept(listener) else {
            throw SystemError(code: 0, operation: "nothing to accept")
        }
        #expect(peer.isLoopback)
        return (Box(client), Box(server))
    }

    @Test("what is sent in pieces arrives in order; an empty socket would block; a closed one ends")
    func transfers() throws {
        let (client, server) = try pair()
        let parts = [
            SharedBytes(Array("one ".utf8)), SharedBytes(Array("two ".utf8)), SharedBytes(Array("three".utf8)),
        ]
        let sent = Socket.send(client.socket, GatheredBytes(parts))
        #expect(sent == .bytes(13))
        var buffer = [UInt8](repeating: 0, count: 64)
        let received = buffer.withUnsafeMutableBytes { Socket.receive(server.socket, into: $0) }
        #expect(received == .bytes(13))
        #expect(String(decoding: buffer.prefix(13), as: UTF8.self) == "one two three")
        #expect(buffer.withUnsafeMutableBytes { Socket.receive(server.socket, into: $0) } == .wouldBlock)
        Socket.finishSending(client.socket)
        #expect(buffer.withUnsafeMutableBytes { Socket.receive(server.socket, into: $0) } == .endOfStream)
    }

    @Test("a listener that defers hands a connection over with its first bytes, and ahead of those that say nothing")
    func deferredAccept() throws {
        let listener = try Socket.listen(
            on: SocketAddress.resolve(host: "127.0.0.1", port: 0)[0], sharesPort: false, defersAccept: true)
        let address = try Socket.localAddress(listener)
        let poller = try Poller()
        try poller.add(listener.raw, .readable, token: PollToken(slot: 1, generation: 1))
        let silent = try Socket.connect(to: address)
        let talking = try connected(to: address)
        #expect(Array("hello".utf8).withUnsafeBytes { Socket.send(talking, $0) } == .bytes(5))
        let first = try accepted(listener, poller)
        #expect(first.peer == (try Socket.localAddress(talking).port))
        var buffer = [UInt8](repeating: 0, count: 64)
        #expect(buffer.withUnsafeMutableBytes { Socket.receive(first.server.socket, into: $0) } == .bytes(5))

        Socket.setDeferredAccept(listener, false)
        let later = try connected(to: address)
        #expect(try accepted(listener, poller).peer == Socket.localAddress(later).port, "it need not speak")
        #expect(try accepted(listener, poller).peer == Socket.localAddress(silent).port, "it is handed over in the end")
    }

    private func connected(to address: SocketAddress) throws -> FileDescriptor {
        let socket = try Socket.connect(to: address)
        let poller = try Poller()
        try poller.add(socket.raw, .writable, token: PollToken(slot: 2, generation: 1))
        #expect(poller.wait(timeoutMilliseconds: Self.patience) == 1)
        return socket
    }

    private func accepted(
        _ listener: borrowing FileDescriptor, _ poller: Poller
    ) throws -> (server: Box, peer: UInt16) {
        #expect(poller.wait(timeoutMilliseconds: Self.patience) == 1)
        guard case .connection(let server, let peer) = Socket.accept(listener) else {
            throw SystemError(code: 0, operation: "nothing to accept")
        }
        return (Box(server), peer.port)
    }

    @Test("a refused connection is reported with the kernel's reason")
    func refused() throws {
        let address: SocketAddress
        do {
            let listener = try Socket.listen(
                on: SocketAddress.resolve(host: "127.0.0.1", port: 0)[0], sharesPort: false)
            address = try Socket.localAddress(listener)
        }
        let socket: FileDescriptor
        do {
            socket = try Socket.connect(to: address)
        } catch {
            #expect("\(error)".contains("refused"))
            return
        }
        let poller = try Poller()
        try poller.add(socket.raw, .writable, token: PollToken(slot: 1, generation: 1))
        _ = poller.wait(timeoutMilliseconds: Self.patience)
        #expect(Socket.connectionError(socket)?.description.contains("refused") == true)
    }

    @Test("listeners that share a port do, and one that does not is refused")
    func portSharing() throws {
        let first = try Socket.listen(on: SocketAddress.resolve(host: "127.0.0.1", port: 0)[0], sharesPort: true)
        let address = try Socket.localAddress(first)
        let second = try Socket.listen(on: address, sharesPort: true)
        #expect(second.raw != first.raw)
        #expect(throws: SystemError.self) { _ = try Socket.listen(on: address, sharesPort: false) }
    }

    @Test("an event carries the token it was registered with, slot and generation")
    func tokens() throws {
        let (client, server) = try pair()
        let poller = try Poller()
        let token = PollToken(slot: .max - 3, generation: 0xDEAD_BEEF)
        try poller.add(server.socket.raw, .readable, token: token)
        #expect(poller.wait(timeoutMilliseconds: 0) == 0)
        _ = [UInt8(1)].withUnsafeBytes { Socket.send(client.socket, $0) }
        #expect(poller.wait(timeoutMilliseconds: Self.patience) == 1)
        #expect(poller.event(at: 0).token == token)
        #expect(poller.event(at: 0).events.contains(.readable))
    }

    @Test("a mailbox hands over everything posted by many threads, each thread's messages in order")
    func mailbox() throws {
        let mailbox = try Mailbox<(thread: Int, number: Int)>()
        let poller = try Poller()
        try poller.add(mailbox.descriptor, .readable, token: PollToken(slot: 1, generation: 1))
        let threads = try (0..<4).map { thread in
            try Thread.start(name: "poster") {
                for number in 0..<1000 { mailbox.post((thread, number)) }
            }
        }
        var seen = [Int](repeating: 0, count: 4)
        while seen.reduce(0, +) < 4000 {
            #expect(poller.wait(timeoutMilliseconds: Self.patience) == 1, "the owner is woken for what was posted")
            for message in mailbox.take() {
                #expect(message.number == seen[message.thread])
                seen[message.thread] += 1
            }
        }
        for thread in threads { thread.join() }
        #expect(poller.wait(timeoutMilliseconds: 0) == 0)
    }

    @Test("an address tells loopback from what other machines can reach")
    func loopback() throws {
        #expect(try SocketAddress.resolve(host: "127.0.0.53", port: 80)[0].isLoopback)
        #expect(try SocketAddress.resolve(host: "::1", port: 80)[0].isLoopback)
        #expect(try !SocketAddress.resolve(host: "0.0.0.0", port: 80)[0].isLoopback)
        #expect(try !SocketAddress.resolve(host: "::", port: 80)[0].isLoopback)
        #expect(try SocketAddress.resolve(host: "::1", port: 8000)[0].description == "[::1]:8000")
    }

    @Test("addresses of one source share a key: an IPv4 address however written, an IPv6 network of 64 bits")
    func sourceKeys() throws {
        func key(_ host: String) throws -> UInt64 { try SocketAddress.resolve(host: host, port: 1)[0].sourceKey }
        #expect(try key("192.0.2.1") == key("::ffff:192.0.2.1"))
        #expect(try key("192.0.2.1") != key("192.0.2.2"))
        #expect(try key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff::9"))
        #expect(try key("2001:db8:1:2::1") != key("2001:db8:1:3::1"))
        #expect(try SocketAddress(unixPath: "/run/x").sourceKey == 0)
    }

    @Test("a Unix path that does not fit is refused, not cut")
    func unixPath() throws {
        #expect(throws: SystemError.self) { try SocketAddress(unixPath: String(repeating: "x", count: 108)) }
        #expect(try SocketAddress(unixPath: String(repeating: "x", count: 107)).isLoopback)
    }
}

@Suite("Reserved ports")
struct ReservedPortTests {
    @Test("no port is given twice, and its mark keeps other processes from it")
    func once() throws {
        let ports = try (0..<300).map { _ in try ReservedPort.take() }
        #expect(Set(ports).count == ports.count)
        for port in ports {
            let address = try ReservedPort.markAddress(of: port)
            #expect(throws: SystemError(code: EADDRINUSE, operation: "bind")) {
                _ = try Socket.listen(on: address, sharesPort: false)
            }
        }
    }

    @Test("a port on which somebody listens is not given, and nobody listens on one that is")
    func free() throws {
        let port = try ReservedPort.take()
        let listener = try Socket.listen(
            on: SocketAddress.resolve(host: "127.0.0.1", port: port)[0], sharesPort: false)
        #expect(try Socket.localAddress(listener).port == port)
    }
}

/// A descriptor that may stand in a tuple.
final class Box {
    let socket: FileDescriptor

    init(_ socket: consuming FileDescriptor) {
        self.socket = socket
    }
}
