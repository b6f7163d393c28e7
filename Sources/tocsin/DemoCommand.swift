import ArgumentParser
import PosixIO
import TocsinClient

/// `tocsin demo`: sample threats at a rate.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Post varied sample threats at a steady rate.",
        discussion: """
            Several customers, types and severities. Runs until Ctrl-C, --count or --seconds.

            EXAMPLES
              tocsin demo
              tocsin demo --rate 50 --seconds 30

            EXIT CODES
              0   done or ended by Ctrl-C
              64  wrong command line
              65  the deployment rejects the samples
              69  unreachable, or not ready after every attempt
            """)

    @OptionGroup var deployment: DeploymentOptions

    @Option(help: ArgumentHelp("Threats per second.", valueName: "N"))
    var rate = 1.0

    @Option(help: ArgumentHelp("End after so many threats.", valueName: "N"))
    var count: Int?

    @Option(help: ArgumentHelp("End after so many seconds.", valueName: "N"))
    var seconds: Double?

    func validate() throws {
        guard rate > 0, rate <= 100_000 else { throw ValidationError("--rate must be above 0 and at most 100000") }
        if let count, count < 1 { throw ValidationError("--count must be at least 1") }
        if let seconds, !(seconds > 0) { throw ValidationError("--seconds must be above 0") }
    }

    func run() throws {
        let url = try deployment.serverURL()
        let interruption = try Interruption()
        let publisher = ThreatPublisher(
            [url],
            limits: ThreatPublisher.Limits(
                attemptsMax: 12, period: .seconds(30), backoff: Backoff(first: .milliseconds(200), longest: .seconds(5))
            ))
        let start = MonotonicTime.now
        let run = Int.random(in: 0..<1_000_000)
        var sent = 0
        while count.map({ sent < $0 }) ?? true {
            let due = start + .seconds(Double(sent) / rate)
            if let seconds, due - start >= .seconds(seconds) { break }
            interruption.wait(atMost: due - MonotonicTime.now)
            if interruption.isEnded { break }
            do throws(PublishError) {
                _ = try publisher.publish(SampleTraffic.threat(id: TriggerCommand.newID(), number: run + sent))
            } catch {
                throw TriggerCommand.failure(error)
            }
            sent += 1
            if sent == 1 { Terminal.note("posting to \(url); Ctrl-C ends it") }
        }
        Terminal.note("\(sent) sample threat\(sent == 1 ? "" : "s") posted")
    }
}
