/// Reads and writes the values of settings.
enum SettingText {
    /// A decimal number without sign, within bounds.
    static func wholeNumber(_ text: String, in range: ClosedRange<Int>) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text),
            range.contains(number)
        else { return nil }
        return number
    }

    /// `65536`, `64KiB`, `64MiB` or `1GiB`, within bounds.
    static func bytes(_ text: String, in range: ClosedRange<Int>) -> Int? {
        scaled(text, units: [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1), ("", 1)], in: range)
    }

    /// `90s`, `15m`, `12h` or `7d`, within bounds given in seconds.
    static func period(_ text: String, secondsIn range: ClosedRange<Int>) -> Duration? {
        scaled(text, units: [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)], in: range).map { .seconds($0) }
    }

    /// The shortest of the forms that `bytes` reads.
    static func size(_ bytes: Int) -> String {
        for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        where bytes >= factor && bytes.isMultiple(of: factor) {
            return "\(bytes / factor)\(unit)"
        }
        return String(bytes)
    }

    /// The shortest of the forms that `period` reads.
    static func period(_ duration: Duration) -> String {
        let seconds = Int(duration.components.seconds)
        for (unit, factor) in [("d", 86_400), ("h", 3_600), ("m", 60)]
        where seconds >= factor && seconds.isMultiple(of: factor) {
            return "\(seconds / factor)\(unit)"
        }
        return "\(seconds)s"
    }

    /// `true`, `yes`, `on`, `1` and their opposites.
    static func switchPosition(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on", "1": true
        case "false", "no", "off", "0": false
        default: nil
        }
    }

    private static func scaled(
        _ text: String, units: [(suffix: String, factor: Int)], in range: ClosedRange<Int>
    ) -> Int? {
        for (suffix, factor) in units where text.hasSuffix(suffix) {
            guard let number = wholeNumber(String(text.dropLast(suffix.count)), in: 0...Int.max) else { continue }
            let (product, overflow) = number.multipliedReportingOverflow(by: factor)
            return !overflow && range.contains(product) ? product : nil
        }
        return nil
    }
}
