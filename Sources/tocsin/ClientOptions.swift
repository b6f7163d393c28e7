import ArgumentParser
import TocsinClient

/// Where the commands that talk to a deployment find it, and how they trust it.
struct DeploymentOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The deployment: http:// or ws://, with TLS https:// or wss://. "
                + "(env: TOCSIN_URL; default: http://127.0.0.1:8000)", valueName: "URL"))
    var url: String?

    @OptionGroup var tls: TLSOptions

    /// The URL that was given, and by what name; `nil` when none was.
    var given: (name: String, text: String)? {
        if let url { return ("--url", url) }
        return Environment.value("TOCSIN_URL").map { ("TOCSIN_URL", $0) }
    }

    /// - Throws: `UsageError` naming what is accepted.
    func serverURL() throws -> ServerURL {
        let (name, text) = given ?? ("--url", "http://127.0.0.1:8000")
        return try tls.serverURL(text, name: name)
    }
}

/// How a server is trusted whose certificate comes from an authority that the system does not know, and what a
/// publisher shows to replicas that ask for a certificate.
struct TLSOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "PEM file of the authorities to trust. (default: the system's)", valueName: "FILE"))
    var tlsCa: String?

    @Option(
        help: ArgumentHelp(
            "PEM file of the certificate to show, for replicas with --tls-client-ca.", valueName: "FILE"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("PEM file of its private key.", valueName: "FILE"))
    var tlsKey: String?

    func validate() throws {
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key must be given together")
        }
    }

    var isEmpty: Bool { tlsCa == nil && tlsCertificate == nil }

    /// Reads the files.
    /// - Returns: `nil` when nothing was given.
    /// - Throws: `UsageError` naming the file that is not usable.
    func clientTLS() throws -> ClientTLS? {
        guard !isEmpty else { return nil }
        var certificate: (chainPath: String, keyPath: String)?
        if let tlsCertificate, let tlsKey { certificate = (tlsCertificate, tlsKey) }
        do throws(ClientError) {
            return try ClientTLS(authorities: tlsCa, certificate: certificate)
        } catch {
            throw UsageError("\(error)")
        }
    }

    /// - Parameter name: By what name the URL was given.
    /// - Throws: `UsageError` naming what is accepted.
    func serverURL(_ text: String, name: String) throws -> ServerURL {
        let tls = try clientTLS()
        do throws(ClientError) {
            return try ServerURL(text, tls: tls)
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
