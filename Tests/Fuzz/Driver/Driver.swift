import Glibc

/// Where the program begins: SwiftPM gives the linker this name for `main` of the target.
///
/// libFuzzer starts itself anew for merging and for jobs, with the same environment; that is why the target's name
/// comes in `FUZZ_TARGET` and not as an argument.
@_cdecl("Fuzz_main")
public func main(
    _ argumentCount: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
    if let folder = environment("FUZZ_SEEDS") { return writeSeeds(to: folder) }
    guard chosen != nil else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: " ")
        fputs("FUZZ_TARGET must be one of: \(names)\n", stderrFile())
        return 64
    }
    var count = argumentCount
    var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
    return runDriver(&count, &list, testOneInput)
}

/// What libFuzzer calls where it brings its own `main`; the linker wants it in any case.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    // SAFETY: libFuzzer's input lives until this call returns; it is copied.
    chosen?.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ argumentCount: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

private let chosen = environment("FUZZ_TARGET").flatMap(FuzzTarget.init(rawValue:))

private func environment(_ name: String) -> String? {
    // SAFETY: nothing changes the environment while this program runs.
    getenv(name).map { String(cString: $0) }
}

private func stderrFile() -> UnsafeMutablePointer<FILE>? { fdopen(STDERR_FILENO, "w") }

/// Longer ones the fuzzers would cut (script/lib/fuzz.sh).
private let seedBytesMax = 4_096

/// Writes each target's seeds into a folder of its name, one file each.
private func writeSeeds(to folder: String) -> Int32 {
    for target in FuzzTarget.allCases {
        let place = "\(folder)/\(target.rawValue)"
        guard mkdir(place, 0o777) == 0 || errno == EEXIST else { return 73 }
        for (number, seed) in target.seeds.enumerated() where seed.count <= seedBytesMax {
            guard let file = fopen("\(place)/seed-\(number)", "w") else { return 73 }
            let written = fwrite(seed, 1, seed.count, file)
            guard fclose(file) == 0, written == seed.count else { return 74 }
        }
    }
    return 0
}
