/// The items of a batch of threats, as ranges of the body.
///
/// An item's bytes are exactly those sent for it: a line without its end, an element without the whitespace around
/// it. They are what the retry rule compares.
public enum Batch {
    /// Splits a JSON array. The text is checked as a whole, except that duplicate names in an item are left for the
    /// parsing of that item.
    /// - Throws: `BatchError`; nesting deeper than 32 within an item is refused for the whole array.
    public static func items(ofArray body: [UInt8], itemsMax: Int = 1_000) throws(BatchError) -> [Range<Int>] {
        let limits = JSONScanner.Limits(depthMax: JSONScanner.Limits().depthMax + 1, valuesMax: itemsMax + 1)
        var scanner = JSONScanner(limits: limits, detail: .elements)
        do {
            try scanner.scan(body.span)
        } catch {
            if error.reason == .tooManyValues {
                // An object with as many members was not read to its end either, but no end makes it an array.
                let first = body.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
                throw first == UInt8(ascii: "[") ? .tooManyItems(itemsMax: itemsMax) : .notAnArray(found: .object)
            }
            throw .notJSON(error)
        }
        let kind = scanner.nodes[0].kind
        guard kind == .array else { throw .notAnArray(found: kind) }
        return scanner.nodes.dropFirst().map(\.range)
    }

    /// Splits NDJSON: one item a line, ended by LF or CR LF (optional after the last). Lines of spaces and tabs only
    /// are ignored. Nothing else is checked; a broken line is that item's error.
    /// - Throws: `BatchError.tooManyItems`.
    public static func items(ofLines body: [UInt8], itemsMax: Int = 1_000) throws(BatchError) -> [Range<Int>] {
        var items: [Range<Int>] = []
        var start = 0
        while start < body.count {
            let lineEnd = body[start...].firstIndex(of: 0x0A) ?? body.count
            let end = lineEnd > start && body[lineEnd - 1] == 0x0D ? lineEnd - 1 : lineEnd
            if !body[start..<end].allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
                guard items.count < itemsMax else { throw .tooManyItems(itemsMax: itemsMax) }
                items.append(start..<end)
            }
            start = lineEnd + 1
        }
        return items
    }
}

/// Why the whole body of a batch was refused.
public enum BatchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// 400: the bytes are not an acceptable JSON text.
    case notJSON(JSONError)
    /// 422: JSON, but not an array.
    case notAnArray(found: JSONKind)
    /// 413: more items than the limit.
    case tooManyItems(itemsMax: Int)

    /// The HTTP status that answers it.
    public var status: Int {
        switch self {
        case .notJSON: 400
        case .notAnArray: 422
        case .tooManyItems: 413
        }
    }

    /// Where the text is not JSON.
    public var offset: Int? {
        switch self {
        case .notJSON(let error): error.offset
        case .notAnArray, .tooManyItems: nil
        }
    }

    /// What a 422 names: the body as a whole.
    public var errors: [FieldError] {
        switch self {
        case .notAnArray: [FieldError(field: "", message: description)]
        case .notJSON, .tooManyItems: []
        }
    }

    public var description: String {
        switch self {
        case .notJSON(let error): error.description
        case .notAnArray(let kind): "a batch must be an array of threats, not \(kind.article)"
        case .tooManyItems(let itemsMax): "a batch may hold at most \(itemsMax) threats"
        }
    }
}
