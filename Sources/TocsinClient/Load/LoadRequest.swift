import PosixIO
import ThreatFeed

/// Writes the requests of a load: threats of one size, which differ in id and content.
struct LoadRequest {
    private static let padBytesMax = 1 << 16
    private static let words = [
        "session", "from", "an", "unknown", "host", "was", "refused", "after", "repeated", "attempts", "of", "the",
        "account", "on", "gateway", "with", "a", "token", "that", "had", "expired", "at", "midnight", "signature",
        "mismatch", "in", "archive", "sent", "to", "domain", "registered", "today", "process", "wrote", "shadow",
        "copy",
    ]
    private static let shortStart = Array(#","threat_type":"bench","metadata":{"note":""#.utf8)
    private static let longStart = Array(
        (#","threat_type":"bench","severity":"HIGH","customer_name":"Load Test","title":"A threat of a load test","#
            + #""source":"tocsin-bench","mitre_techniques":["T1499.002"],"indicators":[{"type":"ipv4","value":"#
            + #""192.0.2.1"}],"metadata":{"note":""#).utf8)
    private static let end = Array(#""}}"#.utf8)
    /// From here on a threat has the members that one of a customer has.
    private static let longBytesMin = 512
    /// The least that holds an id.
    static let threatBytesMin = 128

    /// Threats in one request; with more than one it is a batch.
    let batch: Int
    private let threatBytes: Int
    private let idPrefix: [UInt8]
    private let target: String
    private let contentType: String
    /// Text to cut notes from, each from another place.
    private let pad: [UInt8]
    private var threat: [UInt8] = []
    private var body: [UInt8] = []

    /// - Parameters:
    ///   - threatBytes: Of one threat's JSON.
    init(batch: Int, threatBytes: Int, idPrefix: String, log: DeploymentLog) {
        precondition(batch > 0 && threatBytes >= Self.threatBytesMin, "a request has threats with room for an id")
        self.batch = batch
        self.threatBytes = threatBytes
        self.idPrefix = Array(idPrefix.utf8)
        target = log.target(batch == 1 ? "/api/threats/trigger" : "/api/threats/batch")
        contentType = batch == 1 ? "application/json" : "application/x-ndjson"
        var pad: [UInt8] = []
        var word: UInt64 = 1
        while pad.count < Self.padBytesMax + threatBytes {
            // Knuth's MMIX generator: the same text in every run, without a period that deflate would find.
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            pad += Array(Self.words[Int(word >> 33) % Self.words.count].utf8)
            pad.append(UInt8(ascii: " "))
        }
        self.pad = pad
    }

    /// Replaces `request` by one that posts the threats from a number on.
    mutating func write(first number: Int, due: MonotonicTime, url: ServerURL, to request: inout [UInt8]) {
        body.removeAll(keepingCapacity: true)
        for offset in 0..<batch {
            writeThreat(LoadStamp(number: number + offset, due: due))
            body += threat
            if batch > 1 { body.append(UInt8(ascii: "\n")) }
        }
        request.removeAll(keepingCapacity: true)
        JSONText.appendRaw("POST \(url.basePath)\(target) HTTP/1.1\r\nHost: \(url.authority)\r\n", to: &request)
        JSONText.appendRaw("Content-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n\r\n", to: &request)
        request += body
    }

    private mutating func writeThreat(_ stamp: LoadStamp) {
        threat.removeAll(keepingCapacity: true)
        threat += Array(#"{"id":""#.utf8)
        stamp.append(prefix: idPrefix, to: &threat)
        threat.append(UInt8(ascii: "\""))
        threat += threatBytes >= Self.longBytesMin ? Self.longStart : Self.shortStart
        let left = max(0, threatBytes - threat.count - Self.end.count)
        let start = stamp.number &* 97 % (Self.padBytesMax - 1)
        threat += pad[start..<(start + left)]
        threat += Self.end
    }
}
