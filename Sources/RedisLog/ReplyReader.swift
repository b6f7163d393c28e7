import CHiredis
import Glibc

/// What could not be read as a reply (RESP).
struct ReplyError: Error, Hashable {
    let reason: String
}

/// hiredis as a codec: bytes in, replies out. It never sees a descriptor.
final class ReplyReader {
    private let reader: UnsafeMutablePointer<redisReader>
    // Owner of what the reader has handed over of a reply that is not whole yet; lives as long as the reader.
    private let builder = ReplyBuilder()
    private let replyBytesMax: Int
    private var bytesSinceReply = 0

    init(replyBytesMax: Int) {
        guard let reader = redisReaderCreateWithFunctions(ReplyBuilder.functions) else { fatalError("out of memory") }
        reader.pointee.privdata = Unmanaged.passUnretained(builder).toOpaque()
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
        var isWhole: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &isWhole) == REDIS_OK else { throw ReplyError(reason: errorText) }
        guard isWhole != nil else { return nil }
        bytesSinceReply = 0
        guard let reply = builder.takeReply() else { throw ReplyError(reason: "a kind of reply that is not read") }
        return reply
    }

    private var errorText: String {
        // SAFETY: `errstr` is a zero-terminated array inside the reader.
        withUnsafeBytes(of: reader.pointee.errstr) { text in
            String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
