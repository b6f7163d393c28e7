"""From the measured constants, what 100,000, 1 million and 10 million dashboards take, as a table in Markdown."""

import dataclasses
import math

from results import Results, slope

DASHBOARDS = [100_000, 1_000_000, 10_000_000]
THREATS_PER_SECOND = [10, 100]
HOURS_PER_MONTH = 730
MEBIBYTE, GIBIBYTE = 1 << 20, 1 << 30

# A wall is in sight when growth by this factor meets it; until then more replicas are the answer.
WALL_GROWTH = 4


@dataclasses.dataclass(frozen=True)
class Assumptions:
    """What is not measured."""

    vcpus: int
    gbits: float
    gibibytes: float
    dollars_per_vcpu_hour: float
    dollars_per_gigabyte: float
    # Shares of a resource that are used in normal times: the rest is for the loss of one replica in five, and peaks.
    cpu_share: float = 0.6
    network_share: float = 0.6
    memory_share: float = 0.6
    redis_share: float = 0.6
    # An idle TCP socket in the kernel: socket, file, directory entry.
    kernel_bytes_per_connection: int = 4_096
    # What one replica may hold, with --connections-max and the limit of open files raised to it.
    connections_max: int = 250_000
    redis_connections_max: int = 10_000
    # --streams-per-second-max
    streams_per_second: int = 2_000
    # TCP with timestamps, IP, Ethernet with its preamble, checksum and gap: for each send that fits a segment.
    packet_bytes: int = 32 + 20 + 38
    segment_bytes: int = 1_448
    # Beyond this, traffic from one place is a project of its own.
    region_gbits: float = 1_000

    @staticmethod
    def of(options):
        names = ["vcpus", "gbits", "gibibytes", "dollars_per_vcpu_hour", "dollars_per_gigabyte"]
        return Assumptions(**{name: getattr(options, name) for name in names})


@dataclasses.dataclass(frozen=True)
class Constants:
    """What was measured; microseconds of CPU, bytes."""

    # With how many clients a delivery was measured, and what it cost there.
    few: int
    delivery_us_few: float
    many: int
    delivery_us_many: float
    connect_us: float
    follow_us: float
    connection_bytes: float
    replica_bytes: float
    frame_bytes: float
    redis_us: float
    redis_us_per_replica: float
    redis_connections_per_replica: float
    cores: int
    # Of deflated to plain deliveries: CPU, bytes on the wire; nothing, where transports were not measured.
    deflate_cpu: float | None
    deflate_bytes: float | None

    @staticmethod
    def read(folder):
        """Nothing, where `clients` or `replicas` has not been measured with two sizes at least."""
        clients, replicas = Results.read(folder, "clients"), Results.read(folder, "replicas")
        if clients is None or replicas is None:
            return None
        redis = replicas.curve("500 threats/s", "redis_us_per_threat")
        follow = replicas.curve("500 threats/s", "cpu_us_per_threat")
        if len(redis) < 2 or not clients.curve("paced", "cpu_us_per_delivery"):
            return None
        redis_us, redis_us_per_replica = slope(redis)
        few, delivery_us_few = clients.nearest("paced", 1_000, "cpu_us_per_delivery")
        many, delivery_us_many = clients.nearest("paced", 10_000, "cpu_us_per_delivery")
        return Constants(
            few=few,
            delivery_us_few=delivery_us_few,
            many=many,
            delivery_us_many=delivery_us_many,
            connect_us=clients.value("paced", many, "cpu_us_per_connect"),
            follow_us=max(slope(follow)[1], 0),
            connection_bytes=max(clients.value("paced", many, "rss_bytes_per_client"), 0),
            replica_bytes=clients.value("paced", 10, "rss_bytes_after"),
            frame_bytes=clients.value("paced", few, "frame_bytes"),
            redis_us=max(redis_us, 0),
            # One that vanishes in the noise must not promise endless replicas.
            redis_us_per_replica=max(redis_us_per_replica, 0.1),
            redis_connections_per_replica=replicas.value("500 threats/s", 1, "redis_connections_per_replica"),
            cores=clients.document["machine"]["cores"],
            deflate_cpu=deflated(folder, "cpu_us_per_delivery"),
            deflate_bytes=deflated(folder, "loopback_bytes_per_delivery"),
        )


def deflated(folder, figure):
    """A figure with deflate as a multiple of the figure without."""
    transports = Results.read(folder, "transports")
    if transports is None:
        return None
    plain, deflate = (transports.curve(series, figure) for series in ("WebSocket", "WebSocket, deflate"))
    return deflate[0][1] / plain[0][1] if plain and deflate else None


