import Glibc
import TocsinServer

/// Every setting of `tocsin serve`, in the order of the help.
enum Settings {
    static let all: [Setting] = listening + redis + logging + retention + limits + times

    private static let defaults = ReplicaConfiguration()

    private static let listening: [Setting] = [
        Setting(
            "host", "ADDRESS", help: "Listen address.", accepts: "an IP address or a host name",
            defaultText: defaults.host, member: \.host, parse: nonEmpty),
        Setting(
            "port", "PORT", help: "Listen port; 0 takes a free one, which the log names.",
            accepts: "a whole number from 0 to 65535", defaultText: String(defaults.port), member: \.port
        ) { SettingText.wholeNumber($0, in: 0...65_535).map { UInt16($0) } },
        Setting(
            "insecure", nil, help: "Serve a non-loopback address although no authentication is configured.",
            accepts: "true or false", defaultText: "false", member: \.insecure, parse: SettingText.switchPosition),
        Setting(
            "allowed-origins", "ORIGINS",
            help: "Origins of browser pages that may open the feed, beside the replica's own; * allows all.",
            accepts: "a comma-separated list such as https://soc.example.com,https://noc.example.com, or *",
            defaultText: "same origin only", member: \.allowedOrigins, parse: origins),
        Setting(
            "event-loops", "N", help: "Threads that serve connections.", accepts: "a whole number from 1 to 256",
            defaultText: "one per core", member: \.eventLoops, parse: eventLoops),
        Setting(
            "replica-name", "NAME", help: "Name of this replica in logs, metrics and received_by.",
            accepts: "1 to 128 printable ASCII characters", defaultText: "host name", member: \.replicaName,
            parse: replicaName),
    ]

    private static let redis: [Setting] = [
        Setting(
            "redis-url", "URL",
            help: """
                Where the log is kept, with user, password and database as needed. Without one, tocsin runs a private, \
                durable redis-server of its own.
                """,
            accepts: "redis://[[user]:password@]host[:port][/database] or unix:///path",
            defaultText: "a private redis-server", fallbackEnvironment: "REDIS_URL", member: \.redisURL,
            parse: redisURL),
        Setting(
            "redis-prefix", "TEXT",
            help: "Every key and channel begins with it; deployments with different prefixes can share a Redis.",
            accepts: "1 to 64 letters, digits, dots, dashes, colons or underscores", defaultText: defaults.redisPrefix,
            member: \.redisPrefix, parse: redisPrefix),
        Setting(
            "data-dir", "PATH", help: "Where the private Redis keeps its files.", accepts: "a directory's path",
            defaultText: "$XDG_STATE_HOME/tocsin, else ~/.local/state/tocsin", member: \.dataDirectory, parse: nonEmpty),
    ]

    private static let logging: [Setting] = [
        Setting(
            "log-level", "LEVEL", help: "The least important log lines to write.",
            accepts: logLevels.joined(separator: ", "), defaultText: defaults.logLevel, member: \.logLevel
        ) { text in logLevels.first { $0 == text.lowercased() } },
        Setting(
            "log-format", "FORMAT", help: "How log lines are written.",
            accepts: LogFormat.allCases.map(\.rawValue).joined(separator: " or "),
            defaultText: defaults.logFormat.rawValue, member: \.logFormat, parse: { LogFormat(rawValue: $0) }),
    ]

    private static let retention: [Setting] = [
        .count(
            "retention-count", help: "How many threats stay readable.", range: 1...100_000_000, member: \.retentionCount
        ),
        Setting(
            "retention-age", "PERIOD", help: "How long a threat stays readable.",
            accepts: "a period from 1s to 3650d, such as 90s, 15m, 12h or 7d",
            defaultText: SettingText.period(defaults.retentionAge), member: \.retentionAge,
            parse: { SettingText.period($0, secondsIn: 1...3_650 * 86_400) }),
    ]

    private static let limits: [Setting] = [
        .count(
            "ring-entries", help: "The most entries each event loop keeps at hand for its clients.",
            range: 16...4_194_304, member: \.ringEntriesMax),
        .size(
            "ring-bytes", help: "The most bytes those entries have together.", range: 1 << 20...64 << 30,
            member: \.ringBytesMax),
        .count("connections-max", help: "Connections in all.", range: 1...10_000_000, member: \.connectionsMax),
        .size(
            "message-bytes-max", help: "The largest WebSocket message from a client.", range: 1 << 10...16 << 20,
            member: \.messageBytesMax),
        .size(
            "threat-bytes-max", help: "The largest body of a single threat.", range: 1 << 10...16 << 20,
            member: \.threatBytesMax),
        .size(
            "batch-bytes-max", help: "The largest body of a batch.", range: 1 << 10...64 << 20, member: \.batchBytesMax),
        .count(
            "batch-threats-max", help: "The most threats of a batch.", range: 1...100_000, member: \.batchThreatsMax),
    ]

    private static let times: [Setting] = [
        .seconds(
            "heartbeat-seconds", help: "How long a streaming client may go without a frame before it gets a heartbeat.",
            range: 1...3_600, member: \.heartbeatInterval),
        .seconds(
            "idle-seconds", help: "How long an HTTP connection stays open between requests.", range: 1...86_400,
            member: \.idleTimeout),
        .seconds(
            "request-seconds", help: "The deadline for receiving one whole request.", range: 1...3_600,
            member: \.requestDeadline),
        .seconds(
            "drain-seconds", help: "How long a drain may take after SIGTERM or SIGINT.", range: 0...3_600,
            member: \.drainPeriod),
    ]

    private static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

    @Sendable private static func nonEmpty(_ text: String) -> String? {
        text.isEmpty ? nil : text
    }

    @Sendable private static func origins(_ text: String) -> [String]? {
        let origins = text.split(separator: ",").map { String($0.trimmingPrefix { $0 == " " }) }
        let accepted = origins.allSatisfy { $0 == "*" || $0.hasPrefix("http://") || $0.hasPrefix("https://") }
        return accepted && origins.count <= 64 ? origins : nil
    }

    @Sendable private static func replicaName(_ text: String) -> String? {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) } ? text : nil
    }

    /// Twice optional: `nil` for a text that is not accepted, not for "one per core".
    @Sendable private static func eventLoops(_ text: String) -> Int?? {
        SettingText.wholeNumber(text, in: 1...256).map { .some($0) }
    }

    @Sendable private static func redisURL(_ text: String) -> String?? {
        let schemes = ["redis://", "rediss://", "unix://"]
        return schemes.contains { text.hasPrefix($0) && text.count > $0.count } ? .some(text) : nil
    }

    @Sendable private static func redisPrefix(_ text: String) -> String? {
        let accepted = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "_"): true
            default: false
            }
        }
        return accepted && (1...64).contains(text.utf8.count) ? text : nil
    }
}
