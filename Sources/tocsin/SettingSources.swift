import Configuration
import Glibc
import PosixIO
import TocsinClient
import TocsinServer

/// A wrong command line or configuration: one line, exit code 64.
struct UsageError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// The places settings come from, the strongest first: flags, environment, configuration file.
struct SettingSources {
    private let flags: [String: String]
    private let environment: [String: String]
    private let file: [String: String]
    private let filePath: String?

    /// - Throws: `UsageError` for a file that cannot be read, is not a flat JSON object, or has an unknown key.
    init(flags: [String: String], configFlag: String?) throws {
        self.flags = flags
        environment = Self.environmentValues()
        filePath = configFlag ?? Environment.value("TOCSIN_CONFIG")
        file = try filePath.map { try Self.fileValues(path: $0) } ?? [:]
    }

    /// The defaults, overridden by whatever was given.
    /// - Throws: `UsageError` for the first value that is not acceptable.
    func configuration() throws -> ReplicaConfiguration {
        var configuration = ReplicaConfiguration()
        configuration.replicaName = SystemFigures.hostName
        configuration.dataDirectory = Self.stateDirectory()
        let reader = ConfigReader(providers: [
            InMemoryProvider(name: "flags", values: Self.providerValues(flags)),
            EnvironmentVariablesProvider(environmentVariables: environment),
            InMemoryProvider(name: "file", values: Self.providerValues(file)),
        ])
        for setting in Settings.all {
            guard let text = reader.string(forKey: ConfigKey(["tocsin", setting.name])) else { continue }
            guard setting.apply(text, &configuration) else {
                // A URL may hold a password, which must not reach a log.
                let given = setting.name == "redis-url" ? "" : "; it is \"\(Terminal.harmless(text))\""
                throw UsageError("\(origin(of: setting)) must be \(setting.accepts)\(given)")
            }
        }
        return configuration
    }

    /// The name under which the value in force was given.
    private func origin(of setting: Setting) -> String {
        if flags[setting.name] != nil { return setting.flag }
        if environment[setting.environment] != nil {
            let isOwn = Environment.value(setting.environment) != nil
            return isOwn ? setting.environment : setting.fallbackEnvironment ?? setting.environment
        }
        return "key \"\(setting.name)\" in \(filePath ?? "the configuration file")"
    }

    private static func providerValues(_ values: [String: String]) -> [AbsoluteConfigKey: ConfigValue] {
        var keyed: [AbsoluteConfigKey: ConfigValue] = [:]
        for (name, text) in values {
            keyed[AbsoluteConfigKey(["tocsin", name])] = ConfigValue(.string(text), isSecret: name == "redis-url")
        }
        return keyed
    }

    private static func environmentValues() -> [String: String] {
        var values: [String: String] = [:]
        for setting in Settings.all {
            let names = [setting.environment, setting.fallbackEnvironment].compactMap(\.self)
            values[setting.environment] = names.lazy.compactMap(Environment.value).first
        }
        return values
    }

    /// Members may be strings, numbers, booleans or, for lists, arrays of strings.
    private static func fileValues(path: String) throws -> [String: String] {
        guard let bytes = FileDescriptor.contents(ofFile: path) else {
            throw UsageError("--config must be a readable file; \(path): \(String(cString: strerror(errno)))")
        }
        let document: JSONValue
        do {
            document = try JSONValue(parsing: bytes)
        } catch {
            throw UsageError("--config must be a JSON object; \(path) is \(error)")
        }
        guard case .object(let members) = document else { throw UsageError("--config must be a JSON object: \(path)") }
        var values: [String: String] = [:]
        for (name, value) in members {
            guard let setting = Settings.all.first(where: { $0.name == name }) else {
                throw UsageError(
                    "key \"\(Terminal.harmless(name))\" in \(path) is no setting; "
                        + "accepted are \(Settings.all.map(\.name).joined(separator: ", "))")
            }
            guard let text = Self.text(of: value) else {
                throw UsageError("key \"\(name)\" in \(path) must be \(setting.accepts)")
            }
            values[name] = text
        }
        return values
    }

    private static func text(of value: JSONValue) -> String? {
        switch value {
        case .string(let text), .number(let text): return text
        case .bool(let flag): return flag ? "true" : "false"
        case .array(let elements):
            let texts = elements.compactMap(\.stringValue)
            return texts.count == elements.count ? texts.joined(separator: ",") : nil
        case .object, .null: return nil
        }
    }

    /// XDG Base Directory Specification: `$XDG_STATE_HOME`, else `~/.local/state`.
    private static func stateDirectory() -> String {
        if let base = Environment.value("XDG_STATE_HOME"), base.hasPrefix("/") { return base + "/tocsin" }
        if let home = Environment.value("HOME"), home.hasPrefix("/") { return home + "/.local/state/tocsin" }
        return "tocsin-data"
    }
}
