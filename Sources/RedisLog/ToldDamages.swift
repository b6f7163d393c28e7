/// Which losses of parts of the log an operator has been told of: each once, whoever settled it, but none of those that
/// were settled before this process came.
struct ToldDamages {
    private var last: String??

    /// - Parameters:
    ///   - settled: The last one that the log knows of (`LogStatus.settledDamage`).
    ///   - own: The last one that this process has had settled itself.
    /// - Returns: What is to be told now: what the keys did not agree on.
    mutating func take(_ settled: String?, own: String?) -> String? {
        defer { last = .some(settled) }
        let isNew = last.map { $0 != settled } ?? (settled == own)
        guard isNew, let settled else { return nil }
        return String(settled.drop { $0 != " " }.dropFirst())
    }
}
