import Corpora
import HTTPProtocol
import Testing

@Suite struct HTTPRequestDecoderTests {
    @Test("RFC 9112: every request of the corpus has one reading, however its bytes arrive", arguments: HTTPCorpus.all)
    func corpus(_ testCase: HTTPCase) {
        expectSame(testCase.input, testCase.decoded)
    }

    @Test("Every case of the corpus has a name of its own")
    func names() {
        let names = HTTPCorpus.all.map(\.name)
        let repeated = Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.keys
        #expect(repeated.isEmpty)
        #expect(names.count > 600)
    }

    @Test("RFC 9110 §9.3.2: a HEAD request is known as such before it is whole and when it is refused")
    func head() throws {
        var decoder = HTTPRequestDecoder { _ in 10 }
        decoder.append(octets("\r\nHEAD").span)
        #expect(try decoder.next() == nil)
        #expect(!decoder.isReceivingHead)
        decoder.append(octets(" /").span)
        #expect(try decoder.next() == nil)
        #expect(decoder.isReceivingHead)
        decoder.append(octets(" HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n").span)
        #expect(try decoder.next() == nil)
        #expect(decoder.isReceivingHead)
        decoder.append(octets("bGET / HTTP/1.1\r\n").span)
        #expect(try decoder.next() != nil)
        #expect(try decoder.next() == nil)
        #expect(!decoder.isReceivingHead)
        decoder.append(octets("Host : h").span)
        #expect(throws: HTTPRequestError.message(.whitespaceBeforeColon)) { try decoder.next() }
        #expect(!decoder.isReceivingHead)
    }

    @Test("What follows an upgrade request is handed over untouched")
    func remainder() throws {
        let head = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
        var decoder = HTTPRequestDecoder { _ in 0 }
        decoder.append((octets(head) + [0x81, 0x80, 0, 0, 0, 0]).span)
        guard case .request(let request) = try decoder.next() else {
            Issue.record("no request")
            return
        }
        #expect(request.headers.contains("connection", member: "upgrade"))
        #expect(decoder.takeRemainder() == [0x81, 0x80, 0, 0, 0, 0])
        #expect(decoder.isIdle)
        #expect(decoder.bufferedBytes == 0)
    }

    @Test("The awaited request is visible while its content is outstanding")
    func pendingHead() throws {
        var decoder = HTTPRequestDecoder { _ in 10 }
        decoder.append(octets("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab").span)
        let early = try decoder.next()
        if early != nil { Issue.record("too early") }
        #expect(decoder.pendingHead?.path == "/a")
        #expect(!decoder.isIdle)
        #expect(decoder.bufferedBytes > 2)
        decoder.append(octets("cd").span)
        let late = try decoder.next()
        if late == nil { Issue.record("not complete") }
        #expect(decoder.pendingHead == nil)
        #expect(decoder.isIdle)
    }
}
