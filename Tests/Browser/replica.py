"""A real `tocsin serve` for browser tests, and the waiting for what it does."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from processes import keep_logs, reserve_port

# Bounds what hangs; nothing else is decided by it.
WAIT_SECONDS = 90


def required_executable(variable, *names):
    """The executable named by an environment variable, else the first of `names` on PATH."""
    named = os.environ.get(variable)
    if named:
        if not os.access(named, os.X_OK):
            raise RuntimeError(f"{variable}={named} is not an executable file")
        return os.path.abspath(named)
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise RuntimeError(f"set {variable}" + (f", or install one of: {', '.join(names)}" if names else ""))


def wait_until(condition, message, seconds=WAIT_SECONDS):
    """Polls until `condition()` is truthy and returns its value; fails with what it last saw."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {message() if callable(message) else message}")
        time.sleep(0.05)


class Replica:
    """One `tocsin serve` on a free port with its own data directory, which outlives a restart."""

    def __init__(self, secure=False, flags=()):
        self.binary = required_executable("TOCSIN_BIN")
        self.directory = tempfile.mkdtemp(prefix="tocsin-browser-")
        self.port = reserve_port()
        self.url = f"{'https' if secure else 'http'}://127.0.0.1:{self.port}"
        certificate = self.make_certificate() if secure else []
        self.flags = [*certificate, *flags]
        # The certificate is its own authority.
        self.context = ssl.create_default_context(cafile=certificate[1]) if secure else None
        self.process = None

    def make_certificate(self):
        certificate, key = os.path.join(self.directory, "certificate.pem"), os.path.join(self.directory, "key.pem")
        subprocess.run(
            [required_executable("OPENSSL", "openssl"), "req", "-x509", "-noenc", "-newkey", "ec",
             "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "30", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
            check=True, capture_output=True)
        return ["--tls-certificate", certificate, "--tls-key", key]

    def start(self):
        environment = {name: value for name, value in os.environ.items()
                       if name != "REDIS_URL" and not name.startswith("TOCSIN_")}
        # A browser keeps its connections: a replica that is stopped would wait for them.
        command = [self.binary, "serve", "--port", str(self.port), "--data-dir", os.path.join(self.directory, "data"),
                   "--drain-seconds", "2", *self.flags]
        with open(os.path.join(self.directory, "replica.log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        wait_until(self.is_ready, lambda: f"the replica becomes ready; its log:\n{self.log()}")

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"tocsin serve exited with {self.process.returncode}:\n{self.log()}")
        try:
            with urllib.request.urlopen(self.url + "/ready", timeout=20, context=self.context) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, sent=signal.SIGTERM):
        """Ends the process and waits for it; one that ignores a drain for long is killed and reported."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(sent)
        try:
            self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"tocsin serve did not stop on {sent.name}:\n{self.log()}") from None

    def remove(self):
        try:
            self.stop()
        finally:
            keep_logs(self.directory, os.environ.get("PYTEST_CURRENT_TEST", "browser").split("::")[-1].split(" ")[0])
            shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        with open(os.path.join(self.directory, "replica.log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "accept": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=60, context=self.context) as answer:
            return json.load(answer)

    def post(self, **threat):
        return self.request("/api/threats/trigger", {"threat_type": "test", **threat})

    def post_many(self, threats):
        """Posts threats and returns their ids in the order in which they were accepted."""
        answers = self.request("/api/threats/batch", threats)
        refused = [answer for answer in answers if answer["status"] != 201]
        if refused:
            raise AssertionError(f"refused: {refused[:3]}")
        return [answer["id"] for answer in answers]
