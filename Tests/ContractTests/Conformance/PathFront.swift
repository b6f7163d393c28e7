import ClusterSupport
import PosixIO
import TocsinClient

/// A proxy that serves a replica under a path, as docs/operations.md has it: it takes the path away, says which it was,
/// and leads who forgot the final slash to it.
final class PathFront {
    /// With the path.
    let url: ServerURL
    private let process: LocalProcess

    private init(_ url: ServerURL, _ process: LocalProcess) throws {
        self.url = url
        self.process = process
        let client = HTTPClient(url, deadline: .seconds(2))
        guard Harness.wait(for: { (try? client.get("/health").status) == 200 }) else {
            throw HarnessError("\(url) does not serve: \(process.outputTail)")
        }
    }

    deinit {
        process.killAndWait()
    }

    /// - Parameter path: Without a final slash.
    static func nginx(_ path: String, before port: UInt16, in directory: String) throws -> PathFront {
        let own = try FreePort.find()
        let folder = "\(directory)/nginx"
        try makeDirectory(folder)
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder)/\($0);" }
        let configuration = """
            daemon off;
            master_process off;
            pid \(folder)/pid;
            error_log \(folder)/error.log;
            events { worker_connections 256; }
            http {
                \(temporary.joined(separator: "\n    "))
                access_log off;
                map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
                server {
                    listen 127.0.0.1:\(own);
                    location \(path)/ {
                        proxy_pass http://127.0.0.1:\(port)/;
                        proxy_http_version 1.1;
                        proxy_buffering off;
                        proxy_set_header Upgrade $http_upgrade;
                        proxy_set_header Connection $connection_upgrade;
                        proxy_set_header Host $http_host;
                        proxy_set_header X-Forwarded-Prefix \(path);
                    }
                }
            }

            """
        let file = "\(folder)/nginx.conf"
        try ProxyFront.write(configuration, to: file)
        let process = try ProxyFront.start("nginx", ["-e", "\(folder)/error.log", "-p", folder, "-c", file], folder)
        return try PathFront(ServerURL(host: "127.0.0.1", port: own, basePath: path), process)
    }

    /// - Parameter path: Without a final slash.
    static func haproxy(_ path: String, before port: UInt16, in directory: String) throws -> PathFront {
        let own = try FreePort.find()
        let folder = "\(directory)/haproxy"
        try makeDirectory(folder)
        let configuration = """
            defaults
                mode http
                timeout connect 5s
                timeout client 60s
                timeout server 60s
                timeout tunnel 60s
            frontend front
                bind 127.0.0.1:\(own)
                http-request redirect code 308 location \(path)/ if { path \(path) }
                use_backend replica if { path_beg \(path)/ }
            backend replica
                http-request set-header X-Forwarded-Prefix \(path)
                http-request replace-path \(path)(/.*) \\1
                server replica 127.0.0.1:\(port)

            """
        let file = "\(folder)/haproxy.cfg"
        try ProxyFront.write(configuration, to: file)
        let process = try ProxyFront.start("haproxy", ["-db", "-f", file], folder)
        return try PathFront(ServerURL(host: "127.0.0.1", port: own, basePath: path), process)
    }
}
