import CHiredis
import Glibc

/// What could not be read as a reply (RESP).
struct ReplyError: Error, Hashable {
    let reason: String
}

/// hiredis as a codec: bytes in, replies out. It never sees a descriptor.
final class ReplyReader {
    private let reader: UnsafeMutablePointer<redisReader>
    private let replyBytesMax: Int
    private var bytesSinceReply = 0

    init(replyBytesMax: Int) {
        guard let reader = redisReaderCreateWithFunctions(ReplyObjects.bounded) else { fatalError("out of memory") }
        self.reader = reader
        self.replyBytesMax = replyBytesMax
    }

    deinit {
        redisReaderFree(reader)
    }

    /// Takes bytes as they came from the socket.
    /// - Throws: `ReplyError` when a single reply grows beyond the bound.
    func feed(_ bytes: UnsafeRawBufferPointer) throws(ReplyError) {
        bytesSinceReply += bytes.count
        guard bytesSinceReply <= replyBytesMax else { throw ReplyError(reason: "reply too large") }
        // SAFETY: hiredis copies the bytes into its own buffer before it returns.
        let status = redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        guard status == REDIS_OK else { throw ReplyError(reason: errorText) }
    }

    /// - Returns: `nil` until a whole reply is there.
    /// - Throws: `ReplyError` when the bytes are not RESP.
    func next() throws(ReplyError) -> RedisReply? {
        var raw: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &raw) == REDIS_OK else { throw ReplyError(reason: errorText) }
        guard let raw else { return nil }
        bytesSinceReply = 0
        // SAFETY: the reply is ours until freeReplyObject; everything in it is copied.
        defer { freeReplyObject(raw) }
        return Self.converted(raw.assumingMemoryBound(to: redisReply.self).pointee)
    }

    private static func converted(_ reply: redisReply) -> RedisReply {
        switch reply.type {
        case REDIS_REPLY_INTEGER: return .integer(reply.integer)
        case REDIS_REPLY_ARRAY:
            // SAFETY: hiredis fills all `elements` slots before it hands the reply out.
            let elements = UnsafeBufferPointer(start: reply.element, count: Int(reply.elements))
            return .array(elements.map { $0.map { converted($0.pointee) } ?? .null })
        case REDIS_REPLY_ERROR:
            let text = bytes(reply)
            let code = text.prefix { $0 != UInt8(ascii: " ") }
            return .error(
                code: String(decoding: code, as: UTF8.self),
                message: String(decoding: text.dropFirst(code.count + 1), as: UTF8.self))
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: return .string(bytes(reply))
        default: return .null
        }
    }

    private static func bytes(_ reply: redisReply) -> [UInt8] {
        // SAFETY: `str` holds `len` bytes as long as the reply lives.
        Array(UnsafeRawBufferPointer(start: reply.str, count: Int(reply.len)))
    }

    private var errorText: String {
        // SAFETY: `errstr` is a zero-terminated array inside the reader.
        withUnsafeBytes(of: reader.pointee.errstr) { text in
            String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}

/// What hiredis builds replies with.
private enum ReplyObjects {
    /// Most elements of one array, far more than any answer to our commands has. hiredis makes room for all that a
    /// header announces before the first of them has arrived.
    private static let elementsMax = 1 << 22

    private static let unbounded: redisReplyObjectFunctions = {
        guard let reader = redisReaderCreate() else { fatalError("out of memory") }
        defer { redisReaderFree(reader) }
        return reader.pointee.fn.pointee
    }()

    /// hiredis' own functions, but for arrays that announce too much: those end as if there were no memory for them.
    // SAFETY: written once, before anyone can read it, and never freed, so that every reader may point at it.
    nonisolated(unsafe) static let bounded: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        functions.initialize(to: unbounded)
        functions.pointee.createArray = { task, count in
            Int(count) <= elementsMax ? unbounded.createArray(task, count) : nil
        }
        return functions
    }()
}
