/// What can be fuzzed. Each target takes any bytes and stops the program when a property does not hold.
enum FuzzTarget: String, CaseIterable, Codable, Sendable {
    case frames
    case messages
    case handshake
    case httpRequest = "http-request"
    case httpResponse = "http-response"
    case json
    case threat
    case query
    case resp
    case records

    func check(_ input: [UInt8]) {
        switch self {
        case .frames: FrameProperties.check(input)
        case .messages: MessageProperties.check(input)
        case .handshake: HandshakeProperties.check(input)
        case .httpRequest: HTTPRequestProperties.check(input)
        case .httpResponse: HTTPResponseProperties.check(input)
        case .json: JSONProperties.check(input)
        case .threat: ThreatProperties.check(input)
        case .query: QueryProperties.check(input)
        case .resp: ReplyProperties.check(input)
        case .records: RecordProperties.check(input)
        }
    }

    /// Inputs that lead somewhere, for the fuzzer to begin with.
    var seeds: [[UInt8]] {
        switch self {
        case .frames: Seeds.frames
        case .messages: Seeds.messages
        case .handshake: Seeds.handshakes
        case .httpRequest: Seeds.requests
        case .httpResponse: Seeds.responses
        case .json: Seeds.documents
        case .threat: Seeds.threats
        case .query: Seeds.queries
        case .resp: Seeds.replies
        case .records: Seeds.records
        }
    }
}
