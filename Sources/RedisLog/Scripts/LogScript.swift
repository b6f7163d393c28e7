/// The scripts the log is kept with. Keys go in KEYS, all in one hash slot; data goes in ARGV only.
enum LogScript: Int, CaseIterable, Sendable {
    case publish, maintain, fork, missing, resume, newest, find, counts

    var source: String {
        switch self {
        case .publish: PublishScript.source
        case .maintain: MaintainScript.source
        case .fork: ForkScript.source
        case .missing: MissingScript.source
        case .resume: ResumeScript.source
        case .newest: NewestScript.source
        case .find: FindScript.source
        case .counts: CountsScript.source
        }
    }
}
