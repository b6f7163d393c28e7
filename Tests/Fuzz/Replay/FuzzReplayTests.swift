import Foundation
import Testing

@Suite("Replay of what fuzzing found worth keeping")
struct FuzzReplayTests {
    @Test(
        "every input of the corpus, every finding and every seed keeps the properties of its target",
        arguments: FuzzTarget.allCases)
    func replay(_ target: FuzzTarget) async throws {
        let inputs = try KeptInputs(target)
        defer { inputs.remove() }
        await #expect(processExitsWith: .success) { [target, directory = inputs.directory as URL] in
            try Replay.run(KeptInputs(directory), check: target.check)
        }
        switch Replay.outcome(of: inputs) {
        case .all(let count): #expect(count == inputs.names.count)
        case .stopped(let name, let words):
            let path = try inputs.keep(name, of: target)
            Issue.record("\(name): \(words)\nagain: script/fuzz --reproduce \(target.rawValue) \(path)")
        case .notStarted: Issue.record("\(target.rawValue): nothing was replayed")
        }
    }

    @Test("a broken property is told with the input that broke it")
    func broken() async throws {
        let inputs = try KeptInputs(seeds: [[1], [2], [3]])
        defer { inputs.remove() }
        await #expect(processExitsWith: .failure) { [directory = inputs.directory as URL] in
            try Replay.run(KeptInputs(directory)) { expect($0 != [2], "an input is not 2") }
        }
        guard case .stopped("seed-1", let words) = Replay.outcome(of: inputs) else {
            Issue.record("\(Replay.outcome(of: inputs))")
            return
        }
        #expect(words.contains("property broken: an input is not 2"))
    }

    @Test("a replay that did not run is no replay of everything")
    func notStarted() throws {
        let inputs = try KeptInputs(seeds: [[1]])
        defer { inputs.remove() }
        #expect(Replay.outcome(of: inputs) == .notStarted)
    }
}
