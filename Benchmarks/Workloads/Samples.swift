import Codecs
import ThreatFeed

/// Threats of some 500 bytes, as the benchmark of whole servers posts them.
enum Samples {
    static let threat = Array(
        """
        {"threat_type":"bot_attack","severity":"high","id":"sample-00000001","customer_name":"Example Bank",\
        "title":"Credential stuffing from a botnet","summary":"\(summary)","source":"edge-proxy",\
        "timestamp":"2026-03-01T12:00:00Z","mitre_techniques":["T1110.004"],\
        "indicators":[{"type":"ip","value":"192.0.2.1"},{"type":"ip","value":"198.51.100.7"}],\
        "metadata":{"attempts":1482,"region":"eu-west"}}
        """.utf8)

    private static let summary =
        "Failed sign-ins from 212 addresses of four networks within a minute, each with another user name; "
        + "a tenth of the names exist. The addresses took part in an attack on another customer this morning."

    /// Its digest is not counted with anything: OpenSSL takes other instructions on other processors.
    // SAFETY: written once, read by one thread; it holds closures, which are not Sendable.
    nonisolated(unsafe) static let receipt = Receipt(
        receivedAtMilliseconds: 1_772_366_400_000, replicaName: "replica-1",
        digest: ContentDigest(prefixOf: SHA256().hash(threat.span).span),
        makeID: { _ in "sample-00000002" }, makeRandom: { 4 })

    /// The threat as the log keeps it.
    static let record: ThreatRecord = {
        var parser = ThreatParser()
        do {
            return try parser.parse(threat, receipt: receipt)
        } catch {
            fatalError("the sample is a threat: \(error)")
        }
    }()

    static let entry = LogEntry(cursor: Cursor(generation: 1, sequence: 1_000_000), record: record)

    static let identity = "0123456789abcdef@0"

    /// The message in which a subscription gets one entry, as RESP.
    static func message(sequence: UInt64) -> [UInt8] {
        let blob = record.encode()
        let payload = Array("\(identity) 1 \(sequence) \(blob.count)\n".utf8) + blob
        let channel = "tocsin:{default}:feed"
        return Array(
            "*3\r\n$7\r\nmessage\r\n$\(channel.utf8.count)\r\n\(channel)\r\n$\(payload.count)\r\n".utf8) + payload
            + Array("\r\n".utf8)
    }
}
