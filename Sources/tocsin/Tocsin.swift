import ArgumentParser
import Glibc
import TocsinServer

/// The command line.
@main
struct Tocsin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tocsin",
        abstract: "One threat, every dashboard: a broadcaster of security threats over WebSocket.",
        discussion: """
            Threats posted to any replica reach every dashboard of every replica, once, in one order. Replicas share \
            nothing but a Redis.

            QUICK START
              tocsin serve                                  one replica; dashboard at http://127.0.0.1:8000/
              tocsin watch                                  the live feed in a terminal
              tocsin trigger --type malware --severity HIGH --title "Dropper on build-7"
              tocsin demo --rate 5                          sample threats
              tocsin prove --replicas 3                     show that nothing is lost, doubled or reordered
              tocsin bench --clients 1000 --rate 50         load it: deliveries per second, latency, loss

            Without the program:
              curl -X POST http://127.0.0.1:8000/api/threats/trigger \\
                   -H 'Content-Type: application/json' -d '{"threat_type":"malware","severity":"HIGH"}'
              curl http://127.0.0.1:8000/api/threats?limit=5

            EXIT CODES (sysexits.h)
              0   done
              1   a promise is broken (prove, bench)
              64  wrong command line or configuration; one line on stderr says what is accepted
              65  the threat was rejected: what was given is not a threat
              66  an input file cannot be read
              69  a service cannot be reached, or answered 503 to every attempt
              70  internal error, or an answer that is not Tocsin's
              75  refused for the moment (429); try again later
            """,
        version: TocsinVersion.current,
        subcommands: [
            ServeCommand.self, TriggerCommand.self, WatchCommand.self, DemoCommand.self, ProveCommand.self,
            BenchCommand.self, HealthCommand.self, EchoCommand.self,
        ])

    static func main() {
        // A reader that goes away ends a write with EPIPE; the default action would end the process without a word.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as UsageError {
            Terminal.note("tocsin: \(error)")
            Glibc.exit(ExitStatus.usage.rawValue)
        } catch let error as CommandFailure {
            if !error.message.isEmpty { Terminal.note("tocsin: \(error.message)") }
            Glibc.exit(error.status.rawValue)
        } catch {
            leave(with: error)
        }
    }

    /// Wrong flags get one line; help and version are printed as they are.
    private static func leave(with error: any Error) -> Never {
        // A command that has said what was wrong ends with its code alone.
        if let ended = error as? ExitCode { Glibc.exit(ended.rawValue) }
        let code = exitCode(for: error)
        guard code == ExitCode.validationFailure else { exit(withError: error) }
        let message = self.message(for: error).split(separator: "\n").first.map(String.init) ?? "wrong command line"
        Terminal.note("tocsin: \(Terminal.harmless(message + whatIsMissing(from: message)))")
        Glibc.exit(ExitStatus.usage.rawValue)
    }

    /// Completes the parser's "Missing value for '--NAME <…>'": it also says so of a value that begins with a hyphen.
    private static func whatIsMissing(from message: String) -> String {
        guard message.hasPrefix("Missing value for '"),
            let setting = Settings.all.first(where: { message.contains("'\($0.flag) ") })
        else { return "" }
        return ": it must be \(setting.accepts)"
    }
}

/// How a command ended (sysexits.h where it has a number for it).
enum ExitStatus: Int32 {
    case ok = 0
    case promiseBroken = 1
    case usage = 64
    case dataRejected = 65
    case noInput = 66
    case unavailable = 69
    case internalError = 70
    case temporaryFailure = 75
}

/// A command that could not do what it was asked.
struct CommandFailure: Error {
    let status: ExitStatus
    /// One line for standard error; empty when everything has been said.
    let message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}
