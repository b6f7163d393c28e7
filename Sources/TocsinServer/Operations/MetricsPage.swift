import PosixIO
import RedisLog
import ThreatFeed

/// The text of `GET /metrics` (Prometheus exposition format 0.0.4).
struct MetricsPage {
    private(set) var text = ""

    private enum Kind: String {
        case counter
        case gauge
    }

    init(_ shared: ReplicaShared, now: MonotonicTime) {
        let readiness = shared.readiness
        let loops = shared.loops.map(\.metrics)
        let threats = loops.map(\.threats)
        func sum(_ figure: (LoopMetrics) -> Counter) -> Int { loops.reduce(0) { $0 + figure($1).value } }
        func total(_ figure: (LaneMetrics) -> Counter) -> Int { threats.reduce(0) { $0 + figure($1).value } }

        info(shared)
        add(
            "tocsin_uptime_seconds", .gauge, "Seconds since the replica started.",
            (now - shared.started).components.seconds)
        add(
            "tocsin_heap_bytes", .gauge, "Bytes handed out by the allocator and not given back.",
            SystemFigures.heapBytes)
        add("tocsin_loop_turns_total", .counter, "Turns of the event loops.", sum(\.turns))
        add("tocsin_connections", .gauge, "Open connections.", shared.admission.connections.value)
        add(
            "tocsin_connections_refused_total", .counter, "Connections refused over the limit.",
            sum(\.refusedConnections))
        add(
            "tocsin_connections_pending", .gauge, "Connections on which no request has arrived whole yet.",
            shared.admission.pending.value)
        add(
            "tocsin_buffered_bytes", .gauge, "Bytes held for clients: unfinished input and unsent output.",
            shared.buffers.bytes)
        add("tocsin_tls_handshakes_total", .counter, "TLS handshakes completed.", sum(\.tlsHandshakes))
        add(
            "tocsin_tls_handshake_failures_total", .counter, "TLS handshakes failed or not finished in time.",
            sum(\.tlsHandshakeFailures))
        clients(webSocket: total(\.webSocketClients), eventStream: total(\.eventStreamClients))
        add("tocsin_http_requests_total", .counter, "HTTP requests received.", sum(\.httpRequests))
        responses(loops)
        add(
            "tocsin_websocket_protocol_errors_total", .counter, "WebSockets closed for breaking the protocol.",
            sum(\.protocolErrors))
        add("tocsin_threats_accepted_total", .counter, "Threats accepted by this replica.", total(\.acceptedThreats))
        add("tocsin_threats_rejected_total", .counter, "Threats refused for their content.", total(\.rejectedThreats))
        add("tocsin_entries_delivered_total", .counter, "Log entries handed to clients.", total(\.deliveredEntries))
        drops(threats)
        add(
            "tocsin_clients_handed_on_total", .counter,
            "Clients closed with 1013 because this replica could not follow the log.", total(\.handedOn))
        add(
            "tocsin_streams_refused_total", .counter, "Streams refused with 1013 because too many came at once.",
            sum(\.refusedStreams))
        add("tocsin_redis_up", .gauge, "1 while commands to Redis are answered.", readiness.isRedisUp ? 1 : 0)
        add(
            "tocsin_redis_linked_loops", .gauge, "Event loops with a link of their own to Redis.", shared.linkedLoops)
        add(
            "tocsin_redis_writable", .gauge, "1 while Redis takes writes, as of the last probe.",
            readiness.writesRefused == nil ? 1 : 0)
        add(
            "tocsin_subscription_up", .gauge, "1 while the subscription to the log stands.",
            readiness.isSubscriptionUp ? 1 : 0)
        add(
            "tocsin_log_followers", .gauge, "Replicas that follow the log, this one among them, as of the last probe.",
            shared.status.followers)
        add(
            "tocsin_redis_may_evict", .gauge, "1 while Redis may throw threats away to make room.",
            shared.status.mayEvict.value)
        add(
            "tocsin_log_foreign", .gauge, "1 while Redis leads to another deployment's log.",
            shared.status.health.foreignLog == nil ? 0 : 1)
        add(
            "tocsin_log_unfollowed_seconds", .gauge, "Seconds for which the log has not been followed.",
            shared.status.feeds[.threats].length(now)?.components.seconds ?? 0)
        if shared.endpoint.hasSentinels { sentinels(shared.status.sentinels) }
        add(
            "tocsin_name_lookups", .gauge, "Look-ups of host names that are under way.",
            shared.directory.lookupsUnderWay)
        add("tocsin_draining", .gauge, "1 while the replica drains.", shared.status.isDraining ? 1 : 0)
        let head = shared.status.head
        add("tocsin_log_head_sequence", .gauge, "Sequence number of the newest entry seen.", head.sequence)
        add("tocsin_log_generation", .gauge, "Generation of the log.", head.generation)
        add(
            "tocsin_log_damages_total", .counter, "Times that Redis lost a part of the log and kept the rest.",
            shared.status.damages.value)
        add(
            "tocsin_ring_entries", .gauge, "Entries at hand in the fullest ring.",
            threats.map(\.ringEntries.value).max() ?? 0)
        add(
            "tocsin_ring_bytes", .gauge, "Bytes of the entries in the fullest ring.",
            threats.map(\.ringBytes.value).max() ?? 0)
        self.proof(loops.map(\.proof), isServed: shared.proof.isServed)
        add("process_resident_memory_bytes", .gauge, "Resident memory.", ProcessFigures.residentBytes() ?? 0)
        add("process_open_fds", .gauge, "Open file descriptors.", ProcessFigures.openDescriptors())
        add(
            "process_start_time_seconds", .gauge, "Start, in seconds since 1970.", shared.startedUnixMilliseconds / 1000
        )
    }

