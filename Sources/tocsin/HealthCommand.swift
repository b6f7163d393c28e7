import ArgumentParser
import TocsinClient

/// `tocsin health`: asks one replica how it is; made for health checks of containers, which have no curl.
struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Ask a replica whether it is healthy, or ready.",
        discussion: """
            Without --url it asks the replica of this machine: on the port of TOCSIN_PORT if that is set, by https if \
            TOCSIN_TLS_CERTIFICATE is, without looking at the certificate, which need not be for this address. Prints \
            what the replica answers.

            EXAMPLES
              tocsin health                  the process runs (GET /health)
              tocsin health --ready          new clients and threats may come (GET /ready)
              tocsin health --url https://tocsin.example.test --tls-ca ca.pem

            EXIT CODES
              0   yes
              64  wrong command line
              69  no, or nobody answers
            """)

    @OptionGroup var deployment: DeploymentOptions

    @Flag(help: "Ask for readiness: Redis, the subscription and the drain count too.")
    var ready = false

    func run() throws {
        let url = try replicaURL()
        let answer: HTTPAnswer
        do throws(ClientError) {
            answer = try HTTPClient(url, deadline: .seconds(2)).get(ready ? "/ready" : "/health")
        } catch {
            throw CommandFailure(.unavailable, "\(error)")
        }
        Terminal.line(Terminal.harmless(answer.text))
        guard answer.status == 200 else { throw CommandFailure(.unavailable, "\(url) answered \(answer.status)") }
    }

    private func replicaURL() throws -> ServerURL {
        guard deployment.given == nil else { return try deployment.serverURL() }
        let authority = "127.0.0.1:\(Environment.value("TOCSIN_PORT") ?? "8000")"
        guard Environment.value("TOCSIN_TLS_CERTIFICATE") != nil || !deployment.tls.isEmpty else {
            return try deployment.tls.serverURL("http://\(authority)", name: "TOCSIN_PORT")
        }
        guard deployment.tls.isEmpty else {
            return try deployment.tls.serverURL("https://\(authority)", name: "TOCSIN_PORT")
        }
        do throws(ClientError) {
            // The probe tells this machine's own port no secret, and believes it nothing that an impostor could use. A
            // certificate that ran out is not mended by a restart either.
            return try ServerURL("https://\(authority)", tls: try ClientTLS.trustingAnybody())
        } catch {
            throw UsageError("TOCSIN_PORT: \(error)")
        }
    }
}
