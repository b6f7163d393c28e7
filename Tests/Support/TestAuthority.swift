import Glibc
import PosixIO
import Synchronization
import TocsinClient

/// A certificate and its key, as paths of PEM files.
public struct TestCertificate: Hashable, Sendable {
    public let chainPath: String
    public let keyPath: String
}

/// An authority of a test's own, made with the `openssl` command in a directory that goes away when the process ends.
/// What it issues is valid for less than 366 days, as a real one's would be.
public final class TestAuthority: Sendable {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    public enum Key: String, CaseIterable, Sendable {
        case p256 = "ec"
        case rsa2048 = "rsa:2048"

        fileprivate var arguments: [String] {
            ["-newkey", rawValue] + (self == .p256 ? ["-pkeyopt", "ec_paramgen_curve:P-256"] : [])
        }
    }

    /// Names and addresses of this machine, for a certificate that a test's server needs.
    public static let localNames = "DNS:localhost,IP:127.0.0.1,IP:::1"

    /// The authority's own certificate.
    public let certificatePath: String
    public let directory: String
    private let keyPath: String
    private let fileCount = Mutex(0)

    // Owner: whoever makes an authority, then the end of the process. Nothing is called while it is held.
    private static let directories = Mutex<[TemporaryDirectory]>([])

    /// - Throws: `Failure` when there is no `openssl` command.
    public init(_ name: String = "Test authority") throws {
        let folder = try TemporaryDirectory()
        directory = folder.path
        certificatePath = "\(directory)/authority.pem"
        keyPath = "\(directory)/authority.key"
        Self.removeAtExit(folder)
        try run(
            ["req", "-x509", "-noenc", "-days", "30", "-subj", "/CN=\(name)", "-keyout", keyPath]
                + ["-out", certificatePath, "-addext", "keyUsage=critical,keyCertSign,cRLSign"] + Key.p256.arguments)
    }

    /// Issues a certificate.
    /// - Parameters:
    ///   - subject: Its common name.
    ///   - names: Whom it is for, as OpenSSL writes a `subjectAltName`; empty for a client's.
    ///   - days: How long it is valid; a negative number makes one that has expired.
    public func issue(
        _ subject: String = "localhost", names: String = TestAuthority.localNames, key: Key = .p256, days: Int = 30
    ) throws -> TestCertificate {
        let certificate = newPaths()
        let request = newFile("csr")
        try run(
            ["req", "-new", "-noenc", "-subj", "/CN=\(subject)", "-keyout", certificate.keyPath, "-out", request]
                + ["-addext", "basicConstraints=critical,CA:FALSE"]
                + (names.isEmpty ? [] : ["-addext", "subjectAltName=\(names)"]) + key.arguments)
        try run([
            "x509", "-req", "-in", request, "-CA", certificatePath, "-CAkey", keyPath, "-days", String(days),
            "-copy_extensions", "copy", "-out", certificate.chainPath,
        ])
        return certificate
    }

    /// Makes a certificate that no authority has signed.
    public func selfSigned(key: Key = .p256) throws -> TestCertificate {
        let certificate = newPaths()
        try run(
            ["req", "-x509", "-noenc", "-days", "30", "-subj", "/CN=localhost", "-keyout", certificate.keyPath]
                + ["-out", certificate.chainPath, "-addext", "subjectAltName=\(Self.localNames)"] + key.arguments)
        return certificate
    }

    /// Copies a certificate with its key put under a passphrase.
    public func encrypted(_ certificate: TestCertificate) throws -> TestCertificate {
        let key = newFile("key")
        try run(["pkey", "-in", certificate.keyPath, "-aes256", "-passout", "pass:secret", "-out", key])
        return TestCertificate(chainPath: certificate.chainPath, keyPath: key)
    }

    /// The path of a new file with the content given.
    public func file(_ content: String, extension suffix: String = "pem") throws -> String {
        let path = newFile(suffix)
        try Self.write(Array(content.utf8), to: path)
        return path
    }

    /// Puts a certificate and its key in the place of another, as a renewal does.
    public func replace(_ old: TestCertificate, with new: TestCertificate) throws {
        for (source, target) in [(new.chainPath, old.chainPath), (new.keyPath, old.keyPath)] {
            guard let content = FileDescriptor.contents(ofFile: source) else {
                throw Failure(description: "\(source) cannot be read")
            }
            try Self.write(content, to: target)
        }
    }

    public static func write(_ content: [UInt8], to path: String) throws {
        guard let file = fopen(path, "w") else { throw Failure(description: "\(path) cannot be written") }
        let count = fwrite(content, 1, content.count, file)
        guard fclose(file) == 0, count == content.count else { throw Failure(description: "\(path) is not whole") }
    }

    private func newPaths() -> TestCertificate {
        TestCertificate(chainPath: newFile("pem"), keyPath: newFile("key"))
    }

    private func newFile(_ suffix: String) -> String {
        fileCount.withLock { count in
            count += 1
            return "\(directory)/\(count).\(suffix)"
        }
    }

    private static func removeAtExit(_ directory: TemporaryDirectory) {
        let isFirst = directories.withLock { directories in
            directories.append(directory)
            return directories.count == 1
        }
        guard isFirst else { return }
        atexit {
            TestAuthority.directories.withLock { $0.removeAll() }
        }
    }

    private func run(_ arguments: [String]) throws {
        guard let openssl = ChildProcess.find("openssl"), let shell = ChildProcess.find("sh") else {
            throw Failure(description: "the openssl command is not installed: apt-get install openssl")
        }
        let log = newFile("log")
        // openssl talks while it works; what it says is of interest only when it fails.
        let child = try ChildProcess.start(
            shell, ["-c", #"log=$1; shift; exec "$@" >"$log" 2>&1 </dev/null"#, "sh", log, openssl] + arguments)
        var state = child.poll()
        while state == .running {
            usleep(1_000)
            state = child.poll()
        }
        guard state == .exited(status: 0) else {
            let said = FileDescriptor.contents(ofFile: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
            throw Failure(description: "openssl \(arguments.joined(separator: " ")): \(said)")
        }
    }
}
