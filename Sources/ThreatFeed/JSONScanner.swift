/// Validates JSON text in one pass and tells where its values stand, without copying or building any.
///
/// RFC 8259 and UTF-8 are checked whole; beyond them nesting is bounded and duplicate names, lone surrogates and a
/// byte-order mark are refused. Numbers are checked for grammar only: their text is what counts, at any magnitude.
///
/// The values stand in `nodes` in document order, parents before children; the buffer is reused by the next scan, so
/// that scanning allocates nothing once it has grown. Duplicates are found while the object is read: a set of 256 name
/// fingerprints rules most names out, up to 16 members are compared with their elders, and an object with more
/// is checked once at its end through a hash table with a per-process seed. The cost stays linear in the text.
public struct JSONScanner: Sendable {
    /// Bounds of one scan.
    public struct Limits: Hashable, Sendable {
        /// Objects and arrays within each other, the outermost counted as one.
        public var depthMax: Int
        /// Values in `nodes`.
        public var valuesMax: Int

        public init(depthMax: Int = 32, valuesMax: Int = 65_536) {
            self.depthMax = depthMax
            self.valuesMax = valuesMax
        }

        /// For what a replica delivers: threats at any depth they may have, within a list within a frame.
        public static let delivered = Limits(depthMax: Limits().depthMax + 2, valuesMax: 1 << 22)
    }

    /// How much of the text the caller wants to know.
    public enum Detail: Sendable {
        /// All values, and no duplicate names anywhere.
        case everything
        /// The top value and its immediate children; names are not compared.
        case elements
    }

    /// The values of the last successful scan; the top value is first.
    public internal(set) var nodes: [JSONNode] = []

    private let limits: Limits
    private let recordedDepth: Int
    private let comparesNames: Bool
    private var end = 0
    private var whitespaceCount = 0
    private var stringHasEscapes = false
    private var names = JSONNames()
    /// Capacity kept between scans; an occasional huge document must not be paid for for ever.
    private static let keptCapacityMax = 4_096
    /// Up to so many members are compared pairwise.
    private static let pairwiseMax = 16

    public init(limits: Limits = Limits(), detail: Detail = .everything) {
        self.limits = limits
        switch detail {
        case .everything:
            recordedDepth = .max
            comparesNames = true
        case .elements:
            recordedDepth = 1
            comparesNames = false
        }
    }

    /// Scans a whole text.
    /// - Throws: `JSONError`, its offset counted from the beginning of the text.
    public mutating func scan(_ bytes: Span<UInt8>) throws(JSONError) {
        try scan(bytes, in: 0..<bytes.count)
    }

