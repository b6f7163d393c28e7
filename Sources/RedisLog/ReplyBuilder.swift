import CHiredis

/// Puts replies together from the pieces that hiredis finds, depth first, so that no objects of its own stand between
/// its buffer and ours.
final class ReplyBuilder {
    private struct UnfinishedArray {
        var elements: [RedisReply] = []
        let count: Int
    }

    /// Most elements of one array, far more than any answer to our commands has.
    private static let elementsMax = 1 << 22
    /// Room made for what a header announces before it has arrived.
    private static let elementsReserved = 256

    /// Outermost first.
    private var unfinished: [UnfinishedArray] = []
    private var whole: RedisReply?

    /// - Returns: The reply that hiredis has just come to the end of; `nil` if there is something in it that is not known
    ///   here, which nobody sends who speaks RESP2.
    func takeReply() -> RedisReply? {
        whole.take()
    }

    private func add(_ piece: RedisReply) {
        var piece = piece
        while let last = unfinished.indices.last {
            unfinished[last].elements.append(piece)
            guard unfinished[last].elements.count == unfinished[last].count else { return }
            piece = .array(unfinished.removeLast().elements)
        }
        whole = piece
    }

    /// - Returns: Whether it may be so large.
    private func beginArray(count: Int) -> Bool {
        guard count <= Self.elementsMax else { return false }
        guard count > 0 else {
            add(.array([]))
            return true
        }
        var array = UnfinishedArray(count: count)
        array.elements.reserveCapacity(min(count, Self.elementsReserved))
        unfinished.append(array)
        return true
    }

    private static func text(_ type: Int32, _ bytes: UnsafeRawBufferPointer) -> RedisReply {
        guard type == REDIS_REPLY_ERROR else { return .string(Array(bytes)) }
        let code = bytes.prefix { $0 != UInt8(ascii: " ") }
        return .error(
            code: String(decoding: code, as: UTF8.self),
            message: String(decoding: bytes.dropFirst(code.count + 1), as: UTF8.self))
    }
}

// MARK: - What hiredis calls

extension ReplyBuilder {
    /// The functions that hiredis makes objects with. An array that announces too much ends the reading as if there
    /// were no memory for it.
    // SAFETY: written once, before anyone can read it, and never freed, so that every reader may point at it.
    nonisolated(unsafe) static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        // None of hiredis' own, of which later versions have more: they would take what is `added` for theirs.
        functions.initialize(to: redisReplyObjectFunctions())
        functions.pointee.createString = { task, text, count in
            guard let task else { return nil }
            // SAFETY: `text` lies in the buffer of the reader, which does not change within this call.
            let bytes = UnsafeRawBufferPointer(start: text, count: Int(count))
            builder(of: task).add(ReplyBuilder.text(task.pointee.type, bytes))
            return added
        }
        functions.pointee.createArray = { task, count in
            guard let task, builder(of: task).beginArray(count: Int(count)) else { return nil }
            return added
        }
        functions.pointee.createInteger = { task, value in
            guard let task else { return nil }
            builder(of: task).add(.integer(value))
            return added
        }
        functions.pointee.createNil = { task in
            guard let task else { return nil }
            builder(of: task).add(.null)
            return added
        }
        // What was added belongs to the builder.
        functions.pointee.freeObject = { _ in }
        return functions
    }()

    /// Says to hiredis that there is an object; it never looks at it.
    // SAFETY: never dereferenced.
    private nonisolated(unsafe) static let added = UnsafeMutableRawPointer(bitPattern: 1)

    private static func builder(of task: UnsafePointer<redisReadTask>) -> ReplyBuilder {
        guard let owner = task.pointee.privdata else { preconditionFailure("every reader has a builder") }
        // SAFETY: set by the `ReplyReader`, which keeps the builder for as long as the reader lives.
        return Unmanaged<ReplyBuilder>.fromOpaque(owner).takeUnretainedValue()
    }
}
