import Codecs
import WebSocketProtocol

extension Inflater {
    /// Inflates what a server sends.
    var inflateMessage: InflateMessage {
        { [self] compressed, bytesMax throws(InflateFailure) in
            do throws(InflateError) {
                return try inflate(compressed.span, bytesMax: bytesMax)
            } catch {
                switch error {
                case .outputTooLarge: throw .outputTooLarge
                case .corrupt, .truncated: throw .corrupt
                }
            }
        }
    }
}

extension MessageDecoder {
    /// The decoder of a connection that nothing has come on yet, as the handshake agreed.
    init(clientWith limits: WebSocketLimits, _ compression: PermessageDeflate.Agreement?) {
        self.init(
            role: .client, limits: limits,
            inflater: compression.map { Inflater(keepsContext: $0.serverKeepsContext).inflateMessage })
    }
}
