import Corpora
import HTTPProtocol
import Testing

@Suite struct HTTPRequestTests {
    private func request(_ target: String, _ fields: String = "") throws -> HTTPRequest {
        var decoder = HTTPRequestDecoder { _ in 100 }
        decoder.append(octets("GET \(target) HTTP/1.1\r\nHost: h:1\r\n\(fields)\r\n").span)
        guard case .request(let request) = try decoder.next() else { throw Missing() }
        return request
    }

    private struct Missing: Error {}

    @Test(
        "RFC 3986 §2.1 and §2.2: a path is decoded once, but for slashes",
        arguments: [
            ("/a/b", "/a/b"), ("/a%20b", "/a b"), ("/%41?x=%zz", "/A"), ("/%2541", "/%41"), ("/%C3%A4", "/ä"),
            ("/a%2Fb%2f%20", "/a%2Fb%2F "), ("/a+b", "/a+b"), ("http://i/c?d", "/c"), ("http://i", "/"),
            ("http://i?d", "/"),
        ])
    func path(_ target: String, _ path: String) throws {
        let request = try request(target)
        #expect(request.path == path)
        #expect(request.hasPath(path))
        #expect(!request.hasPath(path + "x"))
        #expect(request.rawTarget == target)
    }

    @Test("Query pairs are decoded, with + for space")
    func query() throws {
        let query = try request("/x?threat_type=a&after=1-2&threat_type=b%26+c&flag&=v&&%C3%A4=%3D").query
        #expect(query.first("after") == "1-2")
        #expect(query.all("threat_type") == ["a", "b& c"])
        #expect(query.first("flag") == "")
        #expect(query.first("ä") == "=")
        #expect(query.first("none") == nil)
        #expect(try request("/x").query.isEmpty)
        #expect(try request("/x?").query.isEmpty)
    }

    @Test(
        "RFC 3986 §2.1: malformed percent-encoding in a query is named",
        arguments: [
            ("a=1&b=%zz", HTTPQueryError.malformedPercentEncoding(parameter: "b", text: "%zz")),
            ("b=x%4", .malformedPercentEncoding(parameter: "b", text: "%4")),
            ("%g=1", .malformedPercentEncoding(parameter: "%g", text: "%g")),
            ("c=%FF", .notUTF8(parameter: "c")),
        ])
    func malformedQuery(_ text: String, _ expected: HTTPQueryError) throws {
        let request = try request("/x?\(text)")
        #expect(throws: expected) { try request.query }
        #expect(expected.status == .badRequest)
        #expect(!expected.detail.isEmpty)
    }

    @Test("RFC 9110 §5.1 and §5.6.1: fields are found without regard to case and lists are taken apart")
    func headers() throws {
        let headers = try request(
            "/", "ACCEPT: a, b;q=\"x,y\\\",\" ,,\r\nX-One:\t v \r\naccept: c\r\nX-Empty:\r\nX-Latin: \u{E4}\r\n"
        ).headers
        #expect(headers.count == 6)
        #expect(headers.first("hOsT") == "h:1")
        #expect(headers.first("x-one") == "v")
        #expect(headers.onlyBytes("X-One").map(Array.init) == octets("v"))
        #expect(headers.onlyBytes("accept") == nil)
        #expect(headers.first("x-empty") == "")
        #expect(headers.first("x-latin") == "\u{FFFD}")
        #expect(headers.first("x-none") == nil)
        #expect(headers.all("Accept") == ["a, b;q=\"x,y\\\",\" ,,", "c"])
        #expect(headers.values(ofList: "accept") == ["a", "b;q=\"x,y\\\",\"", "c"])
        #expect(headers.contains("accept", member: "C"))
        #expect(!headers.contains("accept", member: "y"))
        #expect(headers.pairs.map(\.name) == ["Host", "ACCEPT", "X-One", "accept", "X-Empty", "X-Latin"])
    }

    @Test("RFC 9112 §3.3: the authority is the target's in absolute form, else Host")
    func authority() throws {
        #expect(try request("/").authority == "h:1")
        #expect(try request("http://i:2/").authority == "i:2")
    }

    @Test("Fields stay readable when the request shares its buffer with others")
    func sharedBuffer() throws {
        var decoder = HTTPRequestDecoder { _ in 100 }
        let one = "POST /a HTTP/1.1\r\nHost: first\r\nContent-Length: 1\r\n\r\n1"
        let two = "POST /b HTTP/1.1\r\nHost: second\r\nContent-Length: 1\r\n\r\n2"
        decoder.append(octets(one + two).span)
        guard case .request(let first) = try decoder.next(), case .request(let second) = try decoder.next() else {
            Issue.record("two requests expected")
            return
        }
        #expect(first.headers.first("host") == "first")
        #expect(second.headers.first("host") == "second")
        #expect(second.body == octets("2"))
    }
}
