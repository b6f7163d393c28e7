import PosixIO
import Synchronization
import TocsinClient

/// Samples each second how much memory the replicas have resident (proc(5), statm).
final class MemoryWatch: Sendable {
    /// One process from its start to its end.
    struct Life: Sendable {
        let name: String
        let pid: Int32
        var kibibytes: [Int] = []
    }

    private let lives = Mutex<[Life]>([])
    private let isStopping = StopFlag()
    private let thread: Mutex<Thread?>

    init(_ replicas: [LocalReplica]) throws(ClientError) {
        thread = Mutex(nil)
        do throws(SystemError) {
            let started = try Thread.start(name: "memory-watch") { [self] in
                while isStopping.sleep(.seconds(1)) {
                    for replica in replicas { sample(replica) }
                }
            }
            thread.withLock { $0 = started }
        } catch {
            throw .childFailed(error.description)
        }
    }

    func stop() -> [Life] {
        isStopping.set()
        let running = thread.withLock { thread in
            let running = thread
            thread = nil
            return running
        }
        running?.join()
        return lives.withLock { $0 }
    }

    private func sample(_ replica: LocalReplica) {
        let pid = replica.child.pid
        guard let text = FileDescriptor.contents(ofFile: "/proc/\(pid)/statm") else { return }
        let words = String(decoding: text, as: UTF8.self).split(separator: " ")
        guard words.count > 1, let pages = Int(words[1]), pages > 0 else { return }
        let kibibytes = pages * SystemFigures.pageBytes / 1_024
        lives.withLock { lives in
            if let index = lives.lastIndex(where: { $0.pid == pid && $0.name == replica.name }) {
                lives[index].kibibytes.append(kibibytes)
            } else {
                lives.append(Life(name: replica.name, pid: pid, kibibytes: [kibibytes]))
            }
        }
    }
}

extension MemoryWatch.Life {
    /// The ring is full and every table has its size: what comes after counts.
    static let warmUpSeconds = 120
    private static let window = 20
    /// Less shows what an allocator does, not what a replica keeps: growth is then told and not judged.
    private static let judgedSeconds = 600

    var isLong: Bool { kibibytes.count >= Self.judgedSeconds }

    /// From the end of the warm-up to the end, medians of twenty seconds each; `nil` for a life too short for that.
    var growthKibibytes: Int? {
        guard kibibytes.count >= Self.warmUpSeconds + 3 * Self.window else { return nil }
        let early = kibibytes[Self.warmUpSeconds..<(Self.warmUpSeconds + Self.window)].sorted()
        let late = kibibytes.suffix(Self.window).sorted()
        return late[Self.window / 2] - early[Self.window / 2]
    }
}
