import ClusterSupport
import Glibc
import PosixIO
import TocsinClient

/// nginx and HAProxy as their packages install them, each set to pass on as much as it can, with short deadlines.
final class ProxyFront {
    let name: String
    let url: ServerURL
    private let process: LocalProcess
    private let logPath: String
    private let parse: (Substring) -> ProxyLogLine?

    /// What the proxy says it has forwarded, and what it says came back.
    var log: [ProxyLogLine] {
        let bytes = FileDescriptor.contents(ofFile: logPath, bytesMax: 64 << 20) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap(parse)
    }

    private init(
        _ name: String, port: UInt16, _ process: LocalProcess, logPath: String,
        parse: @escaping (Substring) -> ProxyLogLine?
    ) {
        self.name = name
        url = ServerURL(host: "127.0.0.1", port: port)
        self.process = process
        self.logPath = logPath
        self.parse = parse
    }

    /// - Parameters:
    ///   - buffers: Whether it takes content whole before it forwards a request; else the replica's deadline for content
    ///     comes before its own.
    ///   - client: The variable that names the client: its port, or what a proxy in front says.
    static func nginx(
        _ name: String, before port: UInt16, in directory: String, buffers: Bool, client: String = "$remote_port"
    ) throws -> ProxyFront {
        let own = try FreePort.find()
        let folder = "\(directory)/\(name)"
        try makeDirectory(folder)
        let logPath = "\(folder)/access.log"
        let configuration = """
            daemon off;
            master_process off;
            pid \(folder)/pid;
            error_log \(folder)/error.log;
            events { worker_connections 4096; }
            http {
                client_body_temp_path \(folder)/body;
                proxy_temp_path \(folder)/proxy;
                fastcgi_temp_path \(folder)/fastcgi;
                uwsgi_temp_path \(folder)/uwsgi;
                scgi_temp_path \(folder)/scgi;
                log_format forwarded 'request \(client) $upstream_status $request_method $request_uri';
                access_log \(logPath) forwarded;
                client_header_timeout 1s;
                client_body_timeout \(buffers ? 1 : 10)s;
                keepalive_timeout 1s;
                lingering_timeout 1s;
                large_client_header_buffers 8 128k;
                ignore_invalid_headers off;
                underscores_in_headers on;
                merge_slashes off;
                upstream replica { server 127.0.0.1:\(port); keepalive 16; }
                server {
                    listen 127.0.0.1:\(own);
                    location / {
                        proxy_pass http://replica;
                        proxy_http_version 1.1;
                        proxy_request_buffering \(buffers ? "on" : "off");
                        proxy_set_header Connection "";
                        proxy_set_header Host $http_host;
                        proxy_set_header X-Port \(client);
                    }
                }
            }

            """
        let path = "\(folder)/nginx.conf"
        try write(configuration, to: path)
        let process = try start("nginx", ["-e", "\(folder)/error.log", "-p", folder, "-c", path], folder)
        let front = ProxyFront(name, port: own, process, logPath: logPath) { line in
            let words = line.split(separator: " ", maxSplits: 4)
            guard words.count == 5, words[0] == "request", let port = UInt16(words[1]) else { return nil }
            // What is missing in front of the query in the log is there in what nginx forwards.
            let target = words[4].hasPrefix("?") ? "/" + words[4] : words[4]
            return ProxyLogLine(
                clientPort: port, line: RequestText("\(words[3]) \(target)", escape: "\\x"), status: Int(words[2]))
        }
        try front.waitUntilReady()
        return front
    }

    static func haproxy(_ name: String, before port: UInt16, in directory: String) throws -> ProxyFront {
        let own = try FreePort.find()
        let folder = "\(directory)/\(name)"
        try makeDirectory(folder)
        // One thread: of two, one gives a line of the log up when the other is kept from finishing its own.
        let configuration = """
            global
                nbthread 1
                log stdout len 65535 format raw local0
                tune.http.logurilen 131072
                maxconn 2000
                tune.bufsize 262144
                tune.http.maxhdr 2000
            defaults
                mode http
                log global
                log-format "request %cp %s %tsc %ST %HM %HU"
                timeout connect 5s
                timeout client 1s
                timeout server 20s
                timeout http-request 1s
                timeout http-keep-alive 1s
                timeout client-fin 1s
            frontend front
                bind 127.0.0.1:\(own)
                option accept-invalid-http-request
                http-request set-header X-Port %[src_port]
                default_backend replica
            backend replica
                http-reuse always
                server replica 127.0.0.1:\(port)

            """
        let path = "\(folder)/haproxy.cfg"
        try write(configuration, to: path)
        let process = try start("haproxy", ["-db", "-f", path], folder)
        let front = ProxyFront(name, port: own, process, logPath: process.outputPath) { line in
            let words = line.split(separator: " ", maxSplits: 5)
            guard words.count == 6, words[0] == "request", let port = UInt16(words[1]), words[2] == "replica",
                let status = Int(words[4])
            else { return nil }
            // "C" and "c": the client broke off or was too slow, so the status is not the replica's.
            let isCut = ["C", "c"].contains(words[3].prefix(1))
            return ProxyLogLine(
                clientPort: port, line: RequestText(words[5], escape: "#"), status: isCut ? nil : status)
        }
        try front.waitUntilReady()
        return front
    }

    func stop() {
        process.killAndWait()
    }

    /// Waits until it listens.
    private func waitUntilReady() throws {
        let client = HTTPClient(url, deadline: .seconds(2))
        let isReady = Harness.wait(atMost: .seconds(10)) {
            (try? client.get("/health", headers: [("X-Port", "1")]).status) == 200
        }
        guard isReady else { throw HarnessError("\(name) does not serve: \(process.outputTail)") }
    }

    static func start(_ program: String, _ arguments: [String], _ folder: String) throws -> LocalProcess {
        guard let path = ChildProcess.find(program) else {
            throw HarnessError("\(program) is not installed: apt-get install nginx haproxy")
        }
        return try LocalProcess(path, arguments, outputPath: "\(folder)/output")
    }

    static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else { throw HarnessError("\(path) cannot be written") }
        defer { fclose(file) }
        guard fputs(text, file) >= 0 else { throw HarnessError("\(path) cannot be written") }
    }
}

/// One request as a proxy logged it.
struct ProxyLogLine {
    let clientPort: UInt16
    let line: RequestText
    /// What the proxy got from behind; `nil` when it got nothing, or gave the exchange up before.
    let status: Int?
}

/// Method and target of a request as far as every log has them: the first thousand characters, and a dot for each that
/// one of them escapes.
struct RequestText: Hashable, CustomStringConvertible {
    let description: String

    /// - Parameters:
    ///   - text: As it stands in a log.
    ///   - escape: What the log writes in front of two hexadecimal digits.
    init(_ text: some StringProtocol, escape: String) {
        var octets: [UInt8] = []
        var rest = String(text).utf8.prefix(4000)
        while let first = rest.first, octets.count < 1000 {
            let isEscaped = rest.starts(with: escape.utf8)
            octets.append(isEscaped ? 0x2E : first)
            rest = rest.dropFirst(isEscaped ? escape.utf8.count + 2 : 1)
        }
        self.init(forwarded: octets)
    }

    /// - Parameter bytes: As they were forwarded.
    init(forwarded bytes: some Sequence<UInt8>) {
        let octets = bytes.prefix(1000).map { byte in
            byte < 0x20 || byte > 0x7E || [0x22, 0x23, 0x5C].contains(byte) ? 0x2E : byte
        }
        description = String(decoding: octets, as: UTF8.self)
    }
}
