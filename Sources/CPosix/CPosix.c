#define _GNU_SOURCE
#include "CPosix.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int tocsin_accept4(int listener, struct sockaddr *address, unsigned int *length) {
    return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int tocsin_pipe2(int descriptors[2]) { return pipe2(descriptors, O_CLOEXEC); }

int tocsin_open_read(const char *path) { return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); }

size_t tocsin_heap_bytes(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

void tocsin_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

int tocsin_lock_file(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return -1;
    if (flock(file, LOCK_EX | LOCK_NB) == 0) return file;
    int code = errno;
    close(file);
    errno = code;
    return -1;
}

// Runs in the child: only async-signal-safe calls (fork(2)).
static void run_child(const char *path, char *const arguments[], char *const environment[], int end_signal,
                      int inherited, pid_t parent, int report) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, end_signal);
    // Ctrl-C in a terminal is for the parent, which ends its children in order.
    setpgid(0, 0);
    if (inherited >= 0) fcntl(inherited, F_SETFD, 0);
    int empty = open("/dev/null", O_RDONLY);
    if (empty >= 0) dup2(empty, STDIN_FILENO);
    // The parent may have ended before the signal was asked for.
    if (getppid() == parent) execve(path, arguments, environment);
    int code = errno;
    ssize_t written = write(report, &code, sizeof code);
    (void)written;
    _exit(127);
}

int tocsin_spawn(const char *path, char *const arguments[], char *const environment[], int end_signal, int inherited) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return -1;
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) run_child(path, arguments, environment, end_signal, inherited, parent, report[1]);
    int code = child < 0 ? errno : 0;
    close(report[1]);
    // The pipe closes when the program runs; before that it carries the error that kept it from running.
    if (child > 0 && read(report[0], &code, sizeof code) > 0) {
        waitpid(child, NULL, 0);
        child = -1;
    }
    close(report[0]);
    if (child < 0) errno = code;
    return child;
}
