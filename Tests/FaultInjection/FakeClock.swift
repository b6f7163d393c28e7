import Glibc
public import TocsinClient

/// The wall clock of processes, moved while they run. The monotonic clock stays true.
///
/// A preloaded library adds an offset that it reads from a shared file.
public final class FakeClock: Sendable {
    private let offsetPath: String
    private let libraryPath: String

    /// - Parameters:
    ///   - directory: Where the library and the offset are kept.
    ///   - name: Distinguishes the clocks of one directory.
    public init(directory: String, name: String) throws(ClientError) {
        offsetPath = "\(directory)/\(name).offset"
        libraryPath = try PreloadedLibrary("clock-offset", in: directory, source: Self.source).path
        try set(offsetSeconds: 0)
    }

    /// What a process must be started with.
    public var environment: [String] { ["LD_PRELOAD=\(libraryPath)", "CLOCK_OFFSET_FILE=\(offsetPath)"] }

    /// Moves the clock to so many seconds from the true time.
    public func set(offsetSeconds: Int) throws(ClientError) {
        let file = open(offsetPath, O_WRONLY | O_CREAT, 0o600)
        guard file >= 0 else { throw .childFailed("\(offsetPath): \(String(cString: strerror(errno)))") }
        var offset = Int64(offsetSeconds)
        // In one call and in place: the processes have the file in their memory.
        let count = pwrite(file, &offset, 8, 0)
        _ = close(file)
        guard count == 8 else { throw .childFailed("\(offsetPath): not written") }
    }

    private static let source = #"""
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static volatile int64_t *offset;

        __attribute__((constructor)) static void begin(void) {
            const char *path = getenv("CLOCK_OFFSET_FILE");
            int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
            void *memory = file < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
            if (file >= 0) close(file);
            if (memory == MAP_FAILED) abort();
            offset = memory;
        }

        int clock_gettime(clockid_t clock, struct timespec *now) {
            int status = syscall(SYS_clock_gettime, clock, now);
            int is_wall_clock = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
            if (status == 0 && is_wall_clock && offset) now->tv_sec += *offset;
            return status;
        }

        int gettimeofday(struct timeval *now, void *zone) {
            (void)zone;
            struct timespec precise;
            int status = clock_gettime(CLOCK_REALTIME, &precise);
            now->tv_sec = precise.tv_sec;
            now->tv_usec = precise.tv_nsec / 1000;
            return status;
        }

        time_t time(time_t *seconds) {
            struct timespec precise;
            clock_gettime(CLOCK_REALTIME, &precise);
            if (seconds) *seconds = precise.tv_sec;
            return precise.tv_sec;
        }
        """#
}
