/// Something that is counted: one threat, one frame, one request.
package struct Workload {
    /// Also its name in `Thresholds/counts.json`.
    package let name: String
    /// Leads to the state that `body` starts from, not counted.
    package let prepare: () -> Void
    package let body: () -> Void

    init(name: String, prepare: @escaping () -> Void = {}, body: @escaping () -> Void) {
        self.name = name
        self.prepare = prepare
        self.body = body
    }

    package static var all: [Workload] { ThreatWorkloads.all + WireWorkloads.all + DeliveryWorkloads.all }
}

/// Takes a result, so that the optimiser does not leave out what leads to it.
@inline(never)
@_optimize(none)
func blackHole(_ result: some Any) {}
