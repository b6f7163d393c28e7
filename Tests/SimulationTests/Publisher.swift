import RedisLog
import ThreatFeed

/// Publishes threats one after another, and each again with the same id until it is acknowledged.
final class Publisher {
    let index: Int
    private(set) var isPending = false
    private unowned let world: World
    private var publishedCount = 0
    private var attempt = 0

    init(index: Int, world: World) {
        self.index = index
        self.world = world
    }

    func start() {
        world.time.after(world.delay(milliseconds: world.profile.publishPause)) { [weak self] in
            guard let self, world.isPublishing else { return }
            let records = (0...world.pick(4)).map { _ -> ThreatRecord in
                publishedCount += 1
                return world.record("p\(index)-\(publishedCount)")
            }
            isPending = true
            send(world.chance(60) ? [records[0]] : records)
        }
    }

    private func send(_ records: [ThreatRecord]) {
        attempt += 1
        let number = attempt
        let retry = { [weak self] in
            guard let self, attempt == number else { return }
            attempt += 1
            world.time.after(world.delay(milliseconds: 50...1_000)) { [weak self] in self?.send(records) }
        }
        // An answer that takes longer is not waited for; what became of the request is unknown.
        world.time.after(world.delay(milliseconds: 1_500...5_000)) { retry() }
        guard let process = world.randomProcess() else { return retry() }
        let loop = process.loops[world.pick(process.loops.count)]
        world.time.after(world.networkDelay()) { [weak self] in
            process.gate.whenRunning { [weak self] in
                loop.log.publish(records) { outcomes in
                    self?.world.time.after(self?.world.networkDelay() ?? 0) {
                        self?.answered(records, outcomes, number, retry)
                    }
                }
            }
        }
    }

    private func answered(
        _ records: [ThreatRecord], _ outcomes: [PublishOutcome]?, _ number: Int, _ retry: () -> Void
    ) {
        guard attempt == number else { return }
        // The answer is lost now and then.
        guard let outcomes, !world.chance(world.profile.answerLossPercent) else { return retry() }
        attempt += 1
        for (record, outcome) in zip(records, outcomes) {
            switch outcome {
            case .accepted: break
            case .replayed(let entry):
                if entry.record.id != record.id { world.fail("\(record.id) was answered with \(entry.record.id)") }
            case .conflict(let cursor): world.fail("\(record.id) conflicts with itself at \(cursor)")
            }
            world.oracle.acknowledged(record.id)
        }
        isPending = false
        start()
    }
}
