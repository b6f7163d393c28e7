import Glibc

/// The environment of this process.
enum Environment {
    /// The value of a variable; an empty one counts as unset, which is how container files leave one out.
    static func value(_ name: String) -> String? {
        guard let pointer = getenv(name) else { return nil }
        let text = String(cString: pointer)
        return text.isEmpty ? nil : text
    }
}
