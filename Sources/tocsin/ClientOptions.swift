import ArgumentParser
import TocsinClient

/// Where the commands that talk to a deployment find it.
struct DeploymentOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The deployment, http:// or ws://. (env: TOCSIN_URL; default: http://127.0.0.1:8000)", valueName: "URL"))
    var url: String?

    /// - Parameter localPort: The port to take on this machine when no URL is given.
    /// - Throws: `UsageError` naming what is accepted.
    func serverURL(localPort: String? = nil) throws -> ServerURL {
        let name = url == nil && Environment.value("TOCSIN_URL") != nil ? "TOCSIN_URL" : "--url"
        do throws(ClientError) {
            return try ServerURL(url ?? Environment.value("TOCSIN_URL") ?? "http://127.0.0.1:\(localPort ?? "8000")")
        } catch {
            throw UsageError("\(name): \(error)")
        }
    }
}

/// `NAME=VALUE` on the command line.
struct NamedValue: ExpressibleByArgument, Sendable {
    let name: String
    let value: String

    init?(argument: String) {
        guard let separator = argument.firstIndex(of: "="), separator != argument.startIndex else { return nil }
        name = String(argument[..<separator])
        value = String(argument[argument.index(after: separator)...])
    }
}
