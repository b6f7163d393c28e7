import PosixIO

/// The connections of one loop, at addresses that do not change while they live.
///
/// Slots are used again; the generation in a token tells a slot's former holder from the present one.
struct ConnectionSlab: ~Copyable {
    /// Large enough to be mapped by itself: pages of slots that nobody has had yet are not resident.
    private static let chunkSlots = 1_024

    // SAFETY: chunks are allocated once and freed in deinit; a slot is initialised exactly while its generation is odd.
    private var chunks: [UnsafeMutablePointer<Connection>] = []
    private var generations: [UInt32] = []
    private var free: [UInt32] = []
    private(set) var count = 0

    deinit {
        for slot in generations.indices where generations[slot] % 2 == 1 {
            (chunks[slot / Self.chunkSlots] + slot % Self.chunkSlots).deinitialize(count: 1)
        }
        for chunk in chunks { chunk.deallocate() }
    }

    /// Slots ever used; `connection(inSlot:)` tells which of them are taken.
    var slotCount: Int { generations.count }

    /// Puts a connection into a free slot; `make` gets the token that will find it.
    mutating func insert(_ make: (PollToken) -> Connection) -> UnsafeMutablePointer<Connection> {
        let slot = takeSlot()
        generations[slot] &+= 1
        count += 1
        let pointer = chunks[slot / Self.chunkSlots] + slot % Self.chunkSlots
        pointer.initialize(to: make(PollToken(slot: UInt32(slot), generation: generations[slot])))
        return pointer
    }

    /// - Returns: `nil` for a token whose connection is gone. Valid until `remove` of the same token.
    func find(_ token: PollToken) -> UnsafeMutablePointer<Connection>? {
        let slot = Int(token.slot)
        guard slot < generations.count, generations[slot] == token.generation else { return nil }
        return chunks[slot / Self.chunkSlots] + slot % Self.chunkSlots
    }

    func connection(inSlot slot: Int) -> UnsafeMutablePointer<Connection>? {
        guard generations[slot] % 2 == 1 else { return nil }
        return chunks[slot / Self.chunkSlots] + slot % Self.chunkSlots
    }

    /// Ends a connection: its socket closes and its token finds nothing any more.
    mutating func remove(_ token: PollToken) {
        guard let pointer = find(token) else { preconditionFailure("a connection is removed once") }
        generations[Int(token.slot)] &+= 1
        pointer.deinitialize(count: 1)
        free.append(token.slot)
        count -= 1
    }

    private mutating func takeSlot() -> Int {
        if let slot = free.popLast() { return Int(slot) }
        let slot = generations.count
        if slot == chunks.count * Self.chunkSlots { chunks.append(.allocate(capacity: Self.chunkSlots)) }
        generations.append(0)
        return slot
    }
}
