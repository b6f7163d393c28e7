"""What is measured: for each question a list of points, each a deployment of its own and a load on it."""

import dataclasses

from deployment import Deployment
from load import run_load

# Deliveries a second at which the cost of one is measured with any number of clients: below what the machine can do,
# so that latency is not that of a queue.
PACED_DELIVERIES_PER_SECOND = 50_000
MEBIBYTE = 1 << 20


@dataclasses.dataclass(frozen=True)
class Point:
    """One deployment and one load; `x` is what varies within the series."""

    series: str
    x: float
    load: dict
    replicas: int = 1
    settings: dict = dataclasses.field(default_factory=dict)
    redis: dict = dataclasses.field(default_factory=dict)
    tls: bool = False
    # Threats to be posted at least, by repeating the load; it has no clients then.
    posted_min: int = 0
    # Whether one run tells all: memory does not wander.
    once: bool = False

    def measure(self, binary):
        with Deployment(binary, self.replicas, self.settings, self.redis, self.tls) as deployment:
            figures = run_load(binary, deployment, self.load)
            posted, rss_before = figures["posted"], figures["rss_bytes_before"]
            while posted < self.posted_min:
                figures = run_load(binary, deployment, self.load)
                if not figures["posted"]:
                    raise RuntimeError("nothing was posted")
                posted += figures["posted"]
            figures["rss_bytes_before"] = rss_before
            return figures


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much time is taken: seconds of one load, and which of the points are left out."""

    seconds: float
    quick: bool

    def pick(self, values):
        """All values, or in a quick run the first, the last and the one between."""
        if not self.quick or len(values) <= 3:
            return values
        return [values[0], values[len(values) // 2], values[-1]]


def clients(effort):
    """CPU per delivery and the last receipt against the number of clients, at a paced rate."""
    for count in effort.pick([10, 30, 100, 300, 1_000, 3_000, 10_000, 15_000]):
        rate = min(50, PACED_DELIVERIES_PER_SECOND / count)
        # Percentiles want more than a handful of threats, however slowly they come.
        seconds = max(effort.seconds, (8 if effort.quick else 30) / rate)
        yield Point("paced", count, {"clients": count, "rate": rate, "seconds": seconds, "publishers": 4})


def batch(effort):
    """Throughput against threats in one POST, kept only and delivered to 100 clients."""
    for count in effort.pick([1, 2, 5, 10, 20, 50, 100, 200, 500]):
        for series, receivers in [("no client", 0), ("100 clients", 100)]:
            load = {"clients": receivers, "batch": count, "publishers": 8, "seconds": effort.seconds}
            yield Point(series, count, load)


def ingest(effort):
    """Posts a second, their latency and cost against the connections they come on."""
    for count in effort.pick([1, 2, 4, 8, 16, 32, 64, 128, 256, 512]):
        yield Point("one threat a POST", count, {"clients": 0, "publishers": count, "seconds": effort.seconds})


def replicas(effort):
    """What one Redis spends on a threat with one replica to six."""
    kept = {"appendonly": "yes"}
    for count in effort.pick([1, 2, 3, 4, 5, 6]):
        paced = {"clients": 2 * count, "rate": 500, "publishers": 8, "seconds": effort.seconds}
        full = {"clients": 2 * count, "batch": 50, "publishers": 8, "seconds": effort.seconds}
        yield Point("500 threats/s", count, paced, replicas=count)
        yield Point("500 threats/s, append-only file", count, paced, replicas=count, redis=kept)
        yield Point("as fast as answered, 50 a POST", count, full, replicas=count)


def memory(effort):
    """Resident memory of a replica whose ring is full, against the ring's two limits."""
    size, load = 600, {"clients": 0, "batch": 500, "publishers": 4, "seconds": 2}
    for mebibytes in effort.pick([1, 2, 4, 8, 16, 32, 64, 128]):
        settings = {"ring-bytes": f"{mebibytes}MiB", "ring-entries": 4_194_304}
        # Frames are larger than what was posted, so this fills the ring and goes round once more.
        enough = mebibytes * MEBIBYTE // size
        yield Point("ring-bytes", mebibytes, load, settings=settings, posted_min=enough, once=True)
    for entries in effort.pick([1_024, 4_096, 16_384, 65_536, 131_072]):
        settings = {"ring-bytes": "4GiB", "ring-entries": entries}
        yield Point("ring-entries", entries, load, settings=settings, posted_min=entries * 5 // 4, once=True)


def filters(effort):
    """Cost against distinct filters, with the same number of clients."""
    count = 1_000 if effort.quick else 5_000
    rate = PACED_DELIVERIES_PER_SECOND / count / 2
    for distinct in effort.pick([1, 3, 10, 30, 100, 300, 1_000]):
        load = {"clients": count, "filters": distinct, "rate": rate, "seconds": max(effort.seconds, 20 / rate)}
        yield Point(f"{count:,} clients", distinct, load)


def sizes(effort):
    """Cost against the size of a threat."""
    for size in effort.pick([128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384]):
        load = {"clients": 1_000, "rate": 20, "size": size, "publishers": 4, "seconds": effort.seconds}
        yield Point("1,000 clients", size, load)


def transports(effort):
    """The same load over each way in which a client may take it."""
    count = 1_000 if effort.quick else 3_000
    rate = PACED_DELIVERIES_PER_SECOND / count
    load = {"clients": count, "rate": rate, "publishers": 4, "seconds": effort.seconds}
    yield Point("WebSocket", 0, load)
    yield Point("WebSocket, TLS", 1, load, tls=True)
    yield Point("WebSocket, deflate", 2, load | {"deflate": True})
    yield Point("WebSocket, deflate, TLS", 3, load | {"deflate": True}, tls=True)
    yield Point("event stream", 4, load | {"sse": True})


# By the name that selects one.
EXPERIMENTS = {
    function.__name__: function for function in [clients, batch, ingest, replicas, memory, filters, sizes, transports]
}
