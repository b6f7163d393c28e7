/// A data message of which some frames have arrived (RFC 6455 §5.4).
struct MessageAssembly {
    private let isText: Bool
    private let isCompressed: Bool
    private var payload: [UInt8] = []
    private var fragments = 0
    private var validator = UTF8Validator()

    init(isText: Bool, isCompressed: Bool) {
        self.isText = isText
        self.isCompressed = isCompressed
    }

    /// What is held of it.
    var byteCount: Int { payload.count }

    /// Checks what a header announces before any of it is kept.
    mutating func beginFrame(payloadLength: Int, limits: WebSocketLimits) throws(FrameError) {
        let bytesMax = limits.bytesOnWireMax(isCompressed: isCompressed)
        guard payloadLength <= bytesMax.message - payload.count else { throw .messageTooLarge }
        guard payloadLength <= bytesMax.frame else { throw .frameTooLarge }
        guard fragments < limits.fragmentsPerMessageMax else { throw .tooManyFragments }
        fragments += 1
    }

    /// Adds part of a frame's payload, `payloadOffset` bytes of which came before.
    mutating func append(
        _ piece: ArraySlice<UInt8>, maskingKey: MaskingKey?, payloadOffset: Int
    ) throws(FrameError) {
        let start = payload.count
        payload.append(contentsOf: piece)
        maskingKey?.apply(to: &payload, from: start, payloadOffset: payloadOffset)
        if isText && !isCompressed {
            var text = validator
            let isPossible = text.validate(payload.span.extracting(start...))
            validator = text
            guard isPossible else { throw .invalidUTF8 }
        }
    }

    /// The whole message, inflated and checked.
    func finish(limits: WebSocketLimits, inflate: InflateMessage?) throws(FrameError) -> WebSocketEvent {
        guard isCompressed else {
            guard validator.isComplete else { throw .invalidUTF8 }
            return isText ? .text(payload) : .binary(payload)
        }
        guard let inflate else { throw .reservedBits }
        let inflated: [UInt8]
        do throws(InflateFailure) {
            inflated = try inflate(payload, limits.messageBytesMax)
        } catch {
            switch error {
            case .outputTooLarge: throw .messageTooLarge
            case .corrupt: throw .corruptCompressedData
            }
        }
        guard inflated.count <= limits.messageBytesMax else { throw .messageTooLarge }
        guard isText else { return .binary(inflated) }
        var text = UTF8Validator()
        guard text.validate(inflated.span), text.isComplete else { throw .invalidUTF8 }
        return .text(inflated)
    }
}
