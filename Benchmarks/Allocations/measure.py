#!/usr/bin/env python3
"""Counts what a replica allocates on the way from a pub/sub message to the last send.

Two replicas share a Redis: threats are posted to one, the clients listen to the other, whose allocator is counted by
allocations.so. So nothing is counted but what every replica does for every entry, whoever published it.

Round by round, threats are posted, and when all clients have them the counted replica is asked for its health: with
its answer it has come to the end of what it did for them. What else happens meanwhile, a timer or one more turn of the
loop, only adds; so the least of the rounds, less the least that such a question costs, is what the threats cost. It is
the same number however busy the machine is. With many clients it must be the same as with few.
"""

import argparse
import base64
import contextlib
import http.client
import json
import mmap
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter

from stacks import symbolicate

# Layout of `struct shared` in Counters/allocations.c.
HEADER = struct.Struct("=5Q")
FRAMES_MAX = 32
STACK = struct.Struct(f"={1 + FRAMES_MAX}Q")
STACKS_MAX = 4096
SHARED_BYTES = HEADER.size + STACK.size * STACKS_MAX
RECORDING_OFFSET = 24

DEADLINE_SECONDS = 60

# Rounds are counted until the least has come so often, but at least and at most so many.
LEAST_SEEN, ROUNDS_MIN, ROUNDS_MAX = 4, 12, 150
# Not counted: buffers grow.
WARM_UP_ROUNDS = 4

# So many entries for --stacks.
STACK_ENTRIES = 128

# Allocations more in one round that are allowed. One threat: none. A batch is read in pieces, and where these end is the
# kernel's choice; an entry is at least one.
SLACK_ALONE, SLACK_IN_BATCH = 0, 8


class Allocations:
    """The counters that the preloaded library keeps."""

    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as file:
            file.truncate(SHARED_BYTES)
            self.map = mmap.mmap(file.fileno(), SHARED_BYTES)

    def count(self):
        return HEADER.unpack_from(self.map)[0]

    def set_recording(self, on):
        struct.pack_into("=Q", self.map, RECORDING_OFFSET, 1 if on else 0)

    def clear_stacks(self):
        struct.pack_into("=Q", self.map, RECORDING_OFFSET + 8, 0)
        self.map[HEADER.size :] = bytes(SHARED_BYTES - HEADER.size)

    def stacks(self):
        """Return address lists, innermost first, of what was allocated while recording."""
        count = min(HEADER.unpack_from(self.map)[4], STACKS_MAX)
        for index in range(count):
            size, *frames = STACK.unpack_from(self.map, HEADER.size + index * STACK.size)
            yield size, [frame for frame in frames if frame]


class Client:
    """One client of the feed: counts frames, or events, without looking into them."""

    def __init__(self, port, form):
        self.form = form
        # An event stream begins with a block that is no event: `retry:`.
        self.frames = -1 if form == "sse" else 0
        self.pending = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        path, headers = "/ws?history=0", ""
        if form == "sse":
            path, headers = "/api/threats/stream?history=0", "Accept: text/event-stream\r\n"
        else:
            key = base64.b64encode(os.urandom(16)).decode()
            headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            headers += f"Sec-WebSocket-Key: {key}\r\n"
            if form == "deflate":
                headers += "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n".encode())
        self.has_head = False

    def receive(self):
        bytes_read = self.socket.recv(1 << 20)
        if not bytes_read:
            raise SystemExit("measure.py: the replica closed a client's connection")
        self.pending += bytes_read
        if not self.has_head:
            end = self.pending.find(b"\r\n\r\n")
            if end < 0:
                return
            status = self.pending[:end].split(b" ", 2)[1]
            if status not in (b"101", b"200"):
                raise SystemExit(f"measure.py: the feed answered {status.decode()}")
            if self.form == "deflate" and b"permessage-deflate" not in self.pending[:end].lower():
                raise SystemExit("measure.py: the replica did not agree on permessage-deflate")
            self.pending = self.pending[end + 4 :]
            self.has_head = True
        if self.form == "sse":
            self.frames += self.pending.count(b"\n\n")
            # What may be the first half of the separator is looked at again.
            self.pending = b"\n" if self.pending.endswith(b"\n") and not self.pending.endswith(b"\n\n") else b""
            return
        self.receive_frames()

    def receive_frames(self):
        start = 0
        data = self.pending
        while len(data) - start >= 2:
            length, header = data[start + 1] & 0x7F, 2
            if length == 126:
                if len(data) - start < 4:
                    break
                length, header = int.from_bytes(data[start + 2 : start + 4], "big"), 4
            elif length == 127:
                if len(data) - start < 10:
                    break
                length, header = int.from_bytes(data[start + 2 : start + 10], "big"), 10
            if len(data) - start < header + length:
                break
            if data[start] & 0x0F in (1, 2):
                self.frames += 1
            start += header + length
        self.pending = data[start:]


