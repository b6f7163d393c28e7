import Foundation

/// What is kept for a target, as files in one folder of the test's own: the corpus, findings and seeds.
struct KeptInputs {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Where the inputs lie, and beside it what their replay says.
    let directory: URL
    let names: [String]

    var folder: URL { directory.appending(path: "inputs") }
    var report: URL { directory.appending(path: "report") }

    /// `Tests/Fuzz`.
    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    /// - Throws: `Failure` when the target has no corpus or no seeds: nothing is replayed in silence.
    init(_ target: FuzzTarget) throws {
        try self.init(seeds: target.seeds)
        do {
            let archive = Self.sources.appending(path: "corpus/\(target.rawValue).tar.gz")
            try Self.unpack(archive, into: folder)
            let unpacked = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            guard unpacked.count > target.seeds.count else { throw Failure(description: "\(archive.path) is empty") }
            try copyFindings(of: target)
        } catch {
            remove()
            throw error
        }
        self = try Self(directory)
    }

    /// Seeds alone, under the names that `script/fuzz` gives them.
    init(seeds: [[UInt8]]) throws {
        guard !seeds.isEmpty else { throw Failure(description: "a target without seeds") }
        let directory = FileManager.default.temporaryDirectory.appending(path: "tocsin-replay-\(UUID().uuidString)")
        let folder = directory.appending(path: "inputs")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (number, seed) in seeds.enumerated() {
            try Data(seed).write(to: folder.appending(path: "seed-\(number)"))
        }
        self = try Self(directory)
    }

    /// What lies in a directory that was made before, perhaps by another process.
    init(_ directory: URL) throws {
        self.directory = directory
        names = try FileManager.default.contentsOfDirectory(atPath: directory.appending(path: "inputs").path).sorted()
    }

    func bytes(of name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: name)))
    }

    /// Copies an input to where `script/fuzz` leaves what it finds.
    /// - Returns: Its path.
    func keep(_ name: String, of target: FuzzTarget) throws -> String {
        let root = Self.sources.deletingLastPathComponent().deletingLastPathComponent()
        let findings = root.appending(path: ".build/fuzz/\(target.rawValue)/findings")
        try FileManager.default.createDirectory(at: findings, withIntermediateDirectories: true)
        let finding = findings.appending(path: "replay-\(name)")
        try Data(bytes(of: name)).write(to: finding)
        return finding.path
    }

    func remove() {
        // What stays lies among temporary files.
        try? FileManager.default.removeItem(at: directory)
    }

    private static func unpack(_ archive: URL, into folder: URL) throws {
        guard FileManager.default.isReadableFile(atPath: archive.path) else {
            throw Failure(description: "\(archive.path) is not there")
        }
        let tar = Process()
        tar.executableURL = URL(filePath: "/usr/bin/env")
        tar.arguments = ["tar", "-xzf", archive.path, "-C", folder.path]
        try tar.run()
        tar.waitUntilExit()
        guard tar.terminationReason == .exit, tar.terminationStatus == 0 else {
            throw Failure(description: "tar cannot unpack \(archive.path): status \(tar.terminationStatus)")
        }
    }

    private func copyFindings(of target: FuzzTarget) throws {
        let findings = Self.sources.appending(path: "findings/\(target.rawValue)")
        guard FileManager.default.fileExists(atPath: findings.path) else { return }
        for name in try FileManager.default.contentsOfDirectory(atPath: findings.path) {
            try FileManager.default.copyItem(
                at: findings.appending(path: name), to: folder.appending(path: name))
        }
    }
}
