/// How serious a threat is, in ascending order.
public enum Severity: UInt8, Comparable, CaseIterable, Sendable {
    case info, low, medium, high, critical

    /// The accepted spellings, for error messages.
    static let accepted = "INFO, LOW, MEDIUM, HIGH or CRITICAL"

    /// Upper-case name as it stands in documents.
    public var name: String {
        switch self {
        case .info: "INFO"
        case .low: "LOW"
        case .medium: "MEDIUM"
        case .high: "HIGH"
        case .critical: "CRITICAL"
        }
    }

    /// Reads a name in any mixture of cases (ASCII only).
    public init?(anyCase name: String) {
        self.init(anyCase: Array(name.utf8)[...])
    }

    /// Reads a name in any mixture of cases from bytes.
    init?(anyCase bytes: ArraySlice<UInt8>) {
        guard bytes.count >= 3, bytes.count <= 8 else { return nil }
        var packed: UInt64 = 0
        for byte in bytes {
            guard byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "z") else { return nil }
            packed = packed << 8 | UInt64(byte & 0xDF)
        }
        switch packed {
        case 0x494E_464F: self = .info
        case 0x4C4F_57: self = .low
        case 0x4D45_4449_554D: self = .medium
        case 0x4849_4748: self = .high
        case 0x4352_4954_4943_414C: self = .critical
        default: return nil
        }
    }

    public static func < (left: Severity, right: Severity) -> Bool {
        left.rawValue < right.rawValue
    }
}
