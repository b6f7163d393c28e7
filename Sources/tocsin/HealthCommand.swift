import ArgumentParser
import TocsinClient

/// `tocsin health`: asks one replica how it is; made for health checks of containers, which have no curl.
struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Ask a replica whether it is healthy, or ready.",
        discussion: """
            Without --url it asks the replica of this machine, on the port of TOCSIN_PORT if that is set. Prints what \
            the replica answers.

            EXAMPLES
              tocsin health                  the process runs (GET /health)
              tocsin health --ready          new clients and threats may come (GET /ready)

            EXIT CODES
              0   yes
              64  wrong command line
              69  no, or nobody answers
            """)

    @OptionGroup var deployment: DeploymentOptions

    @Flag(help: "Ask for readiness: Redis, the subscription and the drain count too.")
    var ready = false

    func run() throws {
        let url = try deployment.serverURL(localPort: Environment.value("TOCSIN_PORT"))
        let answer: HTTPAnswer
        do throws(ClientError) {
            answer = try HTTPClient(url, deadline: .seconds(2)).get(ready ? "/ready" : "/health")
        } catch {
            throw CommandFailure(.unavailable, "\(error)")
        }
        Terminal.line(Terminal.harmless(answer.text))
        guard answer.status == 200 else { throw CommandFailure(.unavailable, "\(url) answered \(answer.status)") }
    }
}
