/// The sample threats a publisher can ask for by name (contract, "HTTP/1.1").
///
/// The type of a sample is the scenario's name. Addresses and domains come from the ranges reserved for
/// documentation (RFC 5737, RFC 2606).
public enum SampleThreat: String, CaseIterable, Sendable {
    case cryptoSurge = "crypto_surge"
    case botAttack = "bot_attack"
    case geoImpossible = "geo_impossible"
    case criticalThreat = "critical_threat"

    /// A threat as a publisher would send it, without an id.
    /// - Parameters:
    ///   - random: Varies names, figures and addresses; the same number gives the same document.
    ///   - milliseconds: Unix time when it is said to have happened.
    public func document(random: UInt64, milliseconds: Int64) -> [UInt8] {
        var dice = Dice(state: random)
        let customer = dice.pick(Self.customers)
        var draft = SampleDraft(scenario: rawValue, customer: customer, milliseconds: milliseconds)
        switch self {
        case .cryptoSurge: draft.describeCryptoSurge(&dice)
        case .botAttack: draft.describeBotAttack(&dice)
        case .geoImpossible: draft.describeGeoImpossible(&dice)
        case .criticalThreat: draft.describeCriticalThreat(&dice)
        }
        return draft.encode()
    }

    private static let customers = [
        "Aurora Bank", "Blue Heron Logistics", "Castellan Insurance", "Dunmore Health", "Ember Retail Group",
        "Fjord Energy", "Granite Pay", "Harbour & Sons", "Iris Télécom", "Juniper Airways",
    ]
}

/// SplitMix64: small, seeded and good enough to vary samples.
struct Dice {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.count))
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[number(0...elements.count - 1)]
    }

    /// An address of one of the three documentation networks.
    mutating func address() -> String {
        pick(["192.0.2.", "198.51.100.", "203.0.113."]) + String(number(1...254))
    }

    mutating func hash() -> String {
        var digits: [UInt8] = []
        for _ in 0..<4 { Hexadecimal.append(next(), digits: 16, to: &digits) }
        return String(decoding: digits, as: UTF8.self)
    }
}
