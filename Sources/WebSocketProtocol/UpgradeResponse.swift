/// The head of an HTTP/1.1 response (RFC 9112 §4 and §5), as a client of the handshake needs it.
public struct UpgradeResponse: Sendable {
    public let status: Int
    /// In the order sent; names as sent, values without surrounding blanks.
    public let headers: [(name: String, value: String)]

    public init(status: Int, headers: [(name: String, value: String)]) {
        self.status = status
        self.headers = headers
    }

    /// Reads a response head.
    /// - Parameters:
    ///   - input: Everything received so far.
    ///   - headBytesMax: Longest head accepted, with its empty line.
    /// - Returns: `nil` until the whole head is there, else the head and the bytes it took; frames follow.
    /// - Throws: `HandshakeError.malformedResponse`.
    public static func decode(
        _ input: [UInt8], headBytesMax: Int = 16 * 1024
    ) throws(HandshakeError) -> (response: UpgradeResponse, length: Int)? {
        guard let length = headLength(input, limit: headBytesMax) else {
            if input.count >= headBytesMax { throw .malformedResponse }
            return nil
        }
        let head = String(decoding: input[..<(length - 4)], as: UTF8.self)
        var lines = head.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            String(line.last == "\r" ? line.dropLast() : line)
        }
        let status = try decodeStatus(lines.removeFirst())
        var headers: [(name: String, value: String)] = []
        for line in lines {
            let parts = line.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[0].contains(where: { $0 <= 0x20 }) else {
                throw .malformedResponse
            }
            headers.append((String(Substring(parts[0])), String(Substring(parts[1])).trimmingBlanks()))
        }
        return (UpgradeResponse(status: status, headers: headers), length)
    }

    /// The values of every line of a header field, by its name in any case.
    public func values(of name: String) -> [String] {
        let wanted = name.lowercased()
        return headers.filter { $0.name.lowercased() == wanted }.map(\.value)
    }

    /// The same, as bytes.
    func lines(of name: String) -> [HeaderLine] {
        values(of: name).map { Array($0.utf8)[...] }
    }

    private static func headLength(_ input: [UInt8], limit: Int) -> Int? {
        let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        let last = min(input.count, limit) - end.count
        guard last >= 0 else { return nil }
        for start in 0...last where input[start] == 0x0D && input[start..<(start + end.count)].elementsEqual(end) {
            return start + end.count
        }
        return nil
    }

    private static func decodeStatus(_ line: String) throws(HandshakeError) -> Int {
        let bytes = Array(line.utf8)
        guard line.hasPrefix("HTTP/1.1 "), bytes.count >= 12, bytes.count == 12 || bytes[12] == 0x20 else {
            throw .malformedResponse
        }
        var status = 0
        for byte in bytes[9..<12] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { throw .malformedResponse }
            status = status * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return status
    }
}
