#include "CCounters.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

// A body that hangs is given up.
enum { INSTRUCTIONS_MAX = 100 * 1000 * 1000 };

int64_t counters_instructions(void (*body)(void *context), void *context) {
    pid_t child = fork();
    if (child < 0) return -errno;
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(1);
        raise(SIGSTOP);
        body(context);
        _exit(0);
    }
    int64_t count = 0;
    int status = 0;
    int signal = 0;
    if (waitpid(child, &status, 0) < 0) return -errno;
    while (WIFSTOPPED(status)) {
        if (count == INSTRUCTIONS_MAX || ptrace(PTRACE_SINGLESTEP, child, NULL, signal) != 0) {
            int error = count == INSTRUCTIONS_MAX ? ETIMEDOUT : errno;
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return -error;
        }
        count += 1;
        if (waitpid(child, &status, 0) < 0) return -errno;
        // Anything but the stop behind an instruction is the child's own, and is passed on.
        signal = WIFSTOPPED(status) && WSTOPSIG(status) != SIGTRAP ? WSTOPSIG(status) : 0;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? count : -EPERM;
}
