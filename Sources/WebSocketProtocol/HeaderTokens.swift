/// The value of one line of a header field; blanks around it may stay.
public typealias HeaderLine = ArraySlice<UInt8>

/// The grammar of header values that the handshake needs (RFC 9110 §5.6, RFC 6455 §9.1).
enum HeaderTokens {
    /// Whether a comma-separated header, given as the values of its lines, has `token`, in any case.
    static func contains(_ token: StaticString, in lines: [HeaderLine]) -> Bool {
        for line in lines {
            var rest = line
            while true {
                let end = rest.firstIndex(of: UInt8(ascii: ",")) ?? rest.endIndex
                if equals(rest[..<end], token) { return true }
                guard end < rest.endIndex else { break }
                rest = rest[(end + 1)...]
            }
        }
        return false
    }

    /// Whether a header has exactly one value, in any case.
    static func isExactly(_ token: StaticString, _ lines: [HeaderLine]) -> Bool {
        lines.count == 1 && equals(lines[0], token)
    }

    /// Compares what stands between the blanks with a token of ASCII, in any case.
    private static func equals(_ text: HeaderLine, _ token: StaticString) -> Bool {
        let text = text.trimmingBlanks()
        guard text.count == token.utf8CodeUnitCount else { return false }
        return token.withUTF8Buffer { wanted in
            zip(text, wanted).allSatisfy { lowercased($0) == lowercased($1) }
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

/// One member of `Sec-WebSocket-Extensions`:
///
///     extension = token *( ";" token [ "=" ( token / quoted-string ) ] )
struct ExtensionOffer: Equatable {
    struct Parameter: Equatable {
        /// In lower case.
        var name: String
        var value: String?
    }

    var name: String
    var parameters: [Parameter] = []

    /// Most offers and most parameters looked at; a header beyond that is malformed.
    private static let countMax = 32

    /// Reads all lines of the header as one list (RFC 6455 §9.1).
    /// - Returns: `nil` if the header does not follow the grammar.
    static func parse(_ lines: [HeaderLine]) -> [ExtensionOffer]? {
        var offers: [ExtensionOffer] = []
        for line in lines {
            var scanner = TokenScanner(line)
            repeat {
                scanner.skipBlanks()
                // A list may have empty members (RFC 9110 §5.6.1.2).
                if scanner.isAtEnd || scanner.isNext(UInt8(ascii: ",")) { continue }
                guard let offer = parseOne(&scanner), offers.count < countMax else { return nil }
                offers.append(offer)
            } while scanner.take(UInt8(ascii: ","))
            guard scanner.isAtEnd else { return nil }
        }
        return offers
    }

    private static func parseOne(_ scanner: inout TokenScanner) -> ExtensionOffer? {
        guard let name = scanner.takeToken() else { return nil }
        var offer = ExtensionOffer(name: name.lowercased())
        scanner.skipBlanks()
        while scanner.take(UInt8(ascii: ";")) {
            scanner.skipBlanks()
            guard let parameter = scanner.takeToken(), offer.parameters.count < countMax else { return nil }
            var value: String?
            scanner.skipBlanks()
            if scanner.take(UInt8(ascii: "=")) {
                scanner.skipBlanks()
                guard let given = scanner.takeTokenOrQuotedString() else { return nil }
                value = given
                scanner.skipBlanks()
            }
            offer.parameters.append(Parameter(name: parameter.lowercased(), value: value))
        }
        return offer
    }
}

/// Reads tokens and quoted strings from one header value.
private struct TokenScanner {
    private let bytes: HeaderLine
    private var position: Int

    init(_ text: HeaderLine) {
        bytes = text
        position = text.startIndex
    }

    var isAtEnd: Bool { position == bytes.endIndex }

    func isNext(_ byte: UInt8) -> Bool {
        position < bytes.endIndex && bytes[position] == byte
    }

    mutating func skipBlanks() {
        while isNext(UInt8(ascii: " ")) || isNext(UInt8(ascii: "\t")) { position += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard isNext(byte) else { return false }
        position += 1
        return true
    }

    mutating func takeToken() -> String? {
        let start = position
        while position < bytes.endIndex, Self.isTokenByte(bytes[position]) { position += 1 }
        return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }

    /// RFC 6455 §9.1: what is quoted must be a token once unquoted.
    mutating func takeTokenOrQuotedString() -> String? {
        guard take(UInt8(ascii: "\"")) else { return takeToken() }
        var value: [UInt8] = []
        while position < bytes.endIndex, bytes[position] != UInt8(ascii: "\"") {
            if bytes[position] == UInt8(ascii: "\\") { position += 1 }
            guard position < bytes.endIndex, Self.isTokenByte(bytes[position]) else { return nil }
            value.append(bytes[position])
            position += 1
        }
        guard take(UInt8(ascii: "\"")), !value.isEmpty else { return nil }
        return String(decoding: value, as: UTF8.self)
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

extension String {
    func trimmingBlanks() -> String {
        var text = self[...]
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }
}

extension HeaderLine {
    func trimmingBlanks() -> HeaderLine {
        var text = self
        while text.first == UInt8(ascii: " ") || text.first == UInt8(ascii: "\t") { text.removeFirst() }
        while text.last == UInt8(ascii: " ") || text.last == UInt8(ascii: "\t") { text.removeLast() }
        return text
    }
}
