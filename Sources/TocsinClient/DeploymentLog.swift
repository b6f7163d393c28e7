/// Which of a deployment's logs a client reads and publishes to.
public enum DeploymentLog: Hashable, Sendable {
    /// The one every dashboard shows.
    case threats
    /// The one for proofs: nobody sees it who does not ask for it.
    case proof

    /// What chooses it in a query; `nil` for the one that is meant without a word.
    public var queryItem: (name: String, value: String)? {
        switch self {
        case .threats: nil
        case .proof: ("log", "proof")
        }
    }

    /// A path of the product's that is to be about this log.
    /// - Parameter path: Without a query.
    public func target(_ path: String) -> String { path + PercentEncoding.query(queryItem.map { [$0] } ?? []) }
}
