/// What goes wrong, and how it is put right again.
final class Faults {
    private enum Fault: CaseIterable {
        case cutCommands, hangCommands, cutSubscription, deafenSubscription, partition
        case crashReplica, stopReplica, stepClock
        case wander, stallDashboard
        case restartServer, emptyServer, stopServer, flushServer, failOver, restoreBackup
    }

    private unowned let world: World
    private var partitionedUntil: [Int: Int] = [:]
    private var isServerBusy = false
    private var oldMaster: (server: ModelServer, epoch: Int, until: Int)?
    private var isOver = false
    private let menu: [Fault]

    init(world: World) {
        self.world = world
        let clients: [Fault] = [.wander, .wander, .stallDashboard, .stallDashboard]
        let network: [Fault] = [
            .cutCommands, .hangCommands, .cutSubscription, .deafenSubscription, .partition, .stopReplica, .stepClock,
        ]
        menu =
            switch world.profile.kind {
            case .network: clients + network + [.crashReplica, .stopServer]
            // A replica that was not there when the server before served cannot know that all is there.
            case .durableRestarts: clients + network + [.stopServer, .restartServer, .restartServer]
            case .restores:
                clients + network + [.crashReplica, .crashReplica, .restartServer, .restoreBackup, .restoreBackup]
            case .losses:
                clients + network + [.crashReplica, .stopServer]
                    + [.restartServer, .restartServer, .restartServer, .emptyServer, .flushServer]
            case .failovers: clients + network + [.crashReplica, .failOver, .failOver, .failOver]
            case .trimming: clients + clients + network + [.crashReplica]
            case .everything: Fault.allCases.filter { $0 != .restoreBackup }
            }
    }

    func isPartitioned(_ replica: Int) -> Bool { world.time.now < partitionedUntil[replica, default: 0] }

    /// Whom a Sentinel that has not heard the news still names.
    func staleMaster() -> (server: ModelServer, epoch: Int)? {
        guard let oldMaster, world.time.now < oldMaster.until, world.chance(30) else { return nil }
        return (oldMaster.server, oldMaster.epoch)
    }

    func schedule() {
        world.time.after(world.delay(milliseconds: world.profile.faultPause)) { [weak self] in
            guard let self, !isOver else { return }
            inject(menu[world.pick(menu.count)])
            schedule()
        }
    }

    /// Nothing goes wrong any more; what is still wrong is put right.
    func heal() {
        isOver = true
        partitionedUntil = [:]
        world.trace("peace")
        for index in world.processes.indices {
            if let process = world.processes[index] { process.gate.unpause() } else { world.startReplica(index) }
        }
    }

    private func inject(_ fault: Fault) {
        world.trace("fault: \(fault)")
        switch fault {
        case .cutCommands: link()?.cut()
        case .hangCommands: link()?.isHalfOpen = true
        case .cutSubscription: world.randomProcess()?.subscription.cut()
        case .deafenSubscription: world.randomProcess()?.subscription.isDetached = true
        case .partition: partition()
        case .crashReplica: crashReplica()
        case .stopReplica: stopReplica()
        case .stepClock:
            // A running process goes by the clock it began with.
            let index = world.pick(world.processes.count)
            world.clockErrors[index] = world.chance(50) ? 86_400_000 : -86_400_000
        case .wander: dashboard()?.wander(awayMilliseconds: world.chance(50) ? 1...20 : 200...3_000)
        case .stallDashboard: dashboard()?.stall(milliseconds: 50 + world.pick(2_000))
        case .restartServer where world.profile.kind == .durableRestarts && !everybodyIsThere: break
        case .restartServer: restartServer(with: .whatItKept)
        case .emptyServer: restartServer(with: .nothing)
        case .restoreBackup: restartServer(with: everybodyKnowsTheHead ? .backup : .whatItKept)
        case .stopServer: stopServer()
        case .flushServer:
            guard !isServerBusy else { return }
            world.master.flushAll()
            world.oracle.reconsider("FLUSHALL")
        case .failOver: failOver()
        }
    }

    private func link() -> CommandLink? {
        guard let process = world.randomProcess() else { return nil }
        let links = [process.client.link] + process.loops.map(\.log.link)
        return links[world.pick(links.count)]
    }

    private func dashboard() -> Dashboard? {
        world.dashboards[world.pick(world.dashboards.count)]
    }
}

// MARK: - Replicas

