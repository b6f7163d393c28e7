/// An error that a command inside a script met, as the script's caller is told: the text of that error with what Redis
/// puts around it, by version:
///
///     7.0 on  TEXT script: DIGEST, on @user_script:LINE.
///     before  ERR Error running script (call to f_DIGEST): @user_script:LINE: @user_script: LINE: TEXT
///
/// From 7.2 on TEXT itself may say " script: " (`NOPERM ACL failure in script: …`).
struct ScriptError: Hashable {
    /// The first word of the text, for example `NOPERM`.
    let code: String
    let message: String

    init(code: String, message: String) {
        var text = Self.withoutPlace("\(code) \(message)")
        if let call = text.firstRange(of: "Error running script (call to f_"),
            let end = text[call.upperBound...].firstRange(of: "): ")
        {
            text = Self.withoutPositions(String(text[end.upperBound...]))
        }
        let word = text.prefix { $0 != " " }
        let rest = String(text.dropFirst(word.count + 1))
        // So 7.0 says what other versions call NOPERM.
        self.code = word == "ERR" && rest.hasPrefix("The user executing the script can't") ? "NOPERM" : String(word)
        self.message = rest
    }

    /// Without the place that stands behind the text.
    private static func withoutPlace(_ text: String) -> String {
        guard let place = text.ranges(of: " script: ").last else { return text }
        let digest = text[place.upperBound...].prefix { $0.isHexDigit }
        guard digest.count == 40, text[digest.endIndex...].hasPrefix(", on ") else { return text }
        return String(text[..<place.lowerBound])
    }

    /// Without the lines that stand before the text.
    private static func withoutPositions(_ text: String) -> String {
        var rest = text[...]
        while rest.hasPrefix("@user_script:") || rest.hasPrefix("user_script:") {
            guard let end = rest.dropFirst("@user_script: ".count).firstRange(of: ": ") else { break }
            rest = rest[end.upperBound...]
        }
        return String(rest.hasPrefix("-") ? rest.dropFirst() : rest)
    }
}