class Fleet:
    """All clients, in one poll."""

    def __init__(self, port, count, form):
        self.poll = select.epoll()
        self.clients = {}
        for _ in range(count):
            client = Client(port, form)
            self.clients[client.socket.fileno()] = client
            self.poll.register(client.socket, select.EPOLLIN)
        self.wait_for(1)

    def wait_for(self, frames):
        """Waits until every client has that many frames."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        behind = {fd for fd, client in self.clients.items() if client.frames < frames}
        while behind:
            if time.monotonic() > deadline:
                raise SystemExit(f"measure.py: {len(behind)} clients still wait for frame {frames}")
            for fd, _ in self.poll.poll(1):
                client = self.clients[fd]
                client.receive()
                if client.frames >= frames:
                    behind.discard(fd)

    def close(self):
        for client in self.clients.values():
            client.socket.close()
        self.poll.close()


class Deployment:
    """A Redis, a replica that is posted to, and one that is counted."""

    def __init__(self, binary, library, stack):
        self.directory = tempfile.mkdtemp(prefix="tocsin-allocations-", dir="/tmp")
        stack.callback(shutil.rmtree, self.directory, True)
        self.stack = stack
        redis = f"{self.directory}/redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", redis, "--save", "", "--dir", self.directory]
        self.start("redis", command)
        self.allocations = Allocations(f"{self.directory}/allocations")
        preload = {"LD_PRELOAD": library, "TOCSIN_ALLOCATIONS": self.allocations.path}
        self.publisher_port = self.start_replica(binary, "publisher", redis, {})
        self.port = self.start_replica(binary, "counted", redis, preload)
        if self.allocations.count() == 0:
            raise SystemExit("measure.py: the counting library was not loaded")
        self.posted = 0

    def start(self, name, command, environment=None):
        with open(f"{self.directory}/{name}.log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(environment or {})})
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        return process

    def start_replica(self, binary, name, redis, environment):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        # No heartbeat and no ping falls into the count.
        process = self.start(
            name,
            [binary, "serve", "--port", str(port), "--redis-url", f"unix://{redis}", "--event-loops", "1"]
            + ["--replica-name", name, "--heartbeat-seconds", "600", "--ping-seconds", "600", "--drain-seconds", "1"],
            environment,
        )
        self.process = process
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/ready")
                if connection.getresponse().status == 200:
                    return port
            if time.monotonic() > deadline or process.poll() is not None:
                raise SystemExit(f"measure.py: the replica {name} does not become ready")
            time.sleep(0.05)

    def connect(self):
        """Opens the connections of a measurement anew: what lies idle is closed by a replica."""
        self.publisher = http.client.HTTPConnection("127.0.0.1", self.publisher_port, timeout=DEADLINE_SECONDS)
        self.asker = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)

    def ask(self):
        """Returns when the counted replica has done what came before: it has one loop."""
        self.asker.request("GET", "/health")
        answer = self.asker.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"measure.py: the replica answered {answer.status}")

    def post(self, count):
        """Posts threats, one as itself, several as one batch."""
        threats = []
        for _ in range(count):
            self.posted += 1
            threats.append(
                {
                    "threat_type": "bot_attack",
                    "severity": "HIGH",
                    "id": f"allocation-{self.posted:08}",
                    "customer_name": "Example Bank",
                    "title": "Credential stuffing from a botnet",
                    "summary": "x" * 300,
                    "mitre_techniques": ["T1110.004"],
                    "indicators": [{"type": "ip", "value": "192.0.2.1"}],
                }
            )
        path = "trigger" if count == 1 else "batch"
        body = json.dumps(threats[0] if count == 1 else threats)
        self.publisher.request("POST", f"/api/threats/{path}", body, {"Content-Type": "application/json"})
        answer = self.publisher.getresponse()
        answer.read()
        if answer.status not in (200, 201):
            raise SystemExit(f"measure.py: a post was answered {answer.status}")


def least(deployment, act):
    """Returns the least that a round of `act` allocates, and the question behind it."""
    counts = Counter()
    for number in range(ROUNDS_MAX):
        before = deployment.allocations.count()
        act()
        deployment.ask()
        if number >= WARM_UP_ROUNDS:
            counts[deployment.allocations.count() - before] += 1
        if number >= ROUNDS_MIN and counts[min(counts)] >= LEAST_SEEN:
            break
    return min(counts)


def measure(deployment, client_count, batch, form):
    """Returns what so many threats allocate, posted at once, with so many clients."""
    fleet = Fleet(deployment.port, client_count, form)
    try:
        deployment.connect()
        frames = 1

        def act():
            nonlocal frames
            deployment.post(batch)
            frames += batch
            fleet.wait_for(frames)

        return least(deployment, act) - least(deployment, lambda: None)
    finally:
        fleet.close()


def sample(deployment, client_count, batch, form, binary):
    """Returns where the replica allocates, most frequent first."""
    fleet = Fleet(deployment.port, client_count, form)
    try:
        deployment.connect()
        frames = 1
        for number in range(2):
            deployment.allocations.clear_stacks()
            deployment.allocations.set_recording(number == 1)
            for _ in range(STACK_ENTRIES // batch):
                deployment.post(batch)
                frames += batch
                fleet.wait_for(frames)
        deployment.allocations.set_recording(False)
        return symbolicate(list(deployment.allocations.stacks()), deployment.process.pid, binary)
    finally:
        fleet.close()


def compare(counted, thresholds, clients):
    """Prints each count beside what is allowed, and returns what is wrong."""
    failures = []
    for name in sorted(counted.keys() | thresholds.keys()):
        if name not in counted or name not in thresholds:
            failures.append(f"{name}: no {'threshold' if name in counted else 'count'}")
            continue
        (few, many, slack), limit = counted[name], thresholds[name]
        good = 0 < few <= limit + slack and 0 < many <= limit + slack
        margin = f" + {slack}" if slack else ""
        words = f"{few} allocations with {clients[0]} clients, {many} with {clients[1]}, of {limit}{margin}"
        print(f"{name:22} {words}  {'ok' if good else 'FAILED'}")
        if not good:
            failures.append(f"{name}: {words}")
    return failures


def count_all(options, deployment):
    counted = {}
    for form in options.forms:
        for batch in options.batches:
            few, many = (measure(deployment, count, batch, form) for count in options.clients)
            counted[f"{form}, {batch} at once"] = (few, many, SLACK_ALONE if batch == 1 else SLACK_IN_BATCH)
    return counted


def print_samples(options, deployment):
    for form in options.forms:
        for batch in options.batches:
            found = sample(deployment, options.clients[0], batch, form, options.binary)
            total = sum(count for _, count in found)
            title = f"{form}, {batch} at once"
            print(f"{title}: {total} allocations for {STACK_ENTRIES} entries and {options.clients[0]} clients")
            for path, count in found:
                print(f"{count:6}  " + " < ".join(path))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, help="the tocsin to count")
    parser.add_argument("--library", required=True, help="allocations.c, built to be preloaded")
    parser.add_argument("--clients", type=int, nargs=2, default=[100, 1000], metavar=("FEW", "MANY"))
    parser.add_argument("--forms", nargs="+", default=["websocket", "deflate", "sse"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64], help="threats posted at once")
    parser.add_argument("--stacks", action="store_true", help="tell where is allocated, instead of how often")
    parser.add_argument("--thresholds", help="fail when a figure is above the one in this file")
    parser.add_argument("--update", action="store_true", help="write that file instead")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        deployment = Deployment(options.binary, options.library, stack)
        if options.stacks:
            print_samples(options, deployment)
            return 0
        counted = count_all(options, deployment)
    thresholds = {name: max(few, many) for name, (few, many, _) in counted.items()}
    if options.update:
        with open(options.thresholds, "w", encoding="utf-8") as file:
            file.write(json.dumps(thresholds, indent=2) + "\n")
    elif options.thresholds:
        with open(options.thresholds, encoding="utf-8") as file:
            thresholds = json.load(file)
    failures = compare(counted, thresholds, options.clients)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
