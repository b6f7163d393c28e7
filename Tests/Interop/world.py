"""Redis, replicas, a proxy and the clients behind it, started anew for each test."""

import json
import signal
import threading

from programs import Program
from proxies import SHIPPED_IDLE
from relay import Relay
from topology import Child, _answers_ping, executable, free_ports, request, wait_until

REPLICAS = 3
HEARTBEAT_SECONDS = 1
PING_SECONDS = 2
DRAIN_SECONDS = 2
# What a publisher sends again, with the same id: no answer, or one of these.
AGAIN = (0, 408, 429, 500, 502, 503, 504)


class World:
    """Context manager; inside it every replica is ready and every client follows the feed through the proxy.

    Each replica has a line of its own to Redis, which `relays[name].cut()` partitions."""

    def __init__(self, folder, proxy_class, commands, replicas=REPLICAS, idle_seconds=SHIPPED_IDLE):
        self.folder = folder
        self._proxy_class, self._commands = proxy_class, commands
        self._replica_count, self._idle_seconds = replicas, idle_seconds
        self._entered = []
        self.children, self.programs = [], []
        self.relays, self.replicas = {}, {}

    def __enter__(self):
        try:
            self._start()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind, error, trace):
        for program in self.programs:
            program.stop()
            if kind is not None:
                print(f"--- notes of {program}\n{program.notes[-3000:]}")
        # A replica needs nobody to end.
        for child in reversed(self.children):
            if kind is not None:
                print(f"--- {child.name}\n{child.tail()}")
            child.process.kill()
            child.process.wait()
        for entered in reversed(self._entered):
            entered.__exit__(kind, error, trace)

    def _start(self):
        self.redis_port, *ports = free_ports(1 + REPLICAS + self._replica_count)
        self.replica_ports = ports[:REPLICAS]
        data = self.folder / "redis"
        data.mkdir()
        self.redis = self._child(
            "redis", executable("redis-server"), "--bind", "127.0.0.1", "--port", self.redis_port, "--dir", data,
            "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction")
        self._await_redis()
        for number, line in enumerate(ports[REPLICAS:]):
            name = f"replica-{number + 1}"
            self.relays[name] = self._enter(Relay(line, self.redis_port))
            self.replicas[name] = self._child(
                name, executable("tocsin", "TOCSIN_BIN"), "serve", "--port", self.replica_ports[number],
                "--redis-url", f"redis://127.0.0.1:{line}/0", "--replica-name", name, "--event-loops", 2,
                "--heartbeat-seconds", HEARTBEAT_SECONDS, "--ping-seconds", PING_SECONDS,
                "--drain-seconds", DRAIN_SECONDS)
        for name in self.replicas:
            self.await_ready(name)
        self.proxy = self._enter(self._proxy_class(self.folder, self.replica_ports, self._idle_seconds))
        self.await_proxy()
        self.programs = [
            Program(name, command, self.folder, self.proxy.url) for name, command in self._commands.items()]
        self.await_following()

    def _child(self, name, *arguments):
        child = Child(name, self.folder, arguments)
        self.children.append(child)
        return child

    def _enter(self, manager):
        manager.__enter__()
        self._entered.append(manager)
        return manager

    def _await_redis(self):
        wait_until(lambda: self.redis.expect_running() and _answers_ping(self.redis_port), "redis-server answers")

    # What happens.

    def stop_redis(self):
        self.redis.signal(signal.SIGKILL)
        self.redis.wait()

    def start_redis(self):
        self.redis.start()
        self._await_redis()

    def drain(self, name):
        """Ends a replica as an operator does."""
        self.replicas[name].signal(signal.SIGTERM)
        assert self.replicas[name].wait() == 0, self.replicas[name].tail()

    def kill(self, name):
        self.replicas[name].signal(signal.SIGKILL)
        self.replicas[name].wait()

    def start(self, name):
        self.replicas[name].start()
        self.await_ready(name)

    # What is waited for.

    def status(self, name):
        return request(f"{self.address(name)}/ready")[0]

    def address(self, name):
        return f"http://127.0.0.1:{self.replica_ports[int(name[-1]) - 1]}"

    def await_ready(self, name):
        wait_until(lambda: self.replicas[name].expect_running() and self.status(name) == 200, f"{name} is ready")

    def await_proxy(self):
        """Several answers in a row: with one, a proxy may still hold others of the replicas for dead."""
        wait_until(
            lambda: self.proxy.expect_running()
            and all(request(self.proxy.url + "/ready")[0] == 200 for _ in range(2 * REPLICAS)),
            f"{self.proxy.name} gives requests to replicas")

    def await_following(self):
        for program in self.programs:
            program.wait_for(lambda each: each.is_following, "follows the feed")

    def post(self, identifier, url=None, title="Zürich \"quoted\" \\ 日本"):
        """Posts until the threat is acknowledged, through the proxy unless `url` says otherwise."""
        body = json.dumps({"id": identifier, "threat_type": "malware", "title": title}).encode()

        def attempt():
            status, text = request(
                (url or self.proxy.url) + "/api/threats/trigger", body, {"Content-Type": "application/json"})
            assert status in (200, 201, *AGAIN), f"{identifier}: {status} {text}"
            return status in (200, 201)
        wait_until(attempt, f"{identifier} is acknowledged")
        return identifier

    def expect_everywhere(self, ids):
        """Every client has shown exactly these, once and in order."""
        for program in self.programs:
            program.expect(ids)

    def expect_so_far(self, publisher):
        """Every client has shown what was acknowledged until now."""
        identifier = publisher.ids[-1]
        for program in self.programs:
            program.wait_for(lambda each: identifier in each.ids, f"has {identifier}")


class Publisher:
    """Posts numbered threats, one after another, until the block ends."""

    def __init__(self, world, prefix="threat"):
        self.ids, self.error = [], None
        self._world, self._prefix = world, prefix
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        self.wait_for_more(5)
        return self

    def __exit__(self, kind, error, trace):
        self._stopping.set()
        self._thread.join(120)
        if kind is None:
            assert self.error is None, self.error

    def wait_for_more(self, count):
        wanted = len(self.ids) + count
        wait_until(lambda: self.error or len(self.ids) >= wanted, "threats are being posted")

    def _run(self):
        try:
            while not self._stopping.wait(0.02):
                self.ids.append(self._world.post(f"{self._prefix}-{len(self.ids)}"))
        except Exception as problem:
            self.error = problem
