"""A Redis of a test's own, which can go and come back."""

import os
import shutil
import subprocess
import tempfile

from processes import keep_logs, reserve_port

from replica import WAIT_SECONDS, required_executable


class RedisServer:
    """A durable `redis-server` on a free port."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="tocsin-redis-")
        self.port = reserve_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [required_executable("REDIS_SERVER", "redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
             "--dir", self.directory, "--logfile", "redis.log", "--appendonly", "yes", "--appendfsync", "always",
             "--save", ""],
            stdin=subprocess.DEVNULL)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(WAIT_SECONDS)

    def remove(self):
        self.kill()
        keep_logs(self.directory, os.environ.get("PYTEST_CURRENT_TEST", "redis").split("::")[-1].split(" ")[0])
        shutil.rmtree(self.directory, ignore_errors=True)
