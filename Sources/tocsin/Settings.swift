import Glibc
import TocsinServer

/// Every setting of `tocsin serve`, in the order of the help.
enum Settings {
    static let all: [Setting] = listening + tls + redis + sentinels + logging + retention + limits + times

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
            accepts: AllowedOrigins.accepted, defaultText: "same origin only", member: \.allowedOrigins,
            parse: { AllowedOrigins(parsing: $0) }),
        Setting(
            "trusted-proxies", "ADDRESSES",
            help: "Proxies that may say by X-Forwarded-Prefix under which path they serve the replica.",
            accepts: TrustedProxies.accepted, defaultText: "127.0.0.0/8,::1", member: \.trustedProxies,
            parse: { TrustedProxies(parsing: $0) }),
        Setting(
            "event-loops", "N", help: "Threads that serve connections.", accepts: "a whole number from 1 to 256",
            defaultText: "one per core", member: \.eventLoops, parse: eventLoops),
        Setting(
            "replica-name", "NAME", help: "Name of this replica in logs, metrics and received_by.",
            accepts: "1 to 128 printable ASCII characters", defaultText: "host name", member: \.replicaName,
            parse: replicaName),
    ]

    private static let tls: [Setting] = [
        Setting(
            "tls-certificate", "FILE",
            help: """
                The certificate chain, leaf first. With it the port speaks https and wss only; SIGHUP reads the files again.
                """,
            accepts: "the path of a PEM file", defaultText: "no TLS", member: \.tlsCertificate, parse: nonEmptyOptional),
        Setting(
            "tls-key", "FILE", help: "The private key of that certificate, without passphrase.",
            accepts: "the path of a PEM file", defaultText: "none", member: \.tlsKey, parse: nonEmptyOptional),
        Setting(
            "tls-client-ca", "FILE",
            help:
                "Certificate authorities of publishers: only clients with a certificate from one of them may publish.",
            accepts: "the path of a PEM file", defaultText: "anybody may publish", member: \.tlsClientCA,
            parse: nonEmptyOptional),
        .seconds(
            "tls-handshake-seconds", help: "The deadline for a TLS handshake.", range: 1...300,
            member: \.limits.tlsHandshakeDeadline),
    ]

    private static let redis: [Setting] = [
        Setting(
            "redis-url", "URL",
            help: """
                Where the log is kept, with user, password and database as needed. Without one, tocsin runs a private, \
                durable redis-server of its own.
                """,
            accepts: """
                redis:// or rediss://[[user]:password@]host[:port][/database], unix:///path, or \
                redis-sentinel:// or rediss-sentinel://[[user]:password@]host[:port],…/master[?db=N]
                """,
            defaultText: "a private redis-server", fallbackEnvironment: "REDIS_URL", member: \.redisURL,
            parse: redisURL),
        Setting(
            "redis-tls-ca", "FILE", help: "Certificate authorities that a rediss:// server is trusted by.",
            accepts: "the path of a PEM file", defaultText: "the system's", member: \.redisTLSAuthorities,
            parse: nonEmptyOptional),
        Setting(
            "redis-tls-certificate", "FILE", help: "The certificate to show to a rediss:// server that asks for one.",
            accepts: "the path of a PEM file", defaultText: "none", member: \.redisTLSCertificate,
            parse: nonEmptyOptional),
        Setting(
            "redis-tls-key", "FILE", help: "The private key of that certificate, without passphrase.",
            accepts: "the path of a PEM file", defaultText: "none", member: \.redisTLSKey, parse: nonEmptyOptional),
        Setting(
            "redis-tls-server-name", "NAME", help: "The name that the certificate of a rediss:// server must be for.",
            accepts: "a host name or an IP address", defaultText: "the host of the URL", member: \.redisTLSServerName,
            parse: nonEmptyOptional),
        .seconds(
            "name-lookup-seconds",
            help:
                "How long the addresses of a host of Redis or a Sentinel are waited for before the next host is tried.",
            range: 1...60, member: \.limits.nameLookupDeadline),
        .count(
            "name-lookups-max", help: "Such look-ups under way at a time, each with a thread.", range: 1...256,
            member: \.limits.nameLookupsMax),
        Setting(
            "redis-prefix", "TEXT",
            help: "Every key and channel begins with it; deployments with different prefixes can share a Redis.",
            accepts: "1 to 64 letters, digits, dots, dashes, colons or underscores", defaultText: defaults.redisPrefix,
            member: \.redisPrefix, parse: keyText),
        Setting(
            "deployment", "NAME",
            help: "What this deployment is called: a log in Redis that bears another name is left alone.",
            accepts: "1 to 64 letters, digits, dots, dashes, colons or underscores", defaultText: "none",
            member: \.deployment, parse: keyText),
        .count(
            "redis-min-replicas", help: "How many replicas of Redis must have a threat before it is acknowledged.",
            range: 0...16, member: \.redisMinReplicas),
        Setting(
            "data-dir", "PATH", help: "Where the private Redis keeps its files.", accepts: "a directory's path",
            defaultText: "$XDG_STATE_HOME/tocsin, else ~/.local/state/tocsin", member: \.dataDirectory, parse: nonEmpty),
    ]

    private static let sentinels: [Setting] = [
        Setting(
            "redis-sentinel-user", "NAME", help: "The user of the Sentinels, where they have users of their own.",
            accepts: "a name", defaultText: "that of redis-url, once a Sentinel asks", member: \.sentinelUser,
            parse: nonEmptyOptional),
        Setting(
            "redis-sentinel-password", "PASSWORD",
            help: "The password of the Sentinels. A flag is visible to ps: give it by variable or file.",
            accepts: "a password", defaultText: "that of redis-url, once a Sentinel asks", member: \.sentinelPassword,
            parse: nonEmptyOptional),
        Setting(
            "redis-sentinel-tls", "SWITCH", help: "Whether the Sentinels speak TLS, where Redis does otherwise.",
            accepts: "on or off", defaultText: "as the scheme of redis-url says", member: \.sentinelUsesTLS,
            parse: optionalSwitch),
        Setting(
            "redis-sentinel-tls-ca", "FILE",
            help: """
                Certificate authorities that the Sentinels are trusted by. With any of redis-sentinel-tls-… none of \
                redis-tls-… is for Sentinels.
                """,
            accepts: "the path of a PEM file", defaultText: "redis-tls-ca", member: \.sentinelTLSAuthorities,
            parse: nonEmptyOptional),
        Setting(
            "redis-sentinel-tls-certificate", "FILE", help: "The certificate to show to a Sentinel that asks for one.",
            accepts: "the path of a PEM file", defaultText: "redis-tls-certificate",
            member: \.sentinelTLSCertificate, parse: nonEmptyOptional),
        Setting(
            "redis-sentinel-tls-key", "FILE", help: "The private key of that certificate, without passphrase.",
            accepts: "the path of a PEM file", defaultText: "redis-tls-key", member: \.sentinelTLSKey,
            parse: nonEmptyOptional),
        Setting(
            "redis-sentinel-tls-server-name", "NAME", help: "The name that the certificate of a Sentinel must be for.",
            accepts: "a host name or an IP address", defaultText: "redis-tls-server-name, else the host of the URL",
            member: \.sentinelTLSServerName, parse: nonEmptyOptional),
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
            "connections-max", help: "Connections in all.", range: 1...10_000_000, member: \.limits.connectionsMax),
        .count(
            "connections-per-address-max",
            help: "Connections from one IPv4 address or IPv6 network (/64); behind a proxy all come from the proxy's.",
            range: 1...10_000_000, member: \.limits.connectionsPerAddressMax),
        .count(
            "pending-handshakes-max",
            help: "Connections that have not sent a whole request yet, TLS handshakes included.",
            range: 1...10_000_000, member: \.limits.pendingHandshakesMax),
        .size(
            "output-bytes-max", help: "What may wait to be sent to one client alone: answers, pongs, first frames.",
            range: 64 << 10...1 << 30, member: \.limits.outputBytesMax),
        .size(
            "buffered-bytes-max",
            help:
                "What all clients together may make the replica hold: unfinished requests and messages, unsent output.",
            range: 1 << 20...1 << 40, member: \.limits.bufferedBytesMax),
        .count(
            "requests-per-connection-max", help: "Requests served on one connection, which then closes.",
            range: 1...1_000_000_000, member: \.limits.requestsPerConnectionMax),
        .count(
            "pipelined-requests-max", help: "Requests of one connection without an answer; more wait in the socket.",
            range: 1...4_096, member: \.limits.pipelinedRequestsMax),
        .size(
            "target-bytes-max", help: "The target of a request, query included.", range: 256...64 << 10,
            member: \.limits.targetBytesMax),
        .size(
            "header-bytes-max", help: "The header section of a request.", range: 1 << 10...1 << 20,
            member: \.limits.headerBytesMax),
        .count("header-fields-max", help: "Its fields.", range: 16...10_000, member: \.limits.headerFieldsMax),
        .size(
            "threat-bytes-max", help: "The largest body of a single threat.", range: 1 << 10...16 << 20,
            member: \.limits.threatBytesMax),
        .size(
            "batch-bytes-max", help: "The largest body of a batch.", range: 1 << 10...64 << 20,
            member: \.limits.batchBytesMax),
        .count(
            "batch-threats-max", help: "The most threats of a batch.", range: 1...100_000,
            member: \.limits.batchThreatsMax),
        .count(
            "history-scan-max", help: "Entries searched for the history of one client whose filter matches little.",
            range: 100...1_000_000, member: \.limits.historyScanMax),
        .size(
            "initial-batch-bytes-max",
            help: "The largest first frame: of the history asked for it has the newest threats that fit.",
            range: 1 << 10...64 << 20, member: \.limits.initialBatchBytesMax),
        .size(
            "message-bytes-max", help: "The largest WebSocket message from a client, inflated.",
            range: 1 << 10...16 << 20, member: \.limits.messageBytesMax),
        .size(
            "frame-bytes-max", help: "The largest WebSocket frame from a client.", range: 1 << 10...16 << 20,
            member: \.limits.frameBytesMax),
        .count(
            "frames-per-message-max", help: "The most frames of one message.", range: 1...1_000_000,
            member: \.limits.framesPerMessageMax),
        .count(
            "messages-per-second-max", help: "Messages and pings of one WebSocket client, averaged over ten seconds.",
            range: 1...1_000_000, member: \.limits.messagesPerSecondMax),
        .count(
            "streams-per-second-max",
            help: "Streams that start in a second; more wait for their turn, and beyond 8 s of waiting get 1013.",
            range: 1...1_000_000, member: \.limits.streamsPerSecondMax),
        .count(
            "ring-entries", help: "The most entries each event loop keeps at hand for its clients.",
            range: 16...4_194_304, member: \.limits.ringEntriesMax),
        .size(
            "ring-bytes", help: "The most bytes those entries have together.", range: 1 << 20...64 << 30,
            member: \.limits.ringBytesMax),
    ]

    private static let times: [Setting] = [
        .seconds(
            "heartbeat-seconds", help: "How long a streaming client may go without a frame before it gets a heartbeat.",
            range: 1...3_600, member: \.heartbeatInterval),
        .seconds(
            "start-seconds",
            help: """
                How long Redis may take at the start until the log can be followed; then the replica ends with exit code 69.
                """, range: 1...3_600, member: \.startPeriod),
        .seconds(
            "hand-on-seconds",
            help: """
                How long clients stay with a replica that cannot follow the log before they are closed with 1013, a \
                few a second, if others did follow it; 0 keeps them.
                """, range: 0...3_600, member: \.handOnAfter),
        .seconds(
            "subscription-grace-seconds",
            help: """
                How long a replica that cannot follow the log accepts posts, which its own dashboards would miss; 0 for \
                ever.
                """, range: 0...3_600, member: \.subscriptionGrace),
        .seconds(
            "ping-seconds", help: "Silence of a WebSocket client after which it is sent a ping.", range: 1...3_600,
            member: \.limits.pingInterval),
        .seconds(
            "pong-seconds", help: "How long it may then stay silent until it is closed with 4001.", range: 1...3_600,
            member: \.limits.pongDeadline),
        .seconds(
            "idle-seconds", help: "How long an HTTP connection stays open between requests.", range: 1...86_400,
            member: \.limits.idleTimeout),
        .seconds(
            "request-seconds", help: "The deadline for receiving one whole request, or one whole WebSocket message.",
            range: 1...3_600,
            member: \.limits.requestDeadline),
        .seconds(
            "drain-seconds", help: "How long a drain may take after SIGTERM or SIGINT.", range: 0...3_600,
            member: \.drainPeriod),
    ]

    private static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

    @Sendable private static func nonEmpty(_ text: String) -> String? {
        text.isEmpty ? nil : text
    }

    @Sendable private static func nonEmptyOptional(_ text: String) -> String?? {
        text.isEmpty ? nil : .some(text)
    }

    /// Twice optional: `nil` for a text that is not accepted.
    @Sendable private static func optionalSwitch(_ text: String) -> Bool?? {
        SettingText.switchPosition(text).map { .some($0) }
    }

    @Sendable private static func replicaName(_ text: String) -> String? {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) } ? text : nil
    }

    /// Twice optional: `nil` for a text that is not accepted, not for "one per core".
    @Sendable private static func eventLoops(_ text: String) -> Int?? {
        SettingText.wholeNumber(text, in: 1...256).map { .some($0) }
    }

    @Sendable private static func redisURL(_ text: String) -> String?? {
        let schemes = ["redis://", "rediss://", "unix://", "redis-sentinel://", "rediss-sentinel://"]
        return schemes.contains { text.hasPrefix($0) && text.count > $0.count } ? .some(text) : nil
    }

    @Sendable private static func keyText(_ text: String) -> String? {
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