extension Faults {
    private func partition() {
        guard let process = world.randomProcess() else { return }
        partitionedUntil[process.gate.index] = world.time.now + world.delay(milliseconds: 200...3_000)
        process.subscription.cut()
        process.client.link.cut()
        for loop in process.loops { loop.log.link.cut() }
    }

    private func crashReplica() {
        let index = world.pick(world.processes.count)
        guard let process = world.processes[index] else { return }
        process.end()
        world.processes[index] = nil
        world.oracle.reconsider("replica \(index) is gone")
        world.time.after(world.delay(milliseconds: 50...1_500)) { [weak self] in
            guard let self, world.processes[index] == nil else { return }
            world.trace("replica \(index) starts")
            world.startReplica(index)
        }
    }

    private func stopReplica() {
        guard let process = world.randomProcess(), !process.gate.isPaused else { return }
        process.gate.pause()
        world.time.after(world.delay(milliseconds: 100...4_000)) {
            if process.gate.isPaused { process.gate.unpause() }
        }
    }
}

// MARK: - Redis

extension Faults {
    private func cutLinks(to server: ModelServer) {
        for case .some(let process) in world.processes {
            if process.subscription.server === server { process.subscription.cut() }
            if process.client.link.server === server { process.client.link.cut() }
            for loop in process.loops where loop.log.link.server === server { loop.log.link.cut() }
        }
    }

    /// Every client of the log is connected and has heard of it.
    private var everybodyIsThere: Bool {
        world.processes.allSatisfy { process in
            guard let process else { return false }
            let clients = [process.client] + process.loops.map(\.log)
            return clients.allSatisfy { $0.link.server != nil && $0.hasSeenLog }
        }
    }

    /// A replica that was cut off for a while, and knows less than the copy that is put back, would take it for whole.
    private var everybodyKnowsTheHead: Bool {
        let head = world.master.log.head
        return world.processes.allSatisfy { process in
            guard let process else { return true }
            return process.client.knownHead == head && process.loops.allSatisfy { $0.log.knownHead == head }
        }
    }

    private func restartServer(with data: ModelServer.Remains) {
        guard !isServerBusy else { return }
        isServerBusy = true
        let server = world.master
        server.crash()
        cutLinks(to: server)
        world.time.after(world.delay(milliseconds: 10...1_000)) { [weak self] in
            guard let self else { return }
            server.restart(with: data)
            world.oracle.reconsider("Redis is back")
            isServerBusy = false
        }
    }

    private func stopServer() {
        guard !isServerBusy else { return }
        isServerBusy = true
        let server = world.master
        server.pause()
        world.time.after(world.delay(milliseconds: 50...5_000)) { [weak self] in
            server.unpause()
            self?.isServerBusy = false
        }
    }

    /// Another server takes over. The old one is dead, stands still, or serves on, cut off from the others, until it is
    /// told that it no longer is the master.
    private func failOver() {
        guard !isServerBusy, world.servers.count > 1 else { return }
        let old = world.master
        let others = world.servers.filter { $0 !== old }
        isServerBusy = true
        let new = others[world.pick(others.count)]
        old.isolate()
        switch world.pick(3) {
        case 0:
            world.trace("server \(old.index) dies")
            old.crash()
            cutLinks(to: old)
        case 1:
            world.trace("server \(old.index) stands still")
            old.pause()
        default: world.trace("server \(old.index) is cut off")
        }
        world.time.after(world.delay(milliseconds: 300...1_500)) { [weak self] in
            guard let self else { return }
            new.promote()
            oldMaster = (old, world.masterEpoch, world.time.now + 1_500_000)
            world.replaceMaster(by: new)
            for other in world.servers where other !== new && other !== old { other.follow(new) }
            world.oracle.reconsider("server \(new.index) takes over")
            comeBack(old, behind: new)
        }
    }

    private func comeBack(_ old: ModelServer, behind new: ModelServer) {
        world.time.after(world.delay(milliseconds: 10...1_000)) { [weak self] in
            guard let self else { return }
            if !old.isRunning { old.restart() }
            old.unpause()
            // For a while it takes itself for the master still.
            world.time.after(world.delay(milliseconds: 1...1_000)) { [weak self] in
                guard let self else { return }
                old.follow(new)
                if world.chance(70) { cutLinks(to: old) }
                isServerBusy = false
            }
        }
    }
}