class Size:
    """One row: so many dashboards, so many threats a second, each of which every dashboard gets."""

    def __init__(self, dashboards, rate, constants, assumptions):
        self.dashboards, self.rate = dashboards, rate
        c, a = constants, assumptions
        segments = math.ceil(c.frame_bytes / a.segment_bytes)
        self.wire_bytes = c.frame_bytes + segments * a.packet_bytes
        cpu_us = a.vcpus * a.cpu_share * 1e6 - rate * c.follow_us
        memory = a.gibibytes * GIBIBYTE * a.memory_share - c.replica_bytes
        limits = {
            "CPU": cpu_us / (rate * c.delivery_us_many),
            "network": a.gbits * 1e9 / 8 * a.network_share / (rate * self.wire_bytes),
            "memory": memory / (c.connection_bytes + a.kernel_bytes_per_connection),
            "sockets": a.connections_max,
        }
        self.limit = min(limits, key=limits.get)
        self.clients_per_replica = max(int(limits[self.limit]), 1)
        # Two at least: a replica may be lost.
        self.replicas = max(math.ceil(dashboards / self.clients_per_replica), 2)
        self.gbits = dashboards * rate * self.wire_bytes * 8 / 1e9
        self.redis_share = rate * (c.redis_us + c.redis_us_per_replica * self.replicas) / 1e6
        # One for each event loop, of which each core has one, and some for the replica.
        self.redis_connections = self.replicas * round(c.redis_connections_per_replica - c.cores + a.vcpus)
        self.redis_gbits = rate * self.replicas * self.wire_bytes * 8 / 1e9
        self.replicas_per_redis = replicas_per_redis(rate, c, a)
        self.machines_dollars = self.replicas * a.vcpus * HOURS_PER_MONTH * a.dollars_per_vcpu_hour
        self.network_dollars = self.gbits / 8 * 3_600 * HOURS_PER_MONTH * a.dollars_per_gigabyte
        used = {
            "one region's network": self.gbits / a.region_gbits,
            "Redis CPU": self.redis_share / a.redis_share,
            "Redis network": self.redis_gbits / (a.gbits * a.network_share),
            "connections to Redis": self.redis_connections / a.redis_connections_max,
        }
        self.walls = {name: share for name, share in used.items() if share * WALL_GROWTH > 1}
        if not self.walls:
            self.walls = {f"{self.limit} of a replica": None}
        # A sweep goes through all clients of a loop; the last of them waits for the others.
        clients = dashboards / self.replicas
        self.sweep_seconds = clients * c.delivery_us_many / a.vcpus / 1e6
        # The clients of a lost replica go to the others, which let in so many a second, as far as their CPU allows.
        idle_us = a.vcpus * (1 - a.cpu_share) * 1e6
        self.return_seconds = clients / (self.replicas - 1) / min(a.streams_per_second, idle_us / c.connect_us)

    def in_order(self):
        """The walls and how much of each is used, the nearest first."""
        return sorted(self.walls.items(), key=lambda wall: -(wall[1] or 0))

    @property
    def redis_servers(self):
        """Redis servers that PUBLISH to the replicas: more than one are one and its relays."""
        return math.ceil(self.replicas / self.replicas_per_redis)


def replicas_per_redis(rate, constants, assumptions):
    """With how many replicas one Redis reaches a limit of its own."""
    c, a = constants, assumptions
    by_cpu = (a.redis_share * 1e6 / rate - c.redis_us) / c.redis_us_per_replica
    by_network = a.gbits * 1e9 / 8 * a.network_share / (rate * (c.frame_bytes + a.packet_bytes))
    return max(int(min(by_cpu, by_network)), 1)


DESIGNS = {
    "CPU of a replica": "more replicas; then fewer sends: a longer pause behind a sweep than there is (as long as it"
    " took, or 0.1 ms for each threat if that is more, at most 5 ms) lets more threats leave in one, later",
    "network of a replica": "more replicas; deflate, made once for all clients; 25 Gbit/s",
    "memory of a replica": "more replicas; smaller rings",
    "sockets of a replica": "more replicas; a higher limit",
    "Redis CPU": "relays, so that Redis sends to a few only: Redis replicas that hand the PUBLISH on, or replicas of"
    " Tocsin that take the feed from others; many threats in one PUBLISH",
    "Redis network": "relays, as for its CPU; deflated messages",
    "connections to Redis": "`maxclients`, one connection for all loops of a replica, relays",
    "one region's network": "replicas near the dashboards, with one relay for each place that takes the feed once;"
    " deflate; filters at the replica, and a summary where nobody reads every threat",
}