    private mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: some BinaryInteger) {
        header(name, kind, help)
        text += "\(name) \(value)\n"
    }

    private mutating func header(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    private mutating func info(_ shared: ReplicaShared) {
        header("tocsin_build_info", .gauge, "Version and replica name; always 1.")
        let replica = shared.configuration.replicaName.escapedAsLabel
        text += "tocsin_build_info{version=\"\(TocsinVersion.current)\",replica=\"\(replica)\"} 1\n"
    }

    private mutating func clients(webSocket: Int, eventStream: Int) {
        header("tocsin_clients", .gauge, "Clients receiving the feed.")
        text += "tocsin_clients{transport=\"websocket\"} \(webSocket)\n"
        text += "tocsin_clients{transport=\"sse\"} \(eventStream)\n"
    }

    private mutating func drops(_ loops: [LaneMetrics]) {
        header("tocsin_clients_dropped_total", .counter, "Clients closed because they were too slow or gone.")
        for reason in DropReason.allCases {
            let count = loops.reduce(0) { $0 + $1.drops(for: reason) }
            text += "tocsin_clients_dropped_total{reason=\"\(reason.rawValue)\"} \(count)\n"
        }
    }

    /// The log for proofs is counted apart: it says nothing about threats.
    private mutating func proof(_ loops: [LaneMetrics], isServed: Bool) {
        add(
            "tocsin_proof_served", .gauge, "1 while the log for proofs is served, which is on demand.", isServed ? 1 : 0
        )
        add(
            "tocsin_proof_clients", .gauge, "Clients receiving the log for proofs.",
            loops.reduce(0) { $0 + $1.webSocketClients.value + $1.eventStreamClients.value })
        add(
            "tocsin_proof_threats_accepted_total", .counter, "Threats of proofs accepted by this replica.",
            loops.reduce(0) { $0 + $1.acceptedThreats.value })
        add(
            "tocsin_proof_entries_delivered_total", .counter, "Threats of proofs handed to clients.",
            loops.reduce(0) { $0 + $1.deliveredEntries.value })
    }

    private mutating func sentinels(_ sentinels: SentinelStatus) {
        add("tocsin_sentinel_up", .gauge, "1 while a Sentinel names the master.", sentinels.answering.value)
        add(
            "tocsin_sentinel_outages_total", .counter, "Times that no Sentinel named the master for some seconds.",
            sentinels.outages.value)
        add(
            "tocsin_redis_moves_total", .counter, "Times that Sentinels named another master.", sentinels.moves.value)
    }

    private mutating func responses(_ loops: [LoopMetrics]) {
        header("tocsin_http_responses_total", .counter, "HTTP responses by class of status.")
        for digit in 1...5 {
            let count = loops.reduce(0) { $0 + $1.responses(ofClass: digit) }
            text += "tocsin_http_responses_total{class=\"\(digit)xx\"} \(count)\n"
        }
    }
}

extension String {
    /// A label value's text: backslash, quotation mark and line feed are escaped.
    fileprivate var escapedAsLabel: String {
        reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
    }
}

/// What the kernel says about this process (proc(5)).
enum ProcessFigures {
    static func residentBytes() -> Int? {
        guard let bytes = FileDescriptor.contents(ofFile: "/proc/self/statm") else { return nil }
        let fields = bytes.split(separator: UInt8(ascii: " "))
        guard fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) else { return nil }
        return pages * SystemFigures.pageBytes
    }

    static func openDescriptors() -> Int { SystemFigures.entryCount(ofDirectory: "/proc/self/fd") }
}
