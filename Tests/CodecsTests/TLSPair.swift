import Codecs
import Corpora
import TestSupport

extension TLSCertificate {
    init(_ certificate: TestCertificate) {
        self.init(chainPath: certificate.chainPath, keyPath: certificate.keyPath)
    }
}

/// How ciphertext is cut on its way.
enum Carriage: CustomStringConvertible, Sendable {
    case whole
    case bytes
    /// Splits that a seed sets; a seed has any number of them.
    case random(seed: UInt64, number: UInt64 = 0)

    var description: String {
        switch self {
        case .whole: "whole"
        case .bytes: "byte by byte"
        case .random(let seed, let number): "random splits \(number), seed \(seed)"
        }
    }

    static func all() -> [Carriage] {
        [.whole, .bytes] + (0..<3).map { .random(seed: TestSeed.value, number: $0) }
    }
}

/// What one side has come to.
struct TLSEndState {
    var received: [UInt8] = []
    var hasEnded = false
    var error: TLSError?
}

/// A client and a server joined in memory.
final class TLSPair {
    let client: TLSSession
    let server: TLSSession
    private(set) var clientState = TLSEndState()
    private(set) var serverState = TLSEndState()
    private let carriage: Carriage
    private var random: SplitMix

    init(
        _ client: TLSContext, _ server: TLSContext, serverName: String? = "localhost", carriage: Carriage = .whole,
        resuming resumption: TLSResumption? = nil
    ) throws {
        self.client = try TLSSession(client, serverName: serverName, resuming: resumption)
        self.server = try TLSSession(server)
        self.carriage = carriage
        random =
            if case .random(let seed, let number) = carriage { SplitMix(seed: seed &+ number) } else {
                SplitMix(seed: 0)
            }
        try self.client.start()
        exchange()
    }

    var isEstablished: Bool { client.isEstablished && server.isEstablished && !hasFailed }
    var hasFailed: Bool { clientState.error != nil || serverState.error != nil }

    /// Carries ciphertext both ways until neither side has more to say.
    func exchange() {
        while client.unsentCount + server.unsentCount > 0 {
            Self.carry(from: client, to: server, &serverState, nextCount)
            Self.carry(from: server, to: client, &clientState, nextCount)
        }
    }

    func sendFromClient(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try client.encrypt($0) }
        exchange()
    }

    func sendFromServer(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try server.encrypt($0) }
        exchange()
    }

    private func nextCount(_ available: Int) -> Int {
        switch carriage {
        case .whole: available
        case .bytes: 1
        case .random: Int.random(in: 1...min(available, 3_000), using: &random)
        }
    }

    private static func carry(
        from source: TLSSession, to target: TLSSession, _ state: inout TLSEndState, _ nextCount: (Int) -> Int
    ) {
        while source.unsentCount > 0 {
            let piece = source.withUnsent { Array($0.prefix(nextCount($0.count))) }
            source.sent(piece.count)
            if state.error == nil { deliver(piece, to: target, &state) }
        }
    }

    /// Gives a session some bytes, as a socket would.
    static func deliver(_ bytes: [UInt8], to session: TLSSession, _ state: inout TLSEndState) {
        let room = bytes.count + TLSSession.recordBytesMax
        withUnsafeTemporaryAllocation(byteCount: room, alignment: 16) { plaintext in
            bytes.withUnsafeBytes { input in
                do throws(TLSError) {
                    let decrypted = try session.decrypt(input, into: plaintext)
                    state.received += plaintext[..<decrypted.byteCount]
                    state.hasEnded = state.hasEnded || decrypted.isEnd
                } catch {
                    state.error = error
                }
            }
        }
    }
}
