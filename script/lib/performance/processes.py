"""Processes that end with this one, and what the kernel says of them."""

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
END_SECONDS = 5

libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One program, in a session of its own: Ctrl-C reaches this one alone, which then ends all others."""

    def __init__(self, command, log):
        self.log = log
        with open(log, "wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self.pid = self._process.pid

    @property
    def is_running(self):
        return self._process.poll() is None

    def end(self):
        """Asks, then insists."""
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def last_words(self):
        with open(self.log, errors="replace") as log:
            return log.read()[-300:].strip() or "it said nothing"

    def cpu_seconds(self):
        return cpu_seconds(self.pid)

    def rss_bytes(self):
        return rss_bytes(self.pid)


def cpu_seconds(pid):
    """CPU time of all threads, those that have ended included, as the scheduler counts it: in nanoseconds, where
    /proc/PID/stat tells ticks of 10 ms."""
    clock = ctypes.c_int()
    error = libc.clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise OSError(error, os.strerror(error))
    return time.clock_gettime(clock.value)


def rss_bytes(pid):
    """Resident memory, counted page by page: exact, and slower the larger the process is."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"^Rss:\s+(\d+)", file.read(), re.MULTILINE).group(1)) * 1024


@contextlib.contextmanager
def halted(process):
    """Holds a child still, so that what is read meanwhile belongs to one moment, however long reading takes."""
    os.kill(process.pid, signal.SIGSTOP)
    # On a busy machine its threads stop late.
    state = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    if state.si_code != os.CLD_STOPPED:
        raise RuntimeError("the load ended before it could be looked at")
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def loopback_bytes():
    """Bytes that the loopback device has carried, headers included."""
    with open("/proc/net/dev") as file:
        for line in file:
            name, _, figures = line.partition(":")
            if name.strip() == "lo":
                return int(figures.split()[8])
    raise OSError("there is no loopback device")


class Ports:
    """Free loopback ports below the range that outgoing connections take theirs from."""

    LOWEST, HIGHEST = 18_000, 30_000

    def __init__(self):
        self._next = self.LOWEST + os.getpid() * 16 % (self.HIGHEST - self.LOWEST)

    def take(self):
        for _ in range(self.HIGHEST - self.LOWEST):
            port = self._next
            self._next = self.LOWEST + (port + 1 - self.LOWEST) % (self.HIGHEST - self.LOWEST)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            return port
        raise OSError("no loopback port is free")


def wait_until(condition, what, process, seconds=20):
    """Waits for a condition while the process runs; else says why it cannot come true any more."""
    deadline = time.monotonic() + seconds
    while not condition():
        if not process.is_running:
            raise RuntimeError(f"{what}: the process ended: {process.last_words()}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {seconds} s: {process.last_words()}")
        time.sleep(0.02)
