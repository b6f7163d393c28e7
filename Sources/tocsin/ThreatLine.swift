import ThreatFeed
import TocsinClient

/// One threat as one line for people.
enum ThreatLine {
    /// Time, severity, type, customer, title and cursor; every field made harmless for a terminal.
    static func text(_ threat: JSONValue, hasColour: Bool) -> String {
        let severity = threat["severity"]?.stringValue ?? "?"
        let received = threat["received_at"]?.stringValue ?? ""
        // RFC 3339: the time of day follows the T.
        let time = String(received.drop { $0 != "T" }.dropFirst().prefix(8))
        let customer = threat["customer_name"]?.stringValue.map { "[\($0)] " } ?? ""
        let title = threat["title"]?.stringValue ?? threat["summary"]?.stringValue ?? threat["id"]?.stringValue ?? ""
        let label = padded(Terminal.harmless(severity), to: 8)
        let line =
            padded(Terminal.harmless(time), to: 8) + "  " + (hasColour ? coloured(label, severity) : label) + "  "
            + padded(Terminal.harmless(threat["threat_type"]?.stringValue ?? "?"), to: 18) + "  "
            + Terminal.harmless(customer + title)
        guard let cursor = threat["cursor"]?.stringValue else { return line }
        let place = "  (\(Terminal.harmless(cursor)))"
        return line + (hasColour ? "\u{1B}[2m\(place)\u{1B}[0m" : place)
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func coloured(_ label: String, _ severity: String) -> String {
        guard let known = Severity(anyCase: severity) else { return label }
        let code =
            switch known {
            case .info: "36"
            case .low: "32"
            case .medium: "33"
            case .high: "31"
            case .critical: "1;97;41"
            }
        return "\u{1B}[\(code)m\(label)\u{1B}[0m"
    }
}
