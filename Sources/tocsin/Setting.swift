import TocsinServer

/// One thing a replica can be told, declared once: its flag, environment variable, configuration key, help and rule.
struct Setting: Sendable {
    /// The configuration key; the flag and the environment variable follow from it.
    let name: String
    /// What the value is called in the help, for example `N`; `nil` for a switch, which stands without a value.
    let placeholder: String?
    let help: String
    /// What is accepted, to complete the sentence "… must be …".
    let accepts: String
    let defaultText: String
    /// Another environment variable, asked when the setting's own is not set.
    let fallbackEnvironment: String?
    /// Puts a value's text into the configuration; `false` when it is not acceptable.
    let apply: @Sendable (_ text: String, _ configuration: inout ReplicaConfiguration) -> Bool

    var flag: String { "--\(name)" }

    var environment: String {
        "TOCSIN_" + String(name.map { $0 == "-" ? "_" : $0 }).uppercased()
    }

    /// Every name under which the setting can be given, and its default, for the help.
    var names: String {
        let environments = [environment, fallbackEnvironment].compactMap(\.self).joined(separator: ", else ")
        return "(env: \(environments); key: \(name); default: \(defaultText))"
    }

    init(
        _ name: String, _ placeholder: String?, help: String, accepts: String, defaultText: String,
        fallbackEnvironment: String? = nil,
        apply: @escaping @Sendable (_ text: String, _ configuration: inout ReplicaConfiguration) -> Bool
    ) {
        self.name = name
        self.placeholder = placeholder
        self.help = help
        self.accepts = accepts
        self.defaultText = defaultText
        self.fallbackEnvironment = fallbackEnvironment
        self.apply = apply
    }

    /// A setting whose value is parsed and then stored in one member.
    init<Value>(
        _ name: String, _ placeholder: String?, help: String, accepts: String, defaultText: String,
        fallbackEnvironment: String? = nil,
        member: any WritableKeyPath<ReplicaConfiguration, Value> & Sendable,
        parse: @escaping @Sendable (_ text: String) -> Value?
    ) {
        self.init(
            name, placeholder, help: help, accepts: accepts, defaultText: defaultText,
            fallbackEnvironment: fallbackEnvironment
        ) { text, configuration in
            guard let value = parse(text) else { return false }
            configuration[keyPath: member] = value
            return true
        }
    }

    /// A whole number within bounds.
    static func count(
        _ name: String, help: String, range: ClosedRange<Int>,
        member: any WritableKeyPath<ReplicaConfiguration, Int> & Sendable
    ) -> Setting {
        Setting(
            name, "N", help: help,
            accepts: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            defaultText: String(ReplicaConfiguration()[keyPath: member]), member: member
        ) { text in
            SettingText.wholeNumber(text, in: range)
        }
    }

    /// A number of bytes within bounds.
    static func size(
        _ name: String, help: String, range: ClosedRange<Int>,
        member: any WritableKeyPath<ReplicaConfiguration, Int> & Sendable
    ) -> Setting {
        Setting(
            name, "SIZE", help: help,
            accepts: "a size from \(SettingText.size(range.lowerBound)) to \(SettingText.size(range.upperBound)), "
                + "as plain bytes or with KiB, MiB or GiB",
            defaultText: SettingText.size(ReplicaConfiguration()[keyPath: member]), member: member
        ) { text in
            SettingText.bytes(text, in: range)
        }
    }

    /// A whole number of seconds within bounds.
    static func seconds(
        _ name: String, help: String, range: ClosedRange<Int>,
        member: any WritableKeyPath<ReplicaConfiguration, Duration> & Sendable
    ) -> Setting {
        Setting(
            name, "SECONDS", help: help,
            accepts: "a whole number of seconds from \(range.lowerBound) to \(range.upperBound)",
            defaultText: String(ReplicaConfiguration()[keyPath: member].components.seconds), member: member
        ) { text in
            SettingText.wholeNumber(text, in: range).map { .seconds($0) }
        }
    }
}
