import Glibc

/// The seed of every random test of a run: `$TOCSIN_TEST_SEED`, else any. Each says `seed N` when it fails, and with
/// that number in the variable it does the same again, whichever other tests run.
public enum TestSeed {
    public static let value: UInt64 = {
        guard let text = getenv("TOCSIN_TEST_SEED").map({ String(cString: $0) }), !text.isEmpty else {
            return UInt64.random(in: 0 ... .max)
        }
        guard let seed = UInt64(text) else { preconditionFailure("TOCSIN_TEST_SEED=\(text) is no whole number") }
        return seed
    }()
}
