/// What lets events into one process: they wait while it is stopped (SIGSTOP), and are lost when it is gone.
final class ProcessGate {
    /// Of the replica the process belongs to.
    let index: Int
    private(set) var isAlive = true
    private(set) var isPaused = false

    private unowned let world: World
    private let clockErrorMilliseconds: Int64
    private var waiting: [() -> Void] = []

    /// - Parameter clockErrorMilliseconds: How far the wall clock is off.
    init(index: Int, clockErrorMilliseconds: Int64, world: World) {
        self.index = index
        self.clockErrorMilliseconds = clockErrorMilliseconds
        self.world = world
    }

    var unixMilliseconds: Int64 { world.unixMilliseconds + clockErrorMilliseconds }
    /// Retention by age: entries received before this go (Unix ms).
    var oldest: Int64 { unixMilliseconds - 7 * 86_400_000 }

    func whenRunning(_ action: @escaping () -> Void) {
        guard isAlive else { return }
        if isPaused { waiting.append(action) } else { action() }
    }

    func pause() {
        isPaused = isAlive
    }

    func unpause() {
        isPaused = false
        let served = waiting
        waiting = []
        for action in served { action() }
    }

    func end() {
        isAlive = false
        isPaused = false
        waiting = []
    }
}
