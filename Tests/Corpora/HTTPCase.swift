/// Bytes that a client sends on one connection, and what they must lead to.
public struct HTTPCase: Sendable, CustomStringConvertible {
    /// How the connection stands when everything that is due has been answered.
    public enum Ending: Sendable, Equatable {
        /// It takes further requests.
        case kept
        /// The server ends it.
        case closed
        /// A request has begun and lacks its end; only the deadline ends it.
        case unfinished
    }

    public let name: String
    public let input: [UInt8]
    /// One line for each event of the decoder: `POST /path HTTP/1.1 keep-alive [body]`, `100` where the content is asked
    /// for, `error 400` for the refusal that ends the connection, `pending` for a request without its end.
    public let decoded: [String]
    /// The status codes of a replica's answers, in order; interim ones left out.
    public let served: [Int]
    public let ending: Ending

    /// - Parameters:
    ///   - input: Each scalar below U+0100 stands for one octet.
    ///   - served: `nil` for what follows from `decoded` by method and path.
    public init(_ name: String, _ input: String, _ decoded: String..., served: [Int]? = nil) {
        self.init(name, octets(input), decoded, served: served)
    }

    public init(_ name: String, _ input: [UInt8], _ decoded: [String], served: [Int]? = nil) {
        self.name = name
        self.input = input
        self.decoded = decoded
        // A server reads no further than a request that ends the connection.
        let last = decoded.firstIndex { $0.hasPrefix("error ") || $0.contains(" close [") }
        let relevant = last.map { decoded[...$0] } ?? decoded[...]
        self.served = served ?? relevant.compactMap(Self.status)
        ending = last != nil ? .closed : decoded.last == "pending" ? .unfinished : .kept
    }

    public var description: String { name }

    /// The methods of the requests that are answered, which a reader of the answers must know.
    public var methods: [String] {
        let first = String(decoding: input.prefix { $0 != 0x20 }, as: UTF8.self)
        return decoded.enumerated().compactMap { index, line in
            if line.hasPrefix("error ") { return index == 0 ? first : "GET" }
            return line.contains(" HTTP/1.") ? String(line.prefix { $0 != " " }) : nil
        }
    }

    /// What a replica answers to one line of `decoded`: it serves `/` and `/health`, and takes threats.
    private static func status(_ line: String) -> Int? {
        let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count >= 2 else { return nil }
        if words[0] == "error" { return Int(words[1]) }
        let path = path(words[1])
        guard ["/", "/health", "/api/threats/trigger", "*"].contains(path) else { return 404 }
        switch words[0] {
        case "OPTIONS": return 204
        case "GET", "HEAD": return path == "/api/threats/trigger" ? 405 : 200
        case "POST" where path == "/api/threats/trigger": return 415
        default: return 405
        }
    }

    /// The path of a target in origin or absolute form.
    private static func path(_ target: Substring) -> Substring {
        var path = target.prefix { $0 != "?" }
        if path.first != "/", path != "*" {
            var slashCount = 0
            path = path.drop {
                if $0 == "/" { slashCount += 1 }
                return slashCount < 3
            }
        }
        return path.isEmpty ? "/" : path
    }
}

/// Every table of bytes for a server of HTTP/1.1.
public enum HTTPCorpus {
    public static let all: [HTTPCase] =
        HTTPFramingCorpus.all + HTTPChunkCorpus.all + HTTPFieldCorpus.all + HTTPHostCorpus.all
        + HTTPRequestLineCorpus.all + HTTPTargetCorpus.all + HTTPConnectionCorpus.all + HTTPLimitCorpus.all

    static let bad = "error 400"

    /// Behind a refused message this must never come to life.
    static let next = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
    static let nextDecoded = "GET /x HTTP/1.1 keep-alive []"
    static let postHead = "POST /a HTTP/1.1\r\nHost: h\r\n"

    static func post(_ fields: String, _ content: String = "5\r\nhello\r\n0\r\n\r\n") -> String {
        "\(postHead)\(fields)\r\n\r\n\(content)\(next)"
    }

    static func get(_ fields: String) -> String { "GET / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\r\n\(next)" }
}
