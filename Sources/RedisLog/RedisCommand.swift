/// A command and its arguments, kept in one buffer until the link formats it.
public struct RedisCommand: Hashable, Sendable {
    private(set) var argumentBytes: [UInt8] = []
    private(set) var argumentLengths: [Int] = []

    public init(_ words: String...) {
        for word in words { append(word) }
    }

    public init(arguments: [[UInt8]]) {
        for argument in arguments { append(argument) }
    }

    public mutating func append(_ argument: String) {
        let start = argumentBytes.count
        argumentBytes.append(contentsOf: argument.utf8)
        argumentLengths.append(argumentBytes.count - start)
    }

    public mutating func append(_ argument: [UInt8]) {
        argumentBytes.append(contentsOf: argument)
        argumentLengths.append(argument.count)
    }

    public mutating func append(_ argument: Int64) {
        append(String(argument))
    }

    mutating func reserve(bytes: Int) {
        argumentBytes.reserveCapacity(bytes)
    }

    /// The memory the command takes until it is answered, roughly.
    var byteCount: Int { argumentBytes.count + 16 * argumentLengths.count }
}
