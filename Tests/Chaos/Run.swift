import FaultInjection
import Glibc
import PosixIO
import ThreatFeed
import TocsinClient

/// One run: load, faults, and what came of it.
struct Run {
    let launcher: String
    let directory: String
    let seconds: Int
    let seed: UInt64

    private static let publishers = 12
    private static let rate = 100.0
    /// How long everything may take to arrive once all faults are gone.
    static let patience = Duration.seconds(120)

    /// With an odd seed an acknowledgement waits for the Redis replica: then nothing at all may be lost.
    var minReplicas: Int { Int(seed % 2) }

    /// - Throws: `ClientError` when the processes cannot be started, or do not come back.
    func perform() throws(ClientError) -> Outcome {
        let world = try World(launcher: launcher, directory: directory, minReplicas: minReplicas)
        let incidents = Incidents(path: "\(directory)/events.log")
        let redisWatch = try RedisWatch(world.redis, minReplicas: minReplicas)
        let memoryWatch = try MemoryWatch(world.replicas)
        var fleets = [try startFleet(world, residents: 3, wanderers: 6)]
        let pool = try startPool(world)
        let flag = StopFlag()
        let lanes = try startLanes(world, incidents, flag)

        // Clients that join in the middle are owed only what follows.
        for _ in 0..<2 {
            Pause.sleep(.seconds(seconds) / 3)
            fleets.append(try startFleet(world, residents: 0, wanderers: 2))
        }
        Pause.sleep(.seconds(seconds) / 3)
        flag.set()
        for lane in lanes { lane.join() }
        incidents.trace("all faults are gone")

        let last = try conclude(world, pool, incidents)
        let published = pool.finish()
        for fleet in fleets where !Self.wait(fleet, for: last.cursor, Self.patience) {
            incidents.find("not every client has the last entry, \(last.cursor): \(Self.positions(fleet))")
        }
        let records = fleets.flatMap { $0.allRecords() }
        let usable = redisWatch.stop()
        let lives = memoryWatch.stop()
        for fleet in fleets { fleet.stop() }
        withExtendedLifetime(world) {}
        return Outcome(
            run: self, incidents: incidents.all, earlyFindings: incidents.findings, published: published,
            records: records, usable: usable, lives: lives)
    }

    private func startFleet(_ world: World, residents: Int, wanderers: Int) throws(ClientError) -> FeedFleet {
        let urls = world.urls
        let options = (0..<(residents + wanderers)).map { index in
            FeedClientOptions(
                urls: Array(urls[(index % urls.count)...] + urls[..<(index % urls.count)]),
                reconnectPeriod: index < residents ? nil : .seconds(2),
                backoff: Backoff(first: .milliseconds(50), longest: .seconds(1)),
                isDeflated: !index.isMultiple(of: 2))
        }
        do throws(SystemError) {
            return try FeedFleet(options)
        } catch {
            throw .childFailed(error.description)
        }
    }

    private func startPool(_ world: World) throws(ClientError) -> PublisherPool {
        let options = PublisherPool.Options(
            urls: world.urls, publishers: Self.publishers, rate: Self.rate, idPrefix: "chaos",
            limits: ThreatPublisher.Limits(attemptsMax: 100_000, period: Self.patience))
        do throws(SystemError) {
            return try PublisherPool(options)
        } catch {
            throw .childFailed(error.description)
        }
    }

    private func startLanes(
        _ world: World, _ incidents: Incidents, _ flag: StopFlag
    ) throws(ClientError) -> [Thread] {
        let turnstile = minReplicas > 0 ? nil : Turnstile()
        var threads: [Thread] = []
        for lane in FaultKind.Lane.allCases {
            let faults = FaultLane(
                lane: lane, seed: seed, world: world, incidents: incidents, isStopping: flag, turnstile: turnstile)
            do throws(SystemError) {
                threads.append(try Thread.start(name: "lane-\(lane)") { faults.run() })
            } catch {
                throw .childFailed(error.description)
            }
        }
        return threads
    }

    /// Waits until everything works, ends the load and posts the entry that everybody must reach.
    private func conclude(
        _ world: World, _ pool: PublisherPool, _ incidents: Incidents
    ) throws(ClientError) -> Acknowledgement {
        if !Pause.wait(atMost: Self.patience, every: .milliseconds(200), for: { world.redis.isSettled }) {
            incidents.find("Redis has not settled at the end")
        }
        for replica in world.replicas {
            do throws(ClientError) {
                try replica.waitUntilReady(atMost: Self.patience)
            } catch {
                incidents.find("\(replica.name) has not recovered: \(error)")
            }
        }
        let before = pool.acknowledgedCount
        if !Pause.wait(atMost: Self.patience, for: { pool.acknowledgedCount >= before + 50 }) {
            incidents.find("threats are not acknowledged at the end")
        }
        pool.stop()
        // Publishers finish what they are at, which may take a retry or two.
        _ = Pause.wait(atMost: Self.patience) { pool.isDone }
        let publisher = ThreatPublisher(world.urls)
        do throws(PublishError) {
            return try publisher.publish(SampleTraffic.threat(id: "last-of-all", number: 0))
        } catch {
            throw .childFailed("the last threat is not accepted: \(error)")
        }
    }

    private static func wait(_ fleet: FeedFleet, for cursor: Cursor, _ limit: Duration) -> Bool {
        fleet.wait(until: .now + limit) { $0.allSatisfy { record in record.cursor.map { $0 >= cursor } ?? false } }
    }

    private static func positions(_ fleet: FeedFleet) -> String {
        fleet.inspect { records in
            records.map { "\($0.cursor.map { "\($0)" } ?? "-")\($0.isConnected ? "" : " (away)")" }
                .joined(separator: ", ")
        }
    }
}
