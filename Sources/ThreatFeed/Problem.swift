/// A broken rule of a threat, by the name of the member it is about.
public struct FieldError: Error, Hashable, Sendable {
    /// `severity`, `mitre_techniques[3]`, `indicators[0].type`; empty for the body as a whole.
    public let field: String
    public let message: String

    public init(field: String, message: String) {
        self.field = field
        self.message = message
    }
}

/// Problem details for HTTP (RFC 9457), sent as `application/problem+json`.
///
/// `type` is `about:blank` throughout: the status says everything that software should act on, and §4.2.1 asks for
/// the status phrase as title then. What is particular to the occurrence stands in `detail` and `errors`.
public struct Problem: Error, Hashable, Sendable {
    public static let contentType = "application/problem+json"

    public var type: String
    public var title: String
    public var status: Int
    public var detail: String
    public var errors: [FieldError]
    /// Where a text is not JSON, in bytes; the extension member `offset` (§3.2).
    public var offset: Int?
    /// The oldest cursor that is still there, and why what was asked for is not; the extension members `first` and
    /// `reason` of 410.
    public var first: Cursor?
    public var reason: String?

    /// - Parameter title: The status phrase of RFC 9110 §15 when `nil`.
    public init(
        status: Int, detail: String, errors: [FieldError] = [], offset: Int? = nil, first: Cursor? = nil,
        reason: String? = nil, type: String = "about:blank", title: String? = nil
    ) {
        self.type = type
        self.title = title ?? Self.phrase(status)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.offset = offset
        self.first = first
        self.reason = reason
    }

    /// The answer to a threat that was refused: 400, 413 or 422.
    public init(_ rejection: ThreatRejection) {
        switch rejection {
        case .notJSON(let error):
            self.init(status: rejection.status, detail: error.description, offset: error.offset)
        case .tooLarge(let bytesMax):
            self.init(status: rejection.status, detail: "A threat may have at most \(bytesMax) bytes.")
        case .invalid(let errors):
            self.init(
                status: rejection.status, detail: "The threat breaks \(errors.count) of the rules.", errors: errors)
        }
    }

    /// The answer to a query with a filter that cannot be used: 422.
    public init(_ error: FilterError) {
        let field = FieldError(field: error.member.rawValue, message: error.description)
        self.init(status: 422, detail: error.description, errors: [field])
    }

    /// The JSON object; extension members are left out when there are none.
    public func encode() -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(128 + detail.utf8.count + errors.count * 96)
        JSONText.appendRaw(#"{"type":"#, to: &text)
        JSONText.appendString(type, to: &text)
        JSONText.appendMember("title", title, to: &text)
        JSONText.appendName("status", to: &text)
        JSONText.appendInteger(Int64(status), to: &text)
        JSONText.appendMember("detail", detail, to: &text)
        if let offset {
            JSONText.appendName("offset", to: &text)
            JSONText.appendInteger(Int64(offset), to: &text)
        }
        if let first { JSONText.appendMember("first", first.description, to: &text) }
        if let reason { JSONText.appendMember("reason", reason, to: &text) }
        if !errors.isEmpty {
            JSONText.appendName("errors", to: &text)
            for (index, error) in errors.enumerated() {
                JSONText.appendRaw(index == 0 ? #"[{"field":"# : #",{"field":"#, to: &text)
                JSONText.appendString(error.field, to: &text)
                JSONText.appendMember("message", error.message, to: &text)
                JSONText.appendRaw("}", to: &text)
            }
            JSONText.appendRaw("]", to: &text)
        }
        JSONText.appendRaw("}", to: &text)
        return text
    }

    private static func phrase(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: status < 500 ? "Client Error" : "Server Error"
        }
    }
}
