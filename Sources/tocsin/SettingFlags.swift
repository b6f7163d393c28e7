import ArgumentParser

/// The settings as command-line flags, made from the table, so that a setting is declared once.
///
/// The parser finds its options by reflection; this type shows it one option for each setting.
struct SettingFlags: ParsableArguments, CustomReflectable {
    /// The values given as flags, by the name of the setting.
    private(set) var values: [String: String] = [:]

    init() {}

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: SettingKey.self)
        for setting in Settings.all {
            let key = SettingKey(stringValue: setting.name)
            if setting.placeholder == nil {
                if try container.decode(Flag<Bool>.self, forKey: key).wrappedValue { values[setting.name] = "true" }
            } else if let text = try container.decode(Option<String?>.self, forKey: key).wrappedValue {
                values[setting.name] = text
            }
        }
    }

    var customMirror: Mirror {
        Mirror(self, children: Settings.all.map { (label: $0.name, value: Self.argument(for: $0)) })
    }

    private static func argument(for setting: Setting) -> Any {
        let name = NameSpecification.customLong(setting.name)
        let abstract = "\(setting.help) \(setting.names)"
        guard let placeholder = setting.placeholder else {
            return Flag(wrappedValue: false, name: name, help: ArgumentHelp(stringLiteral: abstract)) as Flag<Bool>
        }
        return Option(name: name, help: ArgumentHelp(abstract, valueName: placeholder)) as Option<String?>
    }
}

/// A setting's name as a coding key.
struct SettingKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) {
        self.stringValue = stringValue
    }

    init?(intValue: Int) {
        nil
    }
}
