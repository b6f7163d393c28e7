import Glibc
import TocsinClient

/// A small library in C that stands before the system's own in a process (LD_PRELOAD, ld.so(8)).
struct PreloadedLibrary {
    let path: String

    /// Compiles it, unless that was done in this directory before.
    /// - Throws: `ClientError.childFailed` with what the compiler says.
    init(_ name: String, in directory: String, source: String) throws(ClientError) {
        path = "\(directory)/\(name).so"
        guard access(path, R_OK) != 0 else { return }
        let sourcePath = "\(directory)/\(name).c"
        guard let file = fopen(sourcePath, "w") else { throw .childFailed("\(sourcePath): cannot be written") }
        fputs(source, file)
        fclose(file)
        // The compiler of the Swift toolchain.
        let compiler = try LocalProcess(
            "clang", ["-O1", "-shared", "-fPIC", "-o", path, sourcePath, "-ldl"], outputPath: "\(directory)/clang.log")
        guard compiler.waitForEnd(atMost: .seconds(60)) == .exited(code: 0) else {
            throw .childFailed("clang, of the Swift toolchain: \(compiler.outputTail)")
        }
    }
}