def table(folder, assumptions):
    """The tables, or nothing where too little was measured."""
    constants = Constants.read(folder)
    if constants is None:
        return None
    sizes = [Size(count, rate, constants, assumptions) for rate in THREATS_PER_SECOND for count in DASHBOARDS]
    parts = [
        head_lines(folder),
        constants_lines(constants),
        size_lines(sizes),
        wall_lines(sizes),
        assumption_lines(constants, assumptions),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def head_lines(folder):
    machine = Results.read(folder, "clients").document["machine"]
    return [
        "# Planning",
        "",
        "Written by `script/performance`, not by hand: what so many dashboards take, computed from measurements of",
        f"{machine['started'][:10]} with {machine['cores']} cores ({machine['model']}), servers and load together.",
        "[performance.md](../performance.md) tells how.",
    ]


def constants_lines(c):
    rows = [
        (f"CPU of a replica per delivery, {c.few:,} clients", f"{c.delivery_us_few:.2f} µs"),
        (f"CPU of a replica per delivery, {c.many:,} clients", f"{c.delivery_us_many:.2f} µs"),
        (f"CPU of a replica per connection made, {c.many:,} clients", f"{c.connect_us:.0f} µs"),
        ("CPU of a replica per threat that it follows", f"{c.follow_us:.0f} µs"),
        (f"memory of a replica per connection, {c.many:,} clients", f"{c.connection_bytes:,.0f} B"),
        ("memory of a replica with few clients", f"{c.replica_bytes / MEBIBYTE:,.0f} MiB"),
        ("WebSocket frame of a threat of 600 B", f"{c.frame_bytes:,.0f} B"),
        ("CPU of Redis per threat", f"{c.redis_us:.1f} µs"),
        ("… and for each replica that gets it", f"{c.redis_us_per_replica:.1f} µs"),
        (f"connections of a replica to Redis, {c.cores} event loops", f"{c.redis_connections_per_replica:.0f}"),
    ]
    if c.deflate_cpu and c.deflate_bytes:
        rows.append(
            ("deflate: CPU of a delivery, bytes on the wire", f"× {c.deflate_cpu:.2f}, × {c.deflate_bytes:.2f}")
        )
    return ["| measured | |", "| --- | ---: |", *(row(cells) for cells in rows)]


def size_lines(sizes):
    titles = [
        "dashboards",
        "threats/s",
        "network",
        "clients a replica, by",
        "replicas",
        "a sweep takes",
        "a lost replica's clients are back after",
    ]
    titles += ["Redis servers, CPU of each", "connections to Redis", "$ a month, machines", "network", "first walls"]
    words = {3, 11}
    lines = [row(titles), row("---" if index in words else "---:" for index in range(len(titles)))]
    for size in sizes:
        lines.append(
            row(
                [
                    f"{size.dashboards:,}",
                    f"{size.rate:,}",
                    traffic(size.gbits),
                    f"{size.clients_per_replica:,}, {size.limit}",
                    f"{size.replicas:,}",
                    f"{size.sweep_seconds * 1e3:,.0f} ms",
                    f"{size.return_seconds:,.1f} s",
                    f"{size.redis_servers:,}, {size.redis_share / size.redis_servers:.1%}",
                    f"{size.redis_connections:,}",
                    dollars(size.machines_dollars),
                    dollars(size.network_dollars),
                    "; ".join(name if share is None else f"{name} at {share:.0%}" for name, share in size.in_order()),
                ]
            )
        )
    return lines


def wall_lines(sizes):
    """The design that moves each wall of the table."""
    met = dict.fromkeys(name for size in sizes for name, _ in size.in_order())
    return [f"- **{name}**: {DESIGNS[name]}." for name in met]


def assumption_lines(c, a):
    said = f"""\
Assumed: every dashboard gets every threat, of 600 B, in a send of its own. A replica has {a.vcpus} vCPU, \
{a.gbits:g} Gbit/s
and {a.gibibytes:g} GiB, of which {a.cpu_share:.0%} of the CPU, {a.network_share:.0%} of the network and \
{a.memory_share:.0%} of the memory are used; its CPU does with {a.vcpus} cores
what it was measured to do with {c.cores}. A connection takes {a.kernel_bytes_per_connection:,} B of the kernel's \
memory, a packet {a.packet_bytes} B of headers. There are
{a.connections_max:,} connections to a replica at most, {a.redis_connections_max:,} to Redis, and \
{traffic(a.region_gbits)} out of one region. ${a.dollars_per_vcpu_hour:g} a vCPU hour,
${a.dollars_per_gigabyte:g} a GB sent. A wall is named when growth by {WALL_GROWTH} meets it.
"""
    lines = said.splitlines() + [""]
    for rate in [*THREATS_PER_SECOND, 1_000]:
        count, share = replicas_per_redis(rate, c, a), f"{a.redis_share:.0%}"
        lines.append(
            f"- At {rate:,} threats/s one Redis is at {share} of a core or its network with {count:,} replicas."
        )
    return lines


def row(cells):
    return "| " + " | ".join(cells) + " |"


def traffic(gbits):
    return f"{gbits / 1_000:,.1f} Tbit/s" if gbits >= 1_000 else f"{gbits:,.1f} Gbit/s"


def dollars(amount):
    if amount >= 1_000_000:
        return f"{amount / 1e6:,.1f} M"
    return f"{amount:,.0f}" if amount < 10_000 else f"{amount / 1e3:,.0f} k"
