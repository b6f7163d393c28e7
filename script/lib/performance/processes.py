"""Processes that end with this one, and what the kernel says of them."""

import ctypes
import os
import re
import signal
import socket
import subprocess
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
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
    """CPU time of all threads: the scheduler's count in nanoseconds, or ticks of 10 ms where it keeps none."""
    nanoseconds = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                nanoseconds += int(file.read().split()[0])
        except FileNotFoundError:
            pass
    if nanoseconds:
        return nanoseconds / 1e9
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def rss_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"^Rss:\s+(\d+)", file.read(), re.MULTILINE).group(1)) * 1024


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
