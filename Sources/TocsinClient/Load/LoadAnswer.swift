import HTTPProtocol
import ThreatFeed

/// What a replica answered to a post of a load, as far as its publisher needs to know.
package struct LoadAnswer: Equatable {
    package let status: Int
    package let retryAfterSeconds: Int?
    package let isKeptAlive: Bool
    /// Where the content stands.
    package let body: Range<Int>

    package enum Reading: Equatable {
        case incomplete
        /// Not of the plain shape: for the decoder to read.
        case unusual
        case answer(LoadAnswer)
    }

    private static let headBytesMax = 16 << 10

    /// Reads an answer of the shape that replicas give: HTTP/1.1, a status, `Content-Length`.
    /// - Parameter input: Everything received since the request.
    package static func read(_ input: ArraySlice<UInt8>) -> Reading {
        guard input.count >= 13 else { return .incomplete }
        let start = input.startIndex
        guard input[start..<(start + 9)].elementsEqual("HTTP/1.1 ".utf8),
            let status = DecimalDigits.value(input[(start + 9)..<(start + 12)]), (200...599).contains(status)
        else { return .unusual }
        var contentLength: Int?
        var retryAfter: Int?
        var isKeptAlive = true
        var line = start
        while let end = input[line...].firstIndex(of: UInt8(ascii: "\r")) {
            guard end + 1 < input.endIndex else { return .incomplete }
            if end == line {
                guard let contentLength else { return .unusual }
                let body = (end + 2)..<(end + 2 + contentLength)
                guard input.endIndex >= body.upperBound else { return .incomplete }
                // More than was asked for is not for this reader to explain.
                guard input.endIndex == body.upperBound else { return .unusual }
                return .answer(
                    LoadAnswer(status: status, retryAfterSeconds: retryAfter, isKeptAlive: isKeptAlive, body: body))
            }
            let field = input[line..<end]
            if let value = value(of: "content-length:", field) {
                contentLength = DecimalDigits.value(value)
            } else if let value = value(of: "retry-after:", field) {
                retryAfter = DecimalDigits.value(value)
            } else if let value = value(of: "connection:", field) {
                isKeptAlive = !value.elementsEqual("close".utf8)
            } else if value(of: "transfer-encoding:", field) != nil {
                return .unusual
            }
            line = end + 2
        }
        return input.count > headBytesMax ? .unusual : .incomplete
    }

    /// The value of a field without blanks around it.
    /// - Parameter name: In lower case, with its colon.
    private static func value(of name: StaticString, _ field: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard field.count >= name.utf8CodeUnitCount else { return nil }
        var index = field.startIndex
        let isNamed = name.withUTF8Buffer { name in
            for byte in name {
                guard field[index] | (byte == UInt8(ascii: ":") ? 0 : 0x20) == byte else { return false }
                index += 1
            }
            return true
        }
        guard isNamed else { return nil }
        let blank = UInt8(ascii: " ")
        var value = field[index...]
        while value.first == blank { value.removeFirst() }
        while value.last == blank { value.removeLast() }
        return value
    }

    /// The status of each item of a batch's answer.
    /// - Returns: `nil` when it has another number of them.
    package static func itemStatuses(_ body: ArraySlice<UInt8>, count: Int) -> [Int]? {
        if let statuses = quickStatuses(body), statuses.count == count { return statuses }
        guard let items = (try? JSONValue(parsing: Array(body)))?.elements, items.count == count else { return nil }
        let statuses = items.compactMap { $0["status"]?.integerValue }
        return statuses.count == count ? statuses : nil
    }

    /// Items begin with their status; a problem within one begins otherwise.
    private static func quickStatuses(_ body: ArraySlice<UInt8>) -> [Int]? {
        let mark = Array(#"{"status":"#.utf8)
        var statuses: [Int] = []
        var rest = body
        while let open = rest.firstIndex(of: UInt8(ascii: "{")) {
            rest = rest[open...]
            if rest.starts(with: mark) {
                guard let status = DecimalDigits.value(rest.dropFirst(mark.count).prefix(3)) else { return nil }
                statuses.append(status)
            }
            rest = rest.dropFirst()
        }
        return statuses
    }
}

/// Small decimal numbers.
enum DecimalDigits {
    /// - Returns: `nil` for anything but 1 to 9 digits.
    static func value(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...9).contains(digits.count) else { return nil }
        var value = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value
    }
}
