/// Removes the chunked transfer coding as bytes arrive (RFC 9112 §7.1).
///
///     chunk   = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
///     body    = *chunk 1*"0" [ chunk-ext ] CRLF trailer-section CRLF
///
/// Extensions are checked and ignored; trailers are checked and discarded.
struct ChunkedDecoder: Sendable {
    private enum State {
        case size
        case data(remaining: Int)
        case terminator
        case trailers
        case done
    }

    private var state = State.size
    private var scanned = 0
    private var digitCount = 0
    private var size = 0
    /// Where the extensions of the current size line begin.
    private var extensionsStart: Int?
    private var extensionBytes = 0
    private var receivedBytes = 0
    private var trailers = FieldSectionScanner(start: 0)

    /// Moves decoded data from `buffer` to `body`.
    /// - Returns: Whether the body is complete; `buffer` then starts with what follows it.
    mutating func decode(
        _ buffer: inout InputBuffer, into body: inout [UInt8], bodyBytesMax: Int, limits: HTTPLimits
    ) throws(HTTPMessageError) -> Bool {
        while !buffer.isEmpty {
            switch state {
            case .size:
                let end = try scanSizeLine(buffer.bytes.span, base: buffer.start, limits: limits)
                guard let end else { return false }
                if size > bodyBytesMax - receivedBytes { throw .bodyTooLarge(bytesMax: bodyBytesMax) }
                buffer.consume(end)
                state = size == 0 ? .trailers : .data(remaining: size)
                receivedBytes += size
                (scanned, digitCount, size, extensionsStart) = (0, 0, 0, nil)
            case .data(let remaining):
                let available = min(remaining, buffer.count)
                buffer.move(available, to: &body)
                state = available == remaining ? .terminator : .data(remaining: remaining - available)
            case .terminator:
                guard try isTerminated(buffer.bytes.span, base: buffer.start) else { return false }
                buffer.consume(2)
                state = .size
            case .trailers:
                guard let end = try scanTrailers(buffer, limits: limits) else { return false }
                buffer.consume(end)
                state = .done
                return true
            case .done: return true
            }
        }
        return false
    }

    /// - Returns: The offset behind the size line, or `nil` until it is complete.
    private mutating func scanSizeLine(
        _ input: Span<UInt8>, base: Int, limits: HTTPLimits
    ) throws(HTTPMessageError) -> Int? {
        let end = input.count - base
        if extensionsStart == nil {
            while scanned < end, let digit = ASCII.hexValue(input[base + scanned]) {
                digitCount += 1
                // Sixteen digits bound the leading zeros, the shift what an Int can hold.
                guard digitCount <= 16, size <= Int.max >> 4 else { throw .malformedChunkSize }
                size = size << 4 | Int(digit)
                scanned += 1
            }
            guard scanned < end else { return nil }
            guard digitCount > 0 else { throw .malformedChunkSize }
            extensionsStart = scanned
        }
        let start = extensionsStart ?? scanned
        while scanned < end, ASCII.isFieldContent(input[base + scanned]) {
            if scanned == start, !ASCII.isWhitespace(input[base + start]), input[base + start] != ASCII.semicolon {
                throw .malformedChunkSize
            }
            extensionBytes += 1
            if extensionBytes > limits.chunkExtensionBytesMax {
                throw .chunkExtensionsTooLarge(bytesMax: limits.chunkExtensionBytesMax)
            }
            scanned += 1
        }
        guard scanned < end else { return nil }
        guard input[base + scanned] == ASCII.carriageReturn else {
            throw input[base + scanned] == ASCII.lineFeed ? .bareLineFeed : .controlCharacter
        }
        guard scanned + 1 < end else { return nil }
        guard input[base + scanned + 1] == ASCII.lineFeed else { throw .bareCarriageReturn }
        guard ChunkExtensions.isValid(input, (base + start)..<(base + scanned)) else {
            throw .malformedChunkExtension
        }
        return scanned + 2
    }

    private func isTerminated(_ input: Span<UInt8>, base: Int) throws(HTTPMessageError) -> Bool {
        guard input[base] == ASCII.carriageReturn else { throw .malformedChunkTerminator }
        guard base + 1 < input.count else { return false }
        guard input[base + 1] == ASCII.lineFeed else { throw .malformedChunkTerminator }
        return true
    }

    private mutating func scanTrailers(
        _ buffer: InputBuffer, limits: HTTPLimits
    ) throws(HTTPMessageError) -> Int? {
        do {
            return try trailers.scan(
                buffer.bytes.span, base: buffer.start, bytesMax: limits.trailerBytesMax,
                countMax: limits.fieldCountMax)
        } catch {
            if case .headerSectionTooLarge(let bytesMax) = error { throw .trailersTooLarge(bytesMax: bytesMax) }
            throw error
        }
    }
}

/// The syntax of chunk extensions (RFC 9112 §7.1.1).
///
///     chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
enum ChunkExtensions {
    static func isValid(_ input: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        let end = range.upperBound
        while index < end {
            skipWhitespace(input, &index, end)
            guard index < end, input[index] == ASCII.semicolon else { return false }
            index += 1
            skipWhitespace(input, &index, end)
            guard skipToken(input, &index, end) else { return false }
            var valueStart = index
            skipWhitespace(input, &valueStart, end)
            guard valueStart < end, input[valueStart] == ASCII.equals else { continue }
            index = valueStart + 1
            skipWhitespace(input, &index, end)
            guard skipQuoted(input, &index, end) || skipToken(input, &index, end) else { return false }
        }
        return true
    }

    private static func skipWhitespace(_ input: Span<UInt8>, _ index: inout Int, _ end: Int) {
        while index < end, ASCII.isWhitespace(input[index]) { index += 1 }
    }

    private static func skipToken(_ input: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
        let start = index
        while index < end, ASCII.isToken(input[index]) { index += 1 }
        return index > start
    }

    private static func skipQuoted(_ input: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
        guard index < end, input[index] == ASCII.quote else { return false }
        var position = index + 1
        while position < end, input[position] != ASCII.quote {
            position += input[position] == ASCII.backslash ? 2 : 1
        }
        guard position < end else { return false }
        index = position + 1
        return true
    }
}
