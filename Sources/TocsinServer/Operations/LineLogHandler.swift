import Glibc
import Logging
import PosixIO
import ThreatFeed

/// Writes each record as one line on standard error: readable text, or a JSON object.
struct LineLogHandler: LogHandler {
    let format: LogFormat
    let replicaName: String
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var details = metadata
        if let own = event.metadata { details.merge(own) { _, own in own } }
        let name = details.removeValue(forKey: "event")
        let pairs = details.map { (key: $0.key, value: "\($0.value)") }.sorted { $0.key < $1.key }
        let time = RFC3339.format(milliseconds: unixMilliseconds())
        var line: [UInt8] =
            switch format {
            case .text: text(time, event.level, "\(event.message)", pairs)
            case .json: json(time, event.level, name.map { "\($0)" }, "\(event.message)", pairs)
            }
        line.append(UInt8(ascii: "\n"))
        // One write per line: lines of several threads do not mix. Nobody could be told that it failed.
        _ = line.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private func text(
        _ time: String, _ level: Logger.Level, _ message: String, _ pairs: [(key: String, value: String)]
    ) -> [UInt8] {
        let name = level.rawValue
        var line = "\(time) \(name)\(String(repeating: " ", count: max(0, 8 - name.utf8.count)))\(message)"
        for (key, value) in pairs {
            let isPlain = value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") } && !value.isEmpty
            line += isPlain ? " \(key)=\(value)" : " \(key)=\(quoted(value))"
        }
        return Array(line.utf8)
    }

    private func json(
        _ time: String, _ level: Logger.Level, _ event: String?, _ message: String,
        _ pairs: [(key: String, value: String)]
    ) -> [UInt8] {
        var line: [UInt8] = []
        JSONText.appendRaw(#"{"time":"\#(time)","level":"\#(level.rawValue)""#, to: &line)
        if let event { JSONText.appendMember("event", event, to: &line) }
        JSONText.appendMember("message", message, to: &line)
        JSONText.appendMember("replica", replicaName, to: &line)
        for (key, value) in pairs { JSONText.appendMember(key, value, to: &line) }
        line.append(UInt8(ascii: "}"))
        return line
    }

    private func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        JSONText.appendString(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
