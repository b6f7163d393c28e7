"""A private Redis and replicas of the release binary, on free loopback ports."""

import contextlib
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request

from processes import Ports, Process, wait_until

REDIS_SETTINGS = {
    "bind": "127.0.0.1",
    "save": "",
    "appendonly": "no",
    "appendfsync": "everysec",
    # A rewrite in the background would be counted as somebody's cost.
    "auto-aof-rewrite-percentage": "0",
    "maxclients": "10000",
    "tcp-backlog": "4096",
    "loglevel": "warning",
}

# The load comes from one address and all at once, which a deployment has no reason to allow.
REPLICA_SETTINGS = {
    "host": "127.0.0.1",
    "log-level": "warning",
    "connections-per-address-max": "20000",
    "streams-per-second-max": "20000",
    "requests-per-connection-max": "1000000000",
    "drain-seconds": "1",
}

ports = Ports()


class Deployment:
    """`replicas` processes on one Redis; `settings` of theirs by the name of the flag. With `tls` they speak TLS only.

    Usable in a `with` statement, at whose end everything is stopped and removed."""

    def __init__(self, binary, replicas=1, settings=None, redis=None, tls=False):
        self._stack = contextlib.ExitStack()
        self.replicas = []
        try:
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-performance-"))
            self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.certificate = make_certificate(self.folder) if tls else None
            self._start_redis(REDIS_SETTINGS | (redis or {}))
            settings = REPLICA_SETTINGS | (settings or {})
            if tls:
                settings |= {"tls-certificate": self.certificate, "tls-key": self.folder / "key.pem"}
            self.urls = []
            for number in range(1, replicas + 1):
                self._start_replica(binary, number, settings)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _start(self, command, log):
        process = Process([str(word) for word in command], self.folder / log)
        self._stack.callback(process.end)
        return process

    def _start_redis(self, settings):
        port = ports.take()
        command = ["redis-server", "--port", port, "--dir", self.folder]
        for name, value in settings.items():
            command += [f"--{name}", value]
        self.redis = self._start(command, "redis.log")
        self.redis_address = ("127.0.0.1", port)
        wait_until(lambda: self._redis_says("PING") == "+PONG", "Redis", self.redis)

    def _start_replica(self, binary, number, settings):
        port = ports.take()
        host, redis_port = self.redis_address
        command = [binary, "serve", "--port", port, "--redis-url", f"redis://{host}:{redis_port}/0"]
        command += ["--replica-name", f"replica-{number}"]
        for name, value in settings.items():
            command += [f"--{name}", value]
        replica = self._start(command, f"replica-{number}.log")
        self.replicas.append(replica)
        scheme = "https" if self.certificate else "http"
        self.urls.append(f"{scheme}://127.0.0.1:{port}")
        wait_until(lambda: self._answers(self.urls[-1] + "/ready"), f"replica {number}", replica)

    def _answers(self, url):
        try:
            self.get(url)
        except (OSError, urllib.error.URLError):
            return False
        return True

    def get(self, url):
        context = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        with urllib.request.urlopen(url, timeout=5, context=context) as answer:
            return answer.read()

    def _redis_says(self, command):
        """The first line of the answer, or of the bulk string that the answer is, up to 64 KiB."""
        try:
            with socket.create_connection(self.redis_address, 2) as connection:
                connection.sendall(command.encode() + b"\r\n")
                return connection.recv(65_536).decode().rstrip("\r\n")
        except OSError:
            return ""

    def redis_connections(self):
        """Connections to Redis, without the one that asks."""
        for line in self._redis_says("INFO clients").splitlines():
            if line.startswith("connected_clients:"):
                return int(line.partition(":")[2]) - 1
        raise RuntimeError("Redis does not tell its clients")

    def frame_bytes(self):
        """Bytes of the WebSocket frame that carries the newest threat to a client without a filter."""
        newest = self.get(self.urls[0] + "/api/threats?limit=1")
        threat = newest.strip()[1:-1]
        cursor = json.loads(threat)["cursor"]
        text = len(f'{{"type":"new_threat","cursor":"{cursor}","data":}}') + len(threat)
        return text + (2 if text < 126 else 4 if text < 65_536 else 10)

    def check(self):
        """Fails if a process of the deployment has ended."""
        for process in [self.redis, *self.replicas]:
            if not process.is_running:
                raise RuntimeError(f"a server ended: {process.last_words()}")


def make_certificate(folder):
    """A certificate for 127.0.0.1 that signs itself; returns its path. Its key lies beside it."""
    certificate = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return certificate
