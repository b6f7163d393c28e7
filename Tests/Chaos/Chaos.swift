import ArgumentParser
import Glibc
import PosixIO
import TocsinClient

/// Runs publishers and clients against replicas and Redis while faults from a seed are injected, then checks every
/// promise.
@main
struct Chaos: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos", abstract: "Inject faults from a seed and check that nothing is lost or doubled.",
        discussion: """
            EXIT CODES
              0   every promise was kept
              1   a promise was broken; the findings are listed
              64  wrong command line
              69  a process could not be started
            """)

    @Option(help: "How long faults are injected.")
    var seconds = 60

    @Option(help: "Sets what is injected and when; with an odd one nothing at all may be lost.")
    var seed: UInt64 = 1

    @Option(help: "The tocsin executable.")
    var tocsin: String

    @Option(help: "An existing directory for files and logs, with a path of at most 60 bytes.")
    var directory: String

    func validate() throws {
        guard (5...86_400).contains(seconds) else { throw ValidationError("--seconds takes 5 to 86400") }
        guard access(tocsin, X_OK) == 0 else { throw ValidationError("--tocsin: cannot be executed: \(tocsin)") }
        guard directory.utf8.count <= 60, access(directory, W_OK) == 0 else {
            throw ValidationError("--directory: not there, or its path is longer than 60 bytes: \(directory)")
        }
    }

    func run() throws {
        SystemFigures.raiseDescriptorLimit()
        let outcome: Outcome
        do {
            outcome = try Run(launcher: tocsin, directory: directory, seconds: seconds, seed: seed).perform()
        } catch {
            print("chaos: \(error)")
            throw ExitCode(69)
        }
        print(Table.text(of: outcome))
        if !outcome.isKept { throw ExitCode(1) }
    }
}