    /// Scans the text that stands in a part of the bytes; ranges of nodes are offsets into `bytes`.
    /// - Throws: `JSONError`, its offset counted from the beginning of the part.
    /// - Precondition: The part lies within the bytes, which are fewer than 2³¹.
    public mutating func scan(_ bytes: Span<UInt8>, in range: Range<Int>) throws(JSONError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "the part must lie within the bytes")
        precondition(bytes.count <= Int(Int32.max), "offsets have 31 bits")
        nodes.removeAll(keepingCapacity: nodes.capacity <= Self.keptCapacityMax)
        names.trim(slotsMax: Self.keptCapacityMax)
        end = range.upperBound
        whitespaceCount = 0
        do {
            try scanText(bytes, from: range.lowerBound)
        } catch {
            nodes.removeAll(keepingCapacity: true)
            throw JSONError(offset: error.offset - range.lowerBound, reason: error.reason)
        }
    }

    /// The indices of the members or elements of a value.
    public func children(of index: Int) -> JSONChildren {
        JSONChildren(nodes: nodes, index: index)
    }

    private mutating func scanText(_ bytes: Span<UInt8>, from start: Int) throws(JSONError) {
        if let reason = Self.foreignEncoding(bytes, start, end) { throw JSONError(offset: start, reason: reason) }
        var offset = skipWhitespace(bytes, start)
        guard offset < end else { throw JSONError(offset: offset, reason: .empty) }
        offset = try scanValue(bytes, offset, depth: 0, name: .none)
        offset = skipWhitespace(bytes, offset)
        if offset < end { throw JSONError(offset: offset, reason: .trailingBytes) }
    }

    /// Recognises byte-order marks and the NUL bytes that ASCII has in UTF-16 and UTF-32.
    private static func foreignEncoding(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> JSONError.Reason? {
        guard end - start >= 2 else { return nil }
        switch (bytes[start], bytes[start + 1]) {
        case (0xEF, 0xBB): return end - start >= 3 && bytes[start + 2] == 0xBF ? .byteOrderMark : nil
        case (0xFE, 0xFF), (0xFF, 0xFE): return .notUTF8Encoding
        case (0, _), (_, 0):
            // Other texts hold a stray NUL: what is wrong with them is found where it stands.
            let count = end - start
            let other = bytes[start] == 0 ? start + 2 : start + 3
            let isUTF16 = count % 2 == 0 && (count == 2 || bytes[other] == 0)
            return isUTF16 ? .notUTF8Encoding : nil
        default: return nil
        }
    }

    // MARK: Values

    /// - Returns: The offset after the value.
    private mutating func scanValue(
        _ bytes: Span<UInt8>, _ start: Int, depth: Int, name: JSONName
    ) throws(JSONError) -> Int {
        guard start < end else { throw JSONError(offset: end, reason: .unexpectedEnd) }
        let after: Int
        let kind: JSONKind
        switch bytes[start] {
        case UInt8(ascii: "\""):
            (after, kind) = (try scanString(bytes, start), .string)
        case UInt8(ascii: "{"): return try scanObject(bytes, start, depth: depth, name: name)
        case UInt8(ascii: "["): return try scanArray(bytes, start, depth: depth, name: name)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            (after, kind) = (try JSONTokens.numberEnd(bytes, start, end), .number)
        case UInt8(ascii: "t"):
            (after, kind) = (try JSONTokens.literalEnd(bytes, start, end, JSONTokens.trueWord, 4), .boolean)
        case UInt8(ascii: "f"):
            (after, kind) = (try JSONTokens.literalEnd(bytes, start, end, JSONTokens.falseWord, 5), .boolean)
        case UInt8(ascii: "n"):
            (after, kind) = (try JSONTokens.literalEnd(bytes, start, end, JSONTokens.nullWord, 4), .null)
        default: throw JSONError(offset: start, reason: .unexpectedByte)
        }
        if depth <= recordedDepth {
            var node = JSONNode(kind: kind, start: start, end: after, next: nodes.count + 1, name: name)
            node.hasEscapes = kind == .string && stringHasEscapes
            try add(node)
        }
        return after
    }

    @inline(__always)
    private mutating func scanString(_ bytes: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
        // Most strings are printable ASCII without escapes.
        let plainEnd = JSONTokens.plainEnd(bytes, start + 1, end)
        if plainEnd < end, bytes[plainEnd] == UInt8(ascii: "\"") {
            stringHasEscapes = false
            return plainEnd + 1
        }
        return try JSONTokens.stringEnd(bytes, start, end, hasEscapes: &stringHasEscapes)
    }

    private mutating func scanArray(
        _ bytes: Span<UInt8>, _ start: Int, depth: Int, name: JSONName
    ) throws(JSONError) -> Int {
        guard depth < limits.depthMax else { throw JSONError(offset: start, reason: .depthExceeded) }
        let whitespaceBefore = whitespaceCount
        let index = try open(.array, start, depth, name)
        var offset = skipWhitespace(bytes, start + 1)
        if offset < end, bytes[offset] == UInt8(ascii: "]") {
            return close(index, offset + 1, whitespaceBefore)
        }
        while true {
            offset = skipWhitespace(bytes, try scanValue(bytes, offset, depth: depth + 1, name: .none))
            let separator = try byte(bytes, offset)
            if separator == UInt8(ascii: "]") { return close(index, offset + 1, whitespaceBefore) }
            guard separator == UInt8(ascii: ",") else { throw JSONError(offset: offset, reason: .unexpectedByte) }
            offset = skipWhitespace(bytes, offset + 1)
        }
    }

    private mutating func scanObject(
        _ bytes: Span<UInt8>, _ start: Int, depth: Int, name: JSONName
    ) throws(JSONError) -> Int {
        guard depth < limits.depthMax else { throw JSONError(offset: start, reason: .depthExceeded) }
        let whitespaceBefore = whitespaceCount
        let index = try open(.object, start, depth, name)
        var offset = skipWhitespace(bytes, start + 1)
        if try byte(bytes, offset) == UInt8(ascii: "}") { return close(index, offset + 1, whitespaceBefore) }
        var fingerprints = NameFingerprints()
        var memberCount = 0
        while true {
            guard try byte(bytes, offset) == UInt8(ascii: "\"") else {
                throw JSONError(offset: offset, reason: .unexpectedByte)
            }
            let name = offset + 1..<(try scanString(bytes, offset)) - 1
            let escaped = stringHasEscapes
            offset = skipWhitespace(bytes, name.upperBound + 1)
            guard try byte(bytes, offset) == UInt8(ascii: ":") else {
                throw JSONError(offset: offset, reason: .unexpectedByte)
            }
            let child = nodes.count
            offset = try scanValue(
                bytes, skipWhitespace(bytes, offset + 1), depth: depth + 1,
                name: JSONName(name, hasEscapes: escaped))
            memberCount += 1
            if let index, comparesNames, fingerprints.mayRepeat(bytes, name, escaped: escaped),
                memberCount <= Self.pairwiseMax
            {
                try compareWithElders(bytes, of: child, in: index)
            }
            offset = skipWhitespace(bytes, offset)
            let separator = try byte(bytes, offset)
            if separator == UInt8(ascii: "}") { break }
            guard separator == UInt8(ascii: ",") else { throw JSONError(offset: offset, reason: .unexpectedByte) }
            offset = skipWhitespace(bytes, offset + 1)
        }
        let after = close(index, offset + 1, whitespaceBefore)
        if let index, comparesNames, memberCount > Self.pairwiseMax, fingerprints.sawRepetition {
            try compareAll(bytes, in: index, memberCount: memberCount)
        }
        return after
    }

    // MARK: Steps

    @inline(__always)
    private mutating func add(_ node: JSONNode) throws(JSONError) {
        guard nodes.count < limits.valuesMax else {
            throw JSONError(offset: node.range.lowerBound, reason: .tooManyValues)
        }
        nodes.append(node)
    }

    /// Adds an object or array whose end is not known yet, if its depth is recorded.
    private mutating func open(
        _ kind: JSONKind, _ start: Int, _ depth: Int, _ name: JSONName
    ) throws(JSONError) -> Int? {
        guard depth <= recordedDepth else { return nil }
        let index = nodes.count
        try add(JSONNode(kind: kind, start: start, end: start, next: index, name: name))
        return index
    }

    private mutating func close(_ index: Int?, _ after: Int, _ whitespaceBefore: Int) -> Int {
        guard let index else { return after }
        var node = nodes[index]
        node.end = UInt32(truncatingIfNeeded: after)
        node.next = Int32(truncatingIfNeeded: nodes.count)
        node.containsWhitespace = whitespaceCount != whitespaceBefore
        nodes[index] = node
        return after
    }

    @inline(__always)
    private func byte(_ bytes: Span<UInt8>, _ offset: Int) throws(JSONError) -> UInt8 {
        guard offset < end else { throw JSONError(offset: end, reason: .unexpectedEnd) }
        return bytes[offset]
    }

    @inline(__always)
    private mutating func skipWhitespace(_ bytes: Span<UInt8>, _ start: Int) -> Int {
        if start < end, bytes[start] > 0x20 { return start }
        return whitespaceEnd(bytes, start)
    }

    private mutating func whitespaceEnd(_ bytes: Span<UInt8>, _ start: Int) -> Int {
        var offset = start
        while offset < end {
            let byte = bytes[offset]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { break }
            offset += 1
        }
        whitespaceCount += offset - start
        return offset
    }

    // MARK: Duplicate names

    private func compareWithElders(_ bytes: Span<UInt8>, of child: Int, in parent: Int) throws(JSONError) {
        var elder = parent + 1
        while elder < child {
            if JSONNames.areEqual(bytes, nodes[elder], nodes[child]) { throw duplicate(child) }
            elder = Int(nodes[elder].next)
        }
    }

    private mutating func compareAll(_ bytes: Span<UInt8>, in parent: Int, memberCount: Int) throws(JSONError) {
        names.prepare(memberCount: memberCount)
        var child = parent + 1
        let last = Int(nodes[parent].next)
        while child < last {
            guard names.insert(child, of: nodes, bytes) else { throw duplicate(child) }
            child = Int(nodes[child].next)
        }
    }

    private func duplicate(_ child: Int) -> JSONError {
        JSONError(offset: Int(nodes[child].nameStart) - 1, reason: .duplicateMember)
    }
}

/// The indices of a value's members or elements, in document order.
public struct JSONChildren: Sequence, IteratorProtocol, Sendable {
    private let nodes: [JSONNode]
    private var index: Int
    private let end: Int

    init(nodes: [JSONNode], index: Int) {
        self.nodes = nodes
        self.index = index + 1
        end = Int(nodes[index].next)
    }

    public mutating func next() -> Int? {
        guard index < end else { return nil }
        defer { index = Int(nodes[index].next) }
        return index
    }
}
