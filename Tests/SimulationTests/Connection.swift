/// A TCP connection between a loop and a dashboard: bytes in order, a bounded number at a time, until it is cut.
final class Connection {
    /// Bytes for the dashboard, and whether the server has closed behind them.
    var onBytes: (([UInt8]) -> Void)?
    var onEnd: (() -> Void)?
    /// Room for more, at the server.
    var onWritable: (() -> Void)?
    /// The server hears of the end.
    var onHangup: (() -> Void)?
    private(set) var isOpen = true
    /// It took less than it was given, and has had no room since.
    private(set) var isBlocked = false
    /// The dashboard reads nothing until then (virtual microseconds).
    var stalledUntil = 0

    private unowned let world: World
    private let gate: ProcessGate
    private let capacity: Int
    private var buffered: [UInt8] = []
    private var isReadDue = false
    private var endsAfterBytes = false

    init(world: World, gate: ProcessGate, capacity: Int) {
        self.world = world
        self.gate = gate
        self.capacity = capacity
    }

    /// - Returns: How many bytes were taken; fewer than given when the buffers on the way are full.
    func write(_ bytes: ArraySlice<UInt8>) -> Int {
        guard isOpen else { return bytes.count }
        let taken = min(bytes.count, capacity - buffered.count)
        buffered += bytes.prefix(taken)
        if taken < bytes.count { isBlocked = true }
        readLater()
        return taken
    }

    /// The server closes, gently: what it has written arrives.
    func close() {
        endsAfterBytes = true
        readLater()
    }

    /// The server's process is gone, and what it had written may arrive or not.
    func endByServer() {
        if world.chance(50) { buffered = [] }
        close()
    }

    /// The dashboard goes, or the network cuts the connection: what was on its way is lost.
    func cut() {
        guard isOpen else { return }
        let hangup = onHangup
        finish()
        world.time.after(world.networkDelay()) { [gate] in
            gate.whenRunning { hangup?() }
        }
    }

    private func readLater() {
        guard !isReadDue, isOpen else { return }
        isReadDue = true
        let wait = max(stalledUntil - world.time.now, world.networkDelay())
        world.time.after(wait) { [weak self] in self?.read() }
    }

    private func read() {
        isReadDue = false
        guard isOpen else { return }
        guard world.time.now >= stalledUntil else { return readLater() }
        let bytes = buffered
        buffered = []
        if !bytes.isEmpty { onBytes?(bytes) }
        if isBlocked, isOpen {
            isBlocked = false
            gate.whenRunning { [weak self] in self?.onWritable?() }
        }
        if isOpen, endsAfterBytes, buffered.isEmpty { finish() }
    }

    private func finish() {
        isOpen = false
        buffered = []
        onEnd?()
        onBytes = nil
        onEnd = nil
        onWritable = nil
        onHangup = nil
    }
}
