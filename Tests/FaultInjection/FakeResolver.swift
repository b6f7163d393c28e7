import Glibc
public import TocsinClient

/// The host names of processes, each with addresses of a test's choosing, changed while they run. Names that were never
/// set are looked up as ever.
///
/// A preloaded library answers getaddrinfo(3) from a file that it reads at each call.
public final class FakeResolver: Sendable {
    private let namesPath: String
    private let libraryPath: String

    /// - Parameter directory: Where the library and the names are kept.
    public init(directory: String) throws(ClientError) {
        namesPath = "\(directory)/names"
        libraryPath = try PreloadedLibrary("names", in: directory, source: Self.source).path
        try write([:])
    }

    /// What a process must be started with.
    public var environment: [String] { ["LD_PRELOAD=\(libraryPath)", "NAMES_FILE=\(namesPath)"] }

    /// What a look-up of a name gives.
    public struct Answer: Sendable {
        /// In the order they are given; none: the name server does not answer (EAI_AGAIN).
        public var addresses: [String]
        /// How long it takes.
        public var seconds: Int

        public init(_ addresses: [String], afterSeconds seconds: Int = 0) {
            self.addresses = addresses
            self.seconds = seconds
        }

        /// A name server that says nothing, for as long as a resolver waits by default or longer (resolv.conf(5)).
        public static let silence = Answer([], afterSeconds: 15)
    }

    /// Sets all names at once, in place of those before; a look-up under way keeps the answer that it began with.
    public func write(_ names: [String: Answer]) throws(ClientError) {
        var text = ""
        for (name, answer) in names {
            text += "\(name) \(answer.seconds) \(answer.addresses.joined(separator: " "))\n"
        }
        // In one step: a process reads the names of before or those of now.
        let next = "\(namesPath).next"
        guard let file = fopen(next, "w") else { throw .childFailed("\(next): cannot be written") }
        fputs(text, file)
        fclose(file)
        guard rename(next, namesPath) == 0 else { throw .childFailed("\(namesPath): cannot be written") }
    }

    private static let source = #"""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <netdb.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>

        typedef int (*lookup)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

        static int listed(char *words, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
            lookup real = (lookup)dlsym(RTLD_NEXT, "getaddrinfo");
            struct addrinfo **end = list;
            char *rest = NULL;
            unsigned seconds = atoi(strtok_r(words, " \n", &rest));
            *list = NULL;
            if (seconds) sleep(seconds);
            for (char *address; (address = strtok_r(NULL, " \n", &rest));) {
                int status = real(address, service, hints, end);
                if (status) return status;
                /* freeaddrinfo(3) walks a list of single pieces, whoever put it together. */
                while (*end) end = &(*end)->ai_next;
            }
            return *list ? 0 : EAI_AGAIN;
        }

        int getaddrinfo(
            const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
            const char *path = getenv("NAMES_FILE");
            FILE *file = node && path ? fopen(path, "re") : NULL;
            char line[512];
            size_t length = node ? strlen(node) : 0;
            while (file && fgets(line, sizeof line, file)) {
                if (strncmp(line, node, length) == 0 && line[length] == ' ') {
                    fclose(file);
                    return listed(line + length, service, hints, list);
                }
            }
            if (file) fclose(file);
            return ((lookup)dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, hints, list);
        }
        """#
}
