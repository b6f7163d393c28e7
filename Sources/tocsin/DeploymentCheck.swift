import PosixIO
import ThreatFeed
import TocsinClient

/// Looks, before a proof begins, whether the URLs are ready replicas of one deployment that can be proved without harm.
///
/// Nothing is posted to the log of threats, whatever the answers are.
struct DeploymentCheck {
    let urls: [ServerURL]
    /// How long a replica may take to open the log for proofs.
    let patience: Duration
    let interruption: Interruption

    /// - Throws: `UsageError` for URLs that do not fit together or replicas that have no log for proofs; `ClientError`
    ///   when one cannot be reached or is not ready.
    func run() throws {
        for url in urls {
            let answer = try HTTPClient(url).get("/ready")
            guard answer.status == 200 else { throw ClientError.unreachable("\(url) is not ready (\(answer.status))") }
        }
        for url in urls { try openProofLog(url) }
        try compareLogs()
    }

    /// A replica that does not know the query would take what is posted for threats. One that does says so.
    private func openProofLog(_ url: ServerURL) throws {
        let answer = try get(url, "/api/analytics")
        guard answer.json?["log"]?.stringValue == DeploymentLog.proof.queryItem?.value else {
            throw UsageError("--url: \(url) knows no log for proofs, as older versions do not; nothing was posted")
        }
    }

    /// Posts a marker to the log for proofs of the first replica, which all others must have then.
    private func compareLogs() throws {
        guard let first = urls.first, urls.count > 1 else { return }
        let id = "\(Proof.newPrefix())-marker"
        let publisher = ThreatPublisher([first], log: .proof)
        do throws(PublishError) {
            _ = try publisher.publish(SampleTraffic.threat(id: id, number: 0))
        } catch {
            throw TriggerCommand.failure(error)
        }
        for url in urls.dropFirst() {
            switch try get(url, "/api/threats/\(id)").status {
            case 200: break
            case 404: throw UsageError("--url: \(url) is no replica of the deployment that \(first) belongs to")
            case let status: throw ClientError.unreachable("\(url) cannot read the log for proofs (\(status))")
            }
        }
    }

    /// Asks until the answer is not a 503 any more: the log is opened by the first request for it.
    private func get(_ url: ServerURL, _ path: String) throws -> HTTPAnswer {
        let client = HTTPClient(url)
        let deadline = MonotonicTime.now + patience
        while true {
            let answer = try client.get(DeploymentLog.proof.target(path))
            guard answer.status == 503 else { return answer }
            guard MonotonicTime.now < deadline, !interruption.isEnded else {
                let detail = answer.json?["detail"]?.stringValue ?? "503"
                throw ClientError.unreachable("\(url) does not serve the log for proofs: \(detail)")
            }
            interruption.wait(atMost: .milliseconds(100))
        }
    }
}
