import Testing

@testable import TocsinServer

@Suite("An event stream that nobody serves")
struct UnavailableStreamTests {
    @Test(
        "is told from everything else by the beginning of its request",
        arguments: [
            ("GET /api/threats/stream HTTP/1.1\r\n", true), ("GET /api/threats/stream?history=0 HTTP/1.1\r\n", true),
            ("GET /api/threats/stream-42 HTTP/1.1\r\n", false), ("GET /api/threats/stream", false),
            ("POST /api/threats/stream HTTP/1.1\r\n", false), ("GET /ws HTTP/1.1\r\n", false), ("", false),
        ])
    func isAsked(request: String, isStream: Bool) {
        #expect(UnavailableStream.isAsked(for: Array(request.utf8)) == isStream)
    }
}
