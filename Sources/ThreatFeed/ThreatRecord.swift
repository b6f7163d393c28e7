/// A threat as it is kept: everything but its place in the log.
///
/// `tail` is the JSON text of the document without its opening brace and without `seq` and `cursor`, on one line:
/// `"id":"x",…,"triage":{"status":"new","version":1}}`.
public struct ThreatRecord: Hashable, Sendable {
    public let id: String
    public let digest: ContentDigest
    /// Unix time.
    public let receivedAtMilliseconds: Int64
    public let facets: Facets
    /// A part of what it was read from, perhaps: whoever keeps a record for long keeps that too.
    public let tail: ArraySlice<UInt8>

    public init(
        id: String, digest: ContentDigest, receivedAtMilliseconds: Int64, facets: Facets, tail: ArraySlice<UInt8>
    ) {
        self.id = id
        self.digest = digest
        self.receivedAtMilliseconds = receivedAtMilliseconds
        self.facets = facets
        self.tail = tail
    }

    public init(id: String, digest: ContentDigest, receivedAtMilliseconds: Int64, facets: Facets, tail: [UInt8]) {
        self.init(
            id: id, digest: digest, receivedAtMilliseconds: receivedAtMilliseconds, facets: facets, tail: tail[...])
    }

    /// The stored form, used alike in the stream, as script argument and in channel messages:
    /// `<id> SP <digest> SP <received ms> SP <facets byte count> SP <facets><tail>`.
    public func encode() -> [UInt8] {
        var blob: [UInt8] = []
        blob.reserveCapacity(encodedByteCount)
        encode(into: &blob)
        return blob
    }

    /// The number of bytes of the stored form.
    public var encodedByteCount: Int {
        let facetsByteCount = facets.encodedByteCount
        return id.utf8.count + ContentDigest.hexByteCount + DecimalText.digitCount(receivedAtMilliseconds.magnitude)
            + (receivedAtMilliseconds < 0 ? 1 : 0) + DecimalText.digitCount(UInt64(facetsByteCount)) + 4
            + facetsByteCount + tail.count
    }

    /// Appends the stored form.
    public func encode(into blob: inout [UInt8]) {
        let space = UInt8(ascii: " ")
        blob.append(text: id)
        blob.append(space)
        digest.append(to: &blob)
        blob.append(space)
        JSONText.appendInteger(receivedAtMilliseconds, to: &blob)
        blob.append(space)
        JSONText.appendInteger(UInt64(facets.encodedByteCount), to: &blob)
        blob.append(space)
        facets.append(to: &blob)
        blob.append(contentsOf: tail)
    }

    /// Reads the stored form.
    /// - Throws: `RecordError`, naming the first part that is not as `encode()` writes it. The tail is taken to be
    ///   what this service wrote and only checked at its two ends.
    public init(decoding blob: [UInt8]) throws(RecordError) {
        try self.init(decoding: blob[...])
    }

    /// Reads the stored form from a part of a larger reply.
    public init(decoding blob: ArraySlice<UInt8>) throws(RecordError) {
        var start = blob.startIndex
        let idBytes = try Self.word(blob, &start, bytesMax: 128, else: .id)
        guard TextPattern.isID(idBytes) else { throw .id }
        let hex = try Self.word(blob, &start, bytesMax: 32, else: .digest)
        guard let digest = ContentDigest(hex: hex) else { throw .digest }
        let time = try Self.word(blob, &start, bytesMax: 20, else: .receivedAt)
        guard let milliseconds = Self.signed(time) else { throw .receivedAt }
        let count = DecimalText.parse(try Self.word(blob, &start, bytesMax: 7, else: .facets))
        var rest = blob[start...]
        guard let count, count < UInt64(rest.count) else { throw .facets }
        let facets = try Facets(decoding: rest.prefix(Int(count)))
        rest = rest.dropFirst(Int(count))
        guard rest.count >= 2, rest.first == UInt8(ascii: "\""), rest.last == UInt8(ascii: "}") else { throw .tail }
        self.init(
            id: String(decoding: idBytes, as: UTF8.self), digest: digest, receivedAtMilliseconds: milliseconds,
            facets: facets, tail: rest)
    }

    /// Takes the bytes from `start` up to the next space, and moves `start` behind the space.
    private static func word(
        _ blob: ArraySlice<UInt8>, _ start: inout Int, bytesMax: Int, else error: RecordError
    ) throws(RecordError) -> ArraySlice<UInt8> {
        let limit = min(blob.endIndex, start + bytesMax + 1)
        var end = start
        while end < limit, blob[end] != UInt8(ascii: " ") { end += 1 }
        guard end < limit else { throw error }
        defer { start = end + 1 }
        return blob[start..<end]
    }

    private static func signed(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard digits.first == UInt8(ascii: "-") else { return DecimalText.parse(digits).flatMap(Int64.init(exactly:)) }
        guard let magnitude = DecimalText.parse(digits.dropFirst()), magnitude > 0 else { return nil }
        return Int64(exactly: magnitude).map { -$0 }
    }
}

/// The part of a stored record that could not be read.
public enum RecordError: Error, Hashable, Sendable {
    case id, digest, receivedAt, facets, tail
}
