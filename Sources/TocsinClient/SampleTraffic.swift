import ThreatFeed

/// Varied threats of several customers, for demonstrations and proofs.
public enum SampleTraffic {
    private struct Sample: Sendable {
        let threatType: String
        let title: String
        let technique: String
        let indicatorType: String

        init(_ threatType: String, _ title: String, _ technique: String, _ indicatorType: String) {
            self.threatType = threatType
            self.title = title
            self.technique = technique
            self.indicatorType = indicatorType
        }
    }

    private static let samples = [
        Sample("malware", "Dropper on a build agent", "T1204.002", "sha256"),
        Sample("phishing", "Credential page imitates the VPN", "T1566.002", "url"),
        Sample("bot_attack", "Login attempts from a botnet", "T1110.004", "ipv4"),
        Sample("ransomware", "Shadow copies deleted", "T1490", "host"),
        Sample("data_exfiltration", "Archive sent to an unknown host", "T1048", "domain"),
        Sample("geo_impossible", "Two logins 9,000 km apart", "T1078", "account"),
        Sample("lateral_movement", "Service account on a new host", "T1021.002", "host"),
    ]

    private static let customers = [
        "Acme Bank", "Globex", "Initech", "Nordlicht Energie", "Umbrella Care", "Wayne Freight",
    ]

    /// One threat as its JSON text.
    /// - Parameter number: Chooses type, severity and customer; consecutive numbers differ.
    public static func threat(id: String, number: Int) -> [UInt8] {
        let number = abs(number % 1_000_000)
        let sample = samples[number % samples.count]
        let severities = Severity.allCases
        var text: [UInt8] = []
        text.reserveCapacity(512)
        JSONText.appendRaw("{\"id\":", to: &text)
        JSONText.appendString(id, to: &text)
        JSONText.appendMember("threat_type", sample.threatType, to: &text)
        JSONText.appendMember("severity", severities[number * 7 / 3 % severities.count].name, to: &text)
        JSONText.appendMember("customer_name", customers[number * 5 / 2 % customers.count], to: &text)
        JSONText.appendMember("title", sample.title, to: &text)
        JSONText.appendMember("source", "tocsin-demo", to: &text)
        JSONText.appendRaw(",\"mitre_techniques\":[\"\(sample.technique)\"]", to: &text)
        JSONText.appendRaw(",\"indicators\":[{\"type\":\"\(sample.indicatorType)\"", to: &text)
        JSONText.appendMember("value", "sample-\(number % 997)", to: &text)
        JSONText.appendRaw("}],\"metadata\":{\"number\":\(number)}}", to: &text)
        return text
    }
}
