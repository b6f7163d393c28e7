import HTTPProtocol

/// The content types that threats may come in.
enum MediaType: String {
    case json = "application/json"
    case newlineDelimitedJSON = "application/x-ndjson"

    /// Reads the Content-Type of a request, without regard to case and parameters (RFC 9110 §8.3.1).
    ///
    /// Two of them are nobody's: which one counts would be anybody's guess. Compares bytes in place: this runs for every threat.
    init?(of request: HTTPRequest) {
        guard let value = request.headers.onlyBytes("content-type") else { return nil }
        let type = value.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
        if Self.isEqual(type, Self.json.rawValue) {
            self = .json
        } else if Self.isEqual(type, Self.newlineDelimitedJSON.rawValue) {
            self = .newlineDelimitedJSON
        } else {
            return nil
        }
    }

    /// - Parameter name: In lower case.
    private static func isEqual(_ type: ArraySlice<UInt8>, _ name: String) -> Bool {
        let wanted = name.utf8Span.span
        guard type.count == wanted.count else { return false }
        // Setting this bit turns a capital letter into the small one and leaves "/", "-" and small letters alone.
        for offset in 0..<wanted.count where type[type.startIndex + offset] | 0x20 != wanted[offset] { return false }
        return true
    }
}
