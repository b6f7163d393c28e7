import Synchronization

/// What the links of a process share to find their server: what Sentinels said about the master, and look-ups of names.
public final class LinkDirectory: Sendable {
    // Owner: whichever link or watch has news. Nothing is called while it is held.
    private let view: Mutex<MasterView>
    let lookups: NameLookups

    /// - Parameter endpoint: The one of all these links.
    public init(_ endpoint: RedisEndpoint, lookups: NameLookups = NameLookups()) {
        view = Mutex(MasterView(hosts: endpoint.sentinelHosts.count))
        self.lookups = lookups
    }

    /// Whether a Sentinel has ever named the master.
    public var knowsMaster: Bool { masters.master != nil }

    /// Look-ups of names that are under way.
    public var lookupsUnderWay: Int { lookups.underWay }

    /// What is known of the master.
    var masters: MasterView { view.withLock { $0 } }

    func withMasters<Result: Sendable>(_ body: (inout MasterView) -> Result) -> Result {
        view.withLock { body(&$0) }
    }
}
