import ThreatFeed

/// A command and its arguments, each written as it is sent (RESP) when it is appended.
public struct RedisCommand: Hashable, Sendable {
    /// `$<length>\r\n<bytes>\r\n` for each argument.
    private var bulkStrings: [UInt8] = []
    private var argumentCount = 0

    public init(_ words: String...) {
        for word in words { append(word) }
    }

    public init(arguments: [[UInt8]]) {
        for argument in arguments { append(argument) }
    }

    public mutating func append(_ argument: String) {
        beginArgument(byteCount: argument.utf8.count)
        bulkStrings.append(contentsOf: argument.utf8)
        Self.endLine(&bulkStrings)
    }

    public mutating func append(_ argument: [UInt8]) {
        beginArgument(byteCount: argument.count)
        bulkStrings.append(contentsOf: argument)
        Self.endLine(&bulkStrings)
    }

    /// Appends an argument that is written in place.
    /// - Parameter write: Appends exactly `byteCount` bytes.
    mutating func append(byteCount: Int, _ write: (inout [UInt8]) -> Void) {
        beginArgument(byteCount: byteCount)
        let end = bulkStrings.count + byteCount
        write(&bulkStrings)
        precondition(bulkStrings.count == end, "an argument is as long as its header says")
        Self.endLine(&bulkStrings)
    }

    public mutating func append(_ argument: Int64) {
        append(String(argument))
    }

    /// The same command with other words at its beginning.
    /// - Parameter count: How many arguments they stand for.
    func replacingFirst(_ count: Int, with words: [String]) -> RedisCommand {
        var replaced = RedisCommand()
        for word in words { replaced.append(word) }
        var rest = bulkStrings[...]
        for _ in 0..<count {
            let digits = rest.dropFirst().prefix { $0 != UInt8(ascii: "\r") }
            guard let byteCount = Int(String(decoding: digits, as: UTF8.self)) else {
                preconditionFailure("an argument begins with its length")
            }
            rest = rest.dropFirst(1 + digits.count + 2 + byteCount + 2)
        }
        replaced.bulkStrings += rest
        replaced.argumentCount += argumentCount - count
        return replaced
    }

    mutating func reserve(bytes: Int) {
        bulkStrings.reserveCapacity(bytes)
    }

    /// Appends the command as RESP.
    func format(into output: inout [UInt8]) {
        output.append(UInt8(ascii: "*"))
        JSONText.appendInteger(UInt64(argumentCount), to: &output)
        Self.endLine(&output)
        output.append(contentsOf: bulkStrings)
    }

    /// The memory the command takes until it is answered, roughly.
    var byteCount: Int { bulkStrings.count }

    private mutating func beginArgument(byteCount: Int) {
        argumentCount += 1
        bulkStrings.append(UInt8(ascii: "$"))
        JSONText.appendInteger(UInt64(byteCount), to: &bulkStrings)
        Self.endLine(&bulkStrings)
    }

    private static func endLine(_ bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }
}
