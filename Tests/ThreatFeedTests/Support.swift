import ThreatFeed

/// The parts of a receipt that tests do not care about.
func receipt(id: String = "made-id", random: UInt64 = 1) -> Receipt {
    Receipt(
        receivedAtMilliseconds: 1_767_323_045_678, replicaName: "replica-a",
        digest: ContentDigest(prefixOf: Array(0..<32)), makeID: { _ in id }, makeRandom: { random })
}

/// Parses a text, or returns the rejection.
func parse(_ text: String, random: UInt64 = 1) -> Result<ThreatRecord, ThreatRejection> {
    var parser = ThreatParser()
    do {
        return .success(try parser.parse(Array(text.utf8), receipt: receipt(random: random)))
    } catch {
        return .failure(error)
    }
}

/// The fields named by a 422; `nil` for anything else.
func brokenFields(_ text: String) -> [String]? {
    guard case .failure(.invalid(let errors)) = parse(text) else { return nil }
    return errors.map(\.field)
}

/// The error of a scan; `nil` when the text is accepted.
func scanError(_ bytes: [UInt8]) -> JSONError? {
    var scanner = JSONScanner()
    do {
        try scanner.scan(bytes.span)
        return nil
    } catch {
        return error
    }
}

func text(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: Array(bytes), as: UTF8.self)
}

/// Reproducible random numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
