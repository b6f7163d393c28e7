import ArgumentParser
import Glibc
import PosixIO
import ThreatFeed
import TocsinClient

/// `tocsin trigger`: posts one threat.
struct TriggerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trigger",
        abstract: "Post one threat and print it as it was stored.",
        discussion: """
            The threat comes from flags, from a JSON file, from standard input, or from a sample scenario. It is sent \
            again when the deployment is not ready or the connection is lost; because it carries an id, that does not \
            make a second threat. The stored threat is printed as one line of JSON.

            EXAMPLES
              tocsin trigger --type malware --severity HIGH --title "Dropper on build-7" --customer Globex
              tocsin trigger --type phishing --severity LOW --indicator url=http://example.test/login
              tocsin trigger --file threat.json
              echo '{"threat_type":"malware"}' | tocsin trigger --file -
              tocsin trigger --scenario critical_threat

            EXIT CODES
              0   the threat is kept (or was already, with the same content)
              64  wrong command line
              65  rejected: not a valid threat, or its id is known with other content; stderr says why
              66  the file cannot be read
              69  unreachable, or not ready after every attempt
              70  the answer is not Tocsin's
              75  too fast (429) after every attempt
            """)

    static let scenarios = ["crypto_surge", "bot_attack", "geo_impossible", "critical_threat"]

    @OptionGroup var deployment: DeploymentOptions

    @Option(help: "threat_type: lower-case letters, digits, _ . - (required unless --file or --scenario).")
    var type: String?

    @Option(help: "INFO, LOW, MEDIUM, HIGH or CRITICAL. (default: MEDIUM)")
    var severity: String?

    @Option(help: "The threat's own id, to make repeating this command harmless. (default: a new one)")
    var id: String?

    @Option(help: "One line for people.")
    var title: String?

    @Option(help: "A few sentences for people.")
    var summary: String?

    @Option(help: "customer_name: whom it concerns.")
    var customer: String?

    @Option(help: "What reports it.")
    var source: String?

    @Option(
        help: ArgumentHelp("A MITRE ATT&CK technique such as T1204.002; may be repeated.", valueName: "TECHNIQUE"))
    var technique: [String] = []

    @Option(help: ArgumentHelp("An indicator such as ipv4=192.0.2.1; may be repeated.", valueName: "TYPE=VALUE"))
    var indicator: [NamedValue] = []

    @Option(help: ArgumentHelp("A member of metadata, as a string; may be repeated.", valueName: "KEY=VALUE"))
    var metadata: [NamedValue] = []

    @Option(help: ArgumentHelp("A sample threat: \(scenarios.joined(separator: ", ")).", valueName: "NAME"))
    var scenario: String?

    @Option(help: ArgumentHelp("A JSON threat; - is standard input.", valueName: "FILE"))
    var file: String?

    func validate() throws {
        let fromFlags =
            [type, severity, id, title, summary, customer, source].contains { $0 != nil }
            || !(technique.isEmpty && indicator.isEmpty && metadata.isEmpty)
        let sources = [fromFlags, scenario != nil, file != nil].filter { $0 }.count
        guard sources == 1 else {
            throw ValidationError("give the threat once: --type and its companions, --file, or --scenario")
        }
        guard !fromFlags || type != nil else {
            throw ValidationError("--type is missing: the threat_type, such as malware")
        }
        if let scenario, !Self.scenarios.contains(scenario) {
            throw ValidationError("--scenario must be one of \(Self.scenarios.joined(separator: ", "))")
        }
    }

    func run() throws {
        let url = try deployment.serverURL()
        let body = try body()
        let limits = ThreatPublisher.Limits(
            attemptsMax: 10, period: .seconds(20), backoff: Backoff(first: .milliseconds(200), longest: .seconds(3)),
            retriesAfterLoss: scenario == nil)
        let publisher = ThreatPublisher([url], requestDeadline: .seconds(10), limits: limits)
        publisher.onRetry = { Terminal.note("tocsin: \(Terminal.harmless($0)); trying again") }
        do throws(PublishError) {
            Terminal.line(try publisher.publish(body).document)
        } catch {
            throw Self.failure(error)
        }
    }

    private func body() throws -> [UInt8] {
        if let scenario { return JSONValue.object([("scenario", .string(scenario))]).bytes }
        if let file { return Self.withID(try Input.contents(of: file)) }
        return fromFlags()
    }

    private func fromFlags() -> [UInt8] {
        var members: [(name: String, value: JSONValue)] = [("id", .string(id ?? Self.newID()))]
        let texts = [
            ("threat_type", type), ("severity", severity), ("title", title), ("summary", summary),
            ("customer_name", customer), ("source", source),
        ]
        for (name, text) in texts { if let text { members.append((name, .string(text))) } }
        if !technique.isEmpty { members.append(("mitre_techniques", .array(technique.map { .string($0) }))) }
        if !indicator.isEmpty {
            let values = indicator.map { JSONValue.object([("type", .string($0.name)), ("value", .string($0.value))]) }
            members.append(("indicators", .array(values)))
        }
        if !metadata.isEmpty { members.append(("metadata", .object(metadata.map { ($0.name, .string($0.value)) }))) }
        return JSONValue.object(members).bytes
    }

    /// Gives an object without an id one, so that sending it again is harmless; anything else is left to the replica's
    /// judgement.
    static func withID(_ bytes: [UInt8]) -> [UInt8] {
        guard let value = try? JSONValue(parsing: bytes), case .object = value, value["id"] == nil,
            value["scenario"] == nil, let brace = bytes.firstIndex(of: UInt8(ascii: "{"))
        else { return bytes }
        let member = "\"id\":\"\(newID())\"" + (value.names.isEmpty ? "" : ",")
        return bytes[...brace] + Array(member.utf8) + bytes[(brace + 1)...]
    }

    static func newID() -> String {
        let random = (0..<UUIDv7.randomByteCount).map { _ in UInt8.random(in: 0...255) }
        return UUIDv7.make(milliseconds: unixMilliseconds(), random: random)
    }

    /// What a failed post means for the exit code, said readably.
    static func failure(_ error: PublishError) -> CommandFailure {
        switch error {
        case .rejected(let answer):
            guard let problem = answer.json, problem["title"] != nil else {
                return CommandFailure(
                    .internalError, "answered \(answer.status): \(Terminal.harmless(String(answer.text.prefix(200))))")
            }
            let title = problem["title"]?.stringValue ?? ""
            var lines = ["rejected (\(answer.status) \(title)): \(problem["detail"]?.stringValue ?? "")"]
            for error in problem["errors"]?.elements ?? [] {
                lines.append("  \(error["field"]?.stringValue ?? "?"): \(error["message"]?.stringValue ?? "")")
            }
            return CommandFailure(.dataRejected, lines.map(Terminal.harmless).joined(separator: "\n"))
        case .unavailable(let reason, let status, let attempts):
            return CommandFailure(
                status == 429 ? .temporaryFailure : .unavailable,
                "not kept after \(attempts) attempt\(attempts == 1 ? "" : "s"): \(Terminal.harmless(reason))")
        }
    }
}
