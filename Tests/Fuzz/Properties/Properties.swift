import Corpora

/// Stops the program, which libFuzzer takes for a finding, unless the condition holds.
func expect(_ condition: Bool, _ property: @autoclosure () -> String) {
    if !condition { fatalError("property broken: \(property())") }
}

/// Stops the program unless both are equal.
func expectEqual<Value: Equatable>(_ left: Value, _ right: Value, _ property: @autoclosure () -> String) {
    if left != right { fatalError("property broken: \(property())\n\(left)\n\(right)") }
}

/// The ways in which each input is cut besides being given whole. The input itself sets the seed, so that it alone
/// reproduces a finding and the fuzzer chooses the places.
func cuttings(of input: [UInt8]) -> [Cutting] {
    let seed = fingerprint(input)
    return [.bytes, .random(seed: seed), .random(seed: ~seed)]
}

/// FNV-1a.
func fingerprint(_ input: [UInt8]) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in input { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash
}

/// Whether the bytes are UTF-8, as the standard library judges.
func isUTF8(_ bytes: some Collection<UInt8>) -> Bool {
    String(validating: bytes, as: UTF8.self) != nil
}
