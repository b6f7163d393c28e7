import Codecs

/// The scripts the log is kept with. Keys go in KEYS, all in one hash slot; data goes in ARGV only.
enum LogScript: Int, CaseIterable, Sendable {
    case publish, maintain, fork, missing, resume, newest, range, find, counts, claim, rehearsal

    var source: String {
        switch self {
        case .publish: RightsFunction.publishing + PublishScript.source
        case .maintain: RightsFunction.whole + MaintainScript.source
        case .fork: RightsFunction.whole + ForkScript.source
        case .missing: MissingScript.source
        case .resume: ResumeScript.source
        case .newest: NewestScript.source
        case .range: RangeScript.source
        case .find: FindScript.source
        case .counts: CountsScript.source
        case .claim: ClaimScript.source
        case .rehearsal: RehearsalScript.source
        }
    }

    /// By what name Redis keeps the script, as EVALSHA takes it.
    var digest: [UInt8] { Self.digests[rawValue] }

    private static let digests = allCases.map { digest(of: $0.source) }

    static func digest(of source: String) -> [UInt8] {
        SHA1.hash(Array(source.utf8)).flatMap { byte in
            [byte >> 4, byte & 15].map { $0 < 10 ? UInt8(ascii: "0") + $0 : UInt8(ascii: "a") - 10 + $0 }
        }
    }
}
