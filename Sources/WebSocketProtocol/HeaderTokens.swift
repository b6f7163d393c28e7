/// The grammar of header values that the handshake needs (RFC 9110 §5.6, RFC 6455 §9.1).
enum HeaderTokens {
    /// Whether a comma-separated header, given as the values of its lines, has `token`, in any case.
    static func contains(_ token: String, in lines: [String]) -> Bool {
        let wanted = token.lowercased()
        return lines.contains { line in
            line.utf8.split(separator: UInt8(ascii: ",")).contains { member in
                String(Substring(member)).trimmingBlanks().lowercased() == wanted
            }
        }
    }

    /// Whether a header has exactly one value, in any case.
    static func isExactly(_ token: String, _ lines: [String]) -> Bool {
        lines.count == 1 && lines[0].trimmingBlanks().lowercased() == token.lowercased()
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
    static func parse(_ lines: [String]) -> [ExtensionOffer]? {
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
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    var isAtEnd: Bool { position == bytes.count }

    func isNext(_ byte: UInt8) -> Bool {
        position < bytes.count && bytes[position] == byte
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
        while position < bytes.count, Self.isTokenByte(bytes[position]) { position += 1 }
        return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }

    /// RFC 6455 §9.1: what is quoted must be a token once unquoted.
    mutating func takeTokenOrQuotedString() -> String? {
        guard take(UInt8(ascii: "\"")) else { return takeToken() }
        var value: [UInt8] = []
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            if bytes[position] == UInt8(ascii: "\\") { position += 1 }
            guard position < bytes.count, Self.isTokenByte(bytes[position]) else { return nil }
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
