"""redis-server, three `tocsin serve` replicas and HAProxy with the very compose/haproxy.cfg, on free ports
of the loopback address. Needs $TOCSIN_BIN; whatever is missing is an error, never a skipped test."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

from processes import reserve_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
HAPROXY_CONFIGURATION = ROOT / "compose" / "haproxy.cfg"
# Bounds of what hangs; nothing else is decided by them.
START_SECONDS = 90
STOP_SECONDS = 90
DRAIN_SECONDS = 4
POLL_SECONDS = 0.05

_pause = threading.Event()


def wait_until(condition, what, seconds=START_SECONDS):
    """Returns the first true value of `condition`; fails, saying `what` was waited for, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        _pause.wait(POLL_SECONDS)


def request(url, body=None, headers=None, seconds=30):
    """Status and text of one HTTP exchange; (0, reason) if there was no answer. A `body` is posted."""
    message = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(message, timeout=seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def executable(name, variable=None):
    path = os.environ.get(variable) if variable else shutil.which(name)
    if not path or not os.access(path, os.X_OK):
        raise RuntimeError(f"{variable} must name the {name} binary" if variable else f"{name} is not on PATH")
    return os.path.abspath(path)


def free_ports(count):
    return [reserve_port() for _ in range(count)]


class Child:
    """A process with its output in a file."""

    def __init__(self, name, folder, arguments, environment=None):
        self.name = name
        self.log = folder / f"{name}.log"
        self.arguments = [str(argument) for argument in arguments]
        self.environment = environment
        self.start()

    def start(self):
        inherited = {
            name: value for name, value in os.environ.items()
            if not name.startswith("TOCSIN_") and name != "REDIS_URL"
        }
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.arguments, env=inherited | (self.environment or {}), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT)

    def signal(self, number):
        self.process.send_signal(number)

    def expect_running(self):
        assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}:\n{self.tail()}"
        return True

    def wait(self, seconds=STOP_SECONDS):
        return self.process.wait(seconds)

    def stop(self):
        """Ends the process, by force if it does not go by itself. Returns whether it went by itself."""
        if self.process.poll() is not None:
            return True
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
            return True
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False

    def tail(self):
        return self.log.read_text(errors="replace")[-4000:]


class Topology:
    """Context manager; inside it everything is ready."""

    def __init__(self, folder):
        self.folder = folder
        self.children = []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind, error, trace):
        stubborn = self._stop()
        if kind is not None:
            for child in self.children:
                print(f"--- {child.name}\n{child.tail()}")
        else:
            assert not stubborn, f"did not end on SIGTERM: {stubborn}"

    def _start(self):
        tocsin = executable("tocsin", "TOCSIN_BIN")
        redis_port, self.port, self.statistics_port, *replica_ports = free_ports(6)
        data = self.folder / "redis"
        data.mkdir()
        self.redis = self._child(
            "redis", executable("redis-server"), "--bind", "127.0.0.1", "--port", redis_port, "--dir", data,
            "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction")
        wait_until(lambda: self.redis.expect_running() and _answers_ping(redis_port), "redis-server answers")

        self.replica_ports = {f"replica-{number}": port for number, port in enumerate(replica_ports, 1)}
        self.replicas = {
            name: self._child(name, tocsin, "serve", environment={
                "TOCSIN_HOST": "127.0.0.1",
                "TOCSIN_PORT": str(port),
                "TOCSIN_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
                "TOCSIN_REPLICA_NAME": name,
                "TOCSIN_EVENT_LOOPS": "2",
                "TOCSIN_DRAIN_SECONDS": str(DRAIN_SECONDS),
                "TOCSIN_DATA_DIR": str(self.folder / name),
            })
            for name, port in self.replica_ports.items()
        }
        for name in self.replicas:
            wait_until(lambda: self.replicas[name].expect_running() and self.replica_status(name) == 200, f"{name} ready")

        self.haproxy = self._child(
            "haproxy", executable("haproxy"), "-db", "-f", HAPROXY_CONFIGURATION, environment={
                "TOCSIN_BIND": f"127.0.0.1:{self.port}",
                "TOCSIN_STATS_BIND": f"127.0.0.1:{self.statistics_port}",
                **{f"TOCSIN_REPLICA_{name[-1]}": f"127.0.0.1:{port}" for name, port in self.replica_ports.items()},
            })
        wait_until(
            lambda: self.haproxy.expect_running() and all(self.is_up(name) for name in self.replicas),
            "HAProxy has all replicas up")

    def _child(self, name, *arguments, environment=None):
        child = Child(name, self.folder, arguments, environment)
        self.children.append(child)
        return child

    def _stop(self):
        """Ends all, the youngest first. Names those that had to be killed; HAProxy may be: it waits for the
        connections that are open."""
        stubborn = []
        for child in reversed(self.children):
            if child.name == "haproxy":
                child.process.kill()
                child.process.wait()
            elif not child.stop():
                stubborn.append(child.name)
        return stubborn

    @property
    def url(self):
        """What clients are given: HAProxy's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def feed_url(self):
        return f"ws://127.0.0.1:{self.port}/ws"

    def replica_status(self, name):
        return request(f"http://127.0.0.1:{self.replica_ports[name]}/ready")[0]

    def is_up(self, name):
        """Whether HAProxy gives the replica new connections."""
        status, table = request(f"http://127.0.0.1:{self.statistics_port}/;csv")
        lines = [line.split(",") for line in table.splitlines()] if status == 200 else []
        if not lines:
            return False
        column = lines[0].index("status")
        rows = [line for line in lines if line[:2] == ["replicas", name]]
        assert len(rows) == 1, f"haproxy.cfg has no server {name} in its backend replicas"
        return rows[0][column].startswith("UP")

    def post(self, identifier, **members):
        """Posts a threat through HAProxy; status and decoded body."""
        threat = {"id": identifier, "threat_type": "malware", "severity": "HIGH", **members}
        status, text = request(
            self.url + "/api/threats/trigger", json.dumps(threat).encode(), {"Content-Type": "application/json"})
        return status, json.loads(text) if status in (200, 201) else text

    def post_kept(self, identifier, **members):
        """Posts until the threat is acknowledged, as a publisher does: the id makes a retry harmless."""
        def attempt():
            status, body = self.post(identifier, **members)
            assert status in (0, 200, 201, 502, 503, 504), f"{identifier}: {status} {body}"
            return body if status in (200, 201) else None
        return wait_until(attempt, f"{identifier} acknowledged")


def _answers_ping(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
