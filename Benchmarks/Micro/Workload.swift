/// Something that is counted: one threat, one frame, one request.
struct Workload {
    /// Also the name of its file in `Thresholds/`.
    let name: String
    /// Leads to the state that `body` starts from, not counted.
    var prepare: () -> Void = {}
    let body: () -> Void
}
