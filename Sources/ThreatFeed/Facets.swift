/// What filters and statistics look at in a threat.
///
/// The stored form is `<severity digit 0 to 4> SP <threat_type> [SP <customer name>]`, the name in decoded UTF-8. Facets
/// are equal if their stored forms are: names that only Unicode normalisation makes equal are different here, as they
/// are to whoever counts stored forms.
public struct Facets: Hashable, Sendable {
    public let severity: Severity
    public let threatType: String
    /// `nil` when the threat names no customer or an empty one.
    public let customerName: String?

    public init(severity: Severity, threatType: String, customerName: String?) {
        self.severity = severity
        self.threatType = threatType
        self.customerName = customerName == "" ? nil : customerName
    }

    /// Reads the stored form.
    /// - Throws: `RecordError.facets` when it is anything else.
    public init(decoding bytes: ArraySlice<UInt8>) throws(RecordError) {
        let space = UInt8(ascii: " ")
        guard bytes.count >= 3, let digit = bytes.first, digit >= UInt8(ascii: "0"),
            let severity = Severity(rawValue: digit &- UInt8(ascii: "0")), bytes[bytes.startIndex + 1] == space
        else { throw .facets }
        let rest = bytes.dropFirst(2)
        let typeEnd = rest.firstIndex(of: space) ?? rest.endIndex
        guard TextPattern.isThreatType(rest[..<typeEnd]) else { throw .facets }
        var customer: String?
        if typeEnd < rest.endIndex {
            guard let name = String(validating: rest[(typeEnd + 1)...], as: UTF8.self), !name.isEmpty
            else { throw .facets }
            customer = name
        }
        self.init(
            severity: severity, threatType: String(decoding: rest[..<typeEnd], as: UTF8.self), customerName: customer)
    }

    public static func == (left: Facets, right: Facets) -> Bool {
        guard left.severity == right.severity, left.threatType == right.threatType else { return false }
        guard let leftName = left.customerName, let rightName = right.customerName else {
            return left.customerName == nil && right.customerName == nil
        }
        return leftName.utf8.elementsEqual(rightName.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(severity)
        hasher.combine(threatType)
        for byte in (customerName ?? "").utf8 { hasher.combine(byte) }
    }

    /// The stored form, at most 1,091 bytes for a threat within the limits.
    public func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encodedByteCount)
        append(to: &bytes)
        return bytes
    }

    /// The number of bytes of the stored form.
    var encodedByteCount: Int {
        2 + threatType.utf8.count + (customerName.map { 1 + $0.utf8.count } ?? 0)
    }

    func append(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "0") + severity.rawValue)
        bytes.append(UInt8(ascii: " "))
        bytes.append(text: threatType)
        if let customerName {
            bytes.append(UInt8(ascii: " "))
            bytes.append(text: customerName)
        }
    }
}
