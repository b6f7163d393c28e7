import Foundation

/// Runs inputs through a property, in a process of its own: one that is broken stops the program.
///
/// Each input is named in the report before it runs, so that the last name there is that of the input which stopped it,
/// followed by what the program said at its end.
enum Replay {
    /// What became of a replay.
    enum Outcome: Equatable {
        case all(count: Int)
        case stopped(at: String, saying: String)
        case notStarted
    }

    private static let inputMark = "input: "
    private static let endMark = "inputs replayed: "

    /// Runs in the child. What it says on the standard error meanwhile goes to the report; what Swift Testing says there
    /// at the end does not.
    static func run(_ inputs: KeptInputs, check: ([UInt8]) -> Void) throws {
        let report = open(inputs.report.path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let standardError = dup(STDERR_FILENO)
        guard report >= 0, standardError >= 0, dup2(report, STDERR_FILENO) >= 0 else {
            throw KeptInputs.Failure(description: "no report at \(inputs.report.path): errno \(errno)")
        }
        for name in inputs.names {
            try say("\(inputMark)\(name)\n", to: report)
            check(try inputs.bytes(of: name))
        }
        dup2(standardError, STDERR_FILENO)
        try say("\(endMark)\(inputs.names.count)\n", to: report)
    }

    /// Reads the report, when the child has ended.
    static func outcome(of inputs: KeptInputs) -> Outcome {
        guard let report = try? Data(contentsOf: inputs.report) else { return .notStarted }
        let lines = String(decoding: report, as: UTF8.self).split(separator: "\n")
        if let end = lines.last, end.hasPrefix(endMark), let count = Int(end.dropFirst(endMark.count)) {
            return .all(count: count)
        }
        guard let last = lines.lastIndex(where: { $0.hasPrefix(inputMark) }) else { return .notStarted }
        return .stopped(
            at: String(lines[last].dropFirst(inputMark.count)),
            saying: lines[(last + 1)...].joined(separator: "\n"))
    }

    private static func say(_ text: String, to report: Int32) throws {
        let bytes = Array(text.utf8)
        guard write(report, bytes, bytes.count) == bytes.count else {
            throw KeptInputs.Failure(description: "the report cannot be written: errno \(errno)")
        }
    }
}
