import HTTPProtocol
import PosixIO
import RedisLog

/// What all event loops of a replica share. Immutable, or safe to use from any thread.
final class ReplicaShared: Sendable {
    let configuration: ReplicaConfiguration
    /// What its connections are served.
    let site: any Site
    let endpoint: RedisEndpoint
    /// What all links to Redis know of where it is.
    let directory: LinkDirectory
    /// `nil` when connections are not encrypted.
    let certificates: CertificateStore?
    let logger: OperatorLog
    let status = ReplicaStatus()
    let admission = Admission()
    let buffers: BufferBudget
    /// Event loops whose thread has not ended.
    let runningLoops = Counter()
    /// Event loops; the first one follows the logs for all.
    let loops: [LoopHandle]
    /// Which log of threats the replica follows, whichever loop was told.
    private let membership: LogMembership
    /// Use of the proof log.
    let proof = OnDemandUse()
    let decoderConfiguration: HTTPRequestDecoder.Configuration
    let started = MonotonicTime.now
    let startedUnixMilliseconds = unixMilliseconds()
    /// For retention by age: a wall clock that is set must not cost threats.
    let steadyClock = SteadyClock()

    init(
        _ configuration: ReplicaConfiguration, site: any Site = ThreatSite(), endpoint: RedisEndpoint,
        certificates: CertificateStore? = nil, logger: OperatorLog, loops: [LoopHandle]
    ) {
        self.configuration = configuration
        self.site = site
        self.endpoint = endpoint
        membership = Self.membership(configuration, endpoint)
        directory = LinkDirectory(
            endpoint, lookups: NameLookups(underWayMax: configuration.limits.nameLookupsMax))
        self.certificates = certificates
        self.logger = logger
        buffers = BufferBudget(bytesMax: configuration.limits.bufferedBytesMax)
        self.loops = loops
        decoderConfiguration = HTTPRequestDecoder.Configuration(
            limits: HTTPLimits(configuration.limits), bodyBytesMax: { Self.bodyBytesMax(of: $0, configuration.limits) })
    }

    var limits: Limits { configuration.limits }

    var linkLimits: LinkLimits { LinkLimits(lookupTimeout: limits.nameLookupDeadline) }

    private static func membership(
        _ configuration: ReplicaConfiguration, _ endpoint: RedisEndpoint
    ) -> LogMembership {
        // A Redis of its own leads to nobody else's log.
        LogMembership(deployment: endpoint.isPrivate ? "" : configuration.deployment)
    }

    /// What clients of a log know of it together. A log that is only leased begins anew when it was not used for a while.
    func membership(of served: ServedLog) -> LogMembership {
        switch served {
        case .threats: membership
        case .proof: Self.membership(configuration, endpoint)
        }
    }

    /// How large the body of a request may be, known from its head.
    private static func bodyBytesMax(of request: HTTPRequest, _ limits: Limits) -> Int {
        if request.hasPath("/api/threats/trigger") { return limits.threatBytesMax }
        return Endpoint(path: request.path)?.bodyBytesMax(limits) ?? limits.threatBytesMax
    }

    func metricsPage(now: MonotonicTime) -> String {
        MetricsPage(self, now: now).text
    }
}

extension HTTPLimits {
    init(_ limits: Limits) {
        self.init()
        targetBytesMax = limits.targetBytesMax
        headerBytesMax = limits.headerBytesMax
        fieldCountMax = limits.headerFieldsMax
    }
}
