import Glibc
import Workloads

/// Prints how much each workload allocates, and with `--instructions` how many instructions it takes, as JSON.
///
///     Counts [--allocations] [--instructions]
@main
struct CountsCommand {
    /// What every first time costs is not counted: buffers that grow, tables that are made.
    private static let warmUps = 4

    static func main() {
        let metrics = CommandLine.arguments.dropFirst()
        guard !metrics.isEmpty, metrics.allSatisfy(["--allocations", "--instructions"].contains) else {
            fail("usage: Counts [--allocations] [--instructions]", status: EX_USAGE)
        }
        let lines = Workload.all.map { workload in
            for _ in 0..<warmUps {
                workload.prepare()
                workload.body()
            }
            var counts: [String] = []
            if metrics.contains("--allocations") {
                workload.prepare()
                counts.append("\"allocations\": \(Counting.allocations(workload.body))")
            }
            if metrics.contains("--instructions") {
                workload.prepare()
                guard let count = Counting.instructions(workload.body) else {
                    fail("instructions cannot be counted: this process may not trace its child (ptrace)", status: 1)
                }
                counts.append("\"instructions\": \(count)")
            }
            return "  \"\(workload.name)\": {\(counts.joined(separator: ", "))}"
        }
        print("{\n\(lines.joined(separator: ",\n"))\n}")
    }

    private static func fail(_ reason: String, status: Int32) -> Never {
        let line = Array("\(reason)\n".utf8)
        write(STDERR_FILENO, line, line.count)
        exit(status)
    }
}
