import ClusterSupport
import HTTPProtocol
import TocsinClient

/// A request that a proxy has sent to the replica, as the product's own decoder reads it.
struct ForwardedRequest: CustomStringConvertible {
    /// Which client it came from; `nil` when the proxy did not say so, as it does for every request it knows of.
    let clientPort: UInt16?
    let line: RequestText
    /// What the replica answered; `nil` if nothing.
    let status: Int?

    var description: String { "\(line) \(status.map(String.init) ?? "-")" }

    static func all(in recordings: [ProxyRelay.Recording]) -> [ForwardedRequest] { recordings.flatMap(all) }

    private static func all(in recording: ProxyRelay.Recording) -> [ForwardedRequest] {
        var decoder = HTTPRequestDecoder { _ in 64 * 1024 }
        decoder.append(recording.requests.span)
        var requests: [(method: String, line: RequestText)] = []
        var rest = recording.requests.count
        do {
            while let event = try decoder.next() {
                guard case .request(let request) = event else { continue }
                let line = "\(request.method) \(request.rawTarget)"
                requests.append((request.method.rawValue, RequestText(forwarded: line.utf8)))
                rest = decoder.bufferedBytes
            }
            if !decoder.isIdle { requests.append(line(of: recording.requests.suffix(rest))) }
        } catch {
            requests.append(line(of: recording.requests.suffix(rest)))
        }
        let statuses = RawAnswers(
            reading: recording.answers, requests.map { HTTPMethod(rawValue: $0.method) }, isEnded: false
        ).statuses
        let ports = clientPorts(recording.requests)
        return (0..<max(requests.count, ports.count)).map { index in
            let isBoth = index < requests.count && index < ports.count
            return ForwardedRequest(
                clientPort: isBoth ? ports[index] : nil,
                line: index < requests.count ? requests[index].line : RequestText(forwarded: "(not seen)".utf8),
                status: index < statuses.count ? statuses[index] : nil)
        }
    }

    /// The line of a request that is refused, or not whole, without its version.
    private static func line(of bytes: ArraySlice<UInt8>) -> (method: String, line: RequestText) {
        let line = bytes.prefix { $0 != 0x0D && $0 != 0x0A }
        let method = String(decoding: line.prefix { $0 != 0x20 }, as: UTF8.self)
        let end = line.lastIndex(of: 0x20) ?? line.endIndex
        return (method, RequestText(forwarded: line[..<end]))
    }

    /// The values of `X-Port`, which the proxy puts into every request.
    private static func clientPorts(_ bytes: [UInt8]) -> [UInt16] {
        let name = Array("x-port: ".utf8)
        var ports: [UInt16] = []
        for (index, byte) in bytes.enumerated() where byte == 0x0A {
            let line = bytes[(index + 1)...]
            // A capital letter lacks this bit; hyphen, colon and space have it.
            guard line.prefix(name.count).elementsEqual(name, by: { $0 | 0x20 == $1 }) else { continue }
            let digits = line.dropFirst(name.count).prefix { (0x30...0x39).contains($0) }
            if let port = UInt16(String(decoding: digits, as: UTF8.self)) { ports.append(port) }
        }
        return ports
    }
}
