/// A sample threat being put together.
struct SampleDraft {
    private enum Value {
        case text(String)
        case number(Int)
    }

    private let scenario: String
    private let customer: String
    private let milliseconds: Int64
    private var severity = Severity.medium
    private var title = ""
    private var summary = ""
    private var source = ""
    private var techniques: [String] = []
    private var indicators: [(type: String, value: String)] = []
    private var metadata: [(name: String, value: Value)] = []

    init(scenario: String, customer: String, milliseconds: Int64) {
        self.scenario = scenario
        self.customer = customer
        self.milliseconds = milliseconds
    }

    mutating func describeCryptoSurge(_ dice: inout Dice) {
        let host = "build-\(dice.number(1...48)).example.com"
        let pool = "pool-\(dice.number(1...9)).example.net"
        let load = dice.number(86...99)
        let hosts = dice.number(3...40)
        severity = .high
        title = "Cryptocurrency mining surge on \(hosts) hosts"
        summary = """
            Processor load on \(host) and \(hosts - 1) more hosts rose to \(load) % within minutes, \
            with steady Stratum traffic to \(pool). The pattern fits an unauthorised miner.
            """
        source = "endpoint-telemetry"
        techniques = ["T1496", "T1059.004", "T1071.001"]
        indicators = [("domain", pool), ("ipv4", dice.address()), ("sha256", dice.hash())]
        metadata = [
            ("first_host", .text(host)), ("hosts_affected", .number(hosts)), ("cpu_percent", .number(load)),
            ("pool_port", .number(dice.pick([3333, 4444, 5555, 14444]))),
        ]
    }

    mutating func describeBotAttack(_ dice: inout Dice) {
        let addresses = dice.number(400...9_000)
        let rate = dice.number(1_200...48_000)
        let path = dice.pick(["/login", "/api/v2/session", "/checkout", "/password/reset"])
        severity = .medium
        title = "Credential stuffing against \(path)"
        summary = """
            \(rate) sign-in attempts per minute from \(addresses) addresses, rotating user agents and \
            sharing one TLS fingerprint. Success rate \(dice.number(1...9)) in 1,000.
            """
        source = "web-application-firewall"
        techniques = ["T1110.004", "T1090.003"]
        indicators = [("ipv4", dice.address()), ("ipv4", dice.address()), ("ja3", String(dice.hash().prefix(32)))]
        metadata = [
            ("path", .text(path)), ("requests_per_minute", .number(rate)), ("addresses", .number(addresses)),
            ("action", .text(dice.pick(["challenged", "blocked", "observed"]))),
        ]
    }

    mutating func describeGeoImpossible(_ dice: inout Dice) {
        let places = [
            (from: "Lisbon", to: "Singapore", km: 11_890), (from: "Toronto", to: "Nairobi", km: 12_200),
            (from: "Oslo", to: "São Paulo", km: 10_360), (from: "Dublin", to: "Jakarta", km: 12_550),
        ]
        let trip = dice.pick(places)
        let minutes = dice.number(4...55)
        let user = "user\(dice.number(100...999))@example.com"
        severity = .high
        title = "Impossible travel: \(trip.from) to \(trip.to)"
        summary = """
            \(user) signed in from \(trip.from) and \(minutes) minutes later from \(trip.to), \
            \(trip.km) km away, with a device not seen before.
            """
        source = "identity-provider"
        techniques = ["T1078", "T1078.004", "T1539"]
        indicators = [("email", user), ("ipv4", dice.address()), ("ipv4", dice.address())]
        metadata = [
            ("from", .text(trip.from)), ("to", .text(trip.to)), ("distance_km", .number(trip.km)),
            ("minutes_between", .number(minutes)),
        ]
    }

    mutating func describeCriticalThreat(_ dice: inout Dice) {
        let server = "files-\(dice.number(1...12)).example.com"
        let files = dice.number(2_000...90_000)
        let family = dice.pick(["Nightjar", "GlassWolf", "IronTide"])
        severity = .critical
        title = "Ransomware \(family) encrypting \(server)"
        summary = """
            \(files) files on \(server) were rewritten with high entropy in \(dice.number(3...14)) minutes after \
            shadow copies were deleted. Lateral movement by a service account is under way.
            """
        source = "edr"
        techniques = ["T1486", "T1490", "T1021.002", "T1078.002"]
        indicators = [
            ("sha256", dice.hash()), ("ipv4", dice.address()), ("domain", "c2-\(dice.number(1...99)).example.org"),
        ]
        metadata = [
            ("host", .text(server)), ("family", .text(family)), ("files_encrypted", .number(files)),
            ("playbook", .text("isolate-host")),
        ]
    }

    func encode() -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(1_024)
        JSONText.appendRaw(#"{"threat_type":"#, to: &text)
        JSONText.appendString(scenario, to: &text)
        JSONText.appendMember("severity", severity.name, to: &text)
        JSONText.appendMember("customer_name", customer, to: &text)
        JSONText.appendMember("title", title, to: &text)
        JSONText.appendMember("summary", summary, to: &text)
        JSONText.appendMember("source", source, to: &text)
        JSONText.appendMember("timestamp", RFC3339.format(milliseconds: milliseconds), to: &text)
        JSONText.appendName("mitre_techniques", to: &text)
        for (index, technique) in techniques.enumerated() {
            text.append(index == 0 ? UInt8(ascii: "[") : UInt8(ascii: ","))
            JSONText.appendString(technique, to: &text)
        }
        JSONText.appendRaw("]", to: &text)
        JSONText.appendName("indicators", to: &text)
        for (index, indicator) in indicators.enumerated() {
            JSONText.appendRaw(index == 0 ? #"[{"type":"# : #",{"type":"#, to: &text)
            JSONText.appendString(indicator.type, to: &text)
            JSONText.appendMember("value", indicator.value, to: &text)
            JSONText.appendRaw("}", to: &text)
        }
        JSONText.appendRaw("]", to: &text)
        JSONText.appendRaw(#","metadata":{"sample":true"#, to: &text)
        for (name, value) in metadata {
            switch value {
            case .text(let string): JSONText.appendMember(name, string, to: &text)
            case .number(let number):
                JSONText.appendName(name, to: &text)
                JSONText.appendInteger(Int64(number), to: &text)
            }
        }
        JSONText.appendRaw("}}", to: &text)
        return text
    }
}
