"""Runs `tocsin bench` against a deployment and reads what the servers spent meanwhile."""

import json
import subprocess
import tempfile
import threading
import time

from processes import cpu_seconds, die_with_parent, halted, loopback_bytes

# What is waited beside the seconds of the load itself: connecting, the last deliveries, closing.
PATIENCE_SECONDS = 60


class Reading:
    """CPU, traffic and memory of the replicas at one moment of a load."""

    def __init__(self, deployment, load):
        self.at = time.monotonic()
        # First what goes on while the load is held; counting the pages of large processes takes the longest.
        self.replicas_cpu = sum(replica.cpu_seconds() for replica in deployment.replicas)
        self.redis_cpu = deployment.redis.cpu_seconds()
        self.load_cpu = cpu_seconds(load)
        self.loopback = loopback_bytes()
        self.rss = sum(replica.rss_bytes() for replica in deployment.replicas)


def run_load(binary, deployment, options):
    """The figures of one load: those that the command prints, and what the servers spent from the first post to
    the last delivery. `options` are the command's, by the name of the flag; a flag without a value is `True`.

    Memory is that of all replicas: `rss_bytes_before` without clients, before the load starts; that of a
    client is what came until all were connected and nothing was posted, with what a replica makes once for its first,
    so it says little with few clients; `rss_bytes_after` is with all clients, behind the last delivery.

    Raises `RuntimeError` with what the command said."""
    rss_before = sum(replica.rss_bytes() for replica in deployment.replicas)
    cpu_before = sum(replica.cpu_seconds() for replica in deployment.replicas)
    command = [binary, "bench", "--json", "--real-log"]
    for url in deployment.urls:
        command += ["--url", url]
    if deployment.certificate:
        command += ["--tls-ca", deployment.certificate]
    for name, value in options.items():
        command += [f"--{name}"] if value is True else [f"--{name}", value]

    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        guard = threading.Timer(options["seconds"] + PATIENCE_SECONDS, process.kill)
        guard.start()
        try:
            start, end, said = follow(process, deployment)
        finally:
            guard.cancel()
            if process.poll() is None:
                process.kill()
            process.stderr.close()
        output.seek(0)
        report = output.read().strip()
    if not report:
        raise RuntimeError(f"tocsin bench ended with {process.returncode}: {' '.join(said[-3:]) or 'it said nothing'}")
    if start is None or end is None:
        raise RuntimeError("tocsin bench did not say when its load began and ended")
    deployment.check()
    figures = json.loads(report.splitlines()[-1])
    connecting = {"cpu_us_per_connect": share(start.replicas_cpu - cpu_before, figures["connected"])}
    return figures | connecting | spent(start, end, figures, deployment, rss_before)


def follow(process, deployment):
    """Readings at the lines that mark the load's beginning and end, and the last of what was said.

    Behind each of these lines the load pauses, and is then held still for as long as reading takes: nothing is posted
    before the first reading is done, and no client leaves before the second is."""
    start = end = None
    said = []
    for line in process.stderr:
        said = [*said[-20:], line.strip()]
        if line.startswith("connected"):
            with halted(process):
                start = Reading(deployment, process.pid)
        elif line.startswith("done"):
            with halted(process):
                end = Reading(deployment, process.pid)
    process.wait()
    return start, end, said


def spent(start, end, figures, deployment, rss_before):
    """What the servers spent between two readings, and each figure's share of it."""
    replicas_cpu = end.replicas_cpu - start.replicas_cpu
    redis_cpu = end.redis_cpu - start.redis_cpu
    deliveries, posted, connected = figures["deliveries"], figures["posted"], figures["connected"]
    return {
        "window_seconds": end.at - start.at,
        "replicas_cpu_seconds": replicas_cpu,
        "redis_cpu_seconds": redis_cpu,
        "cpu_us_per_delivery": share(replicas_cpu, deliveries),
        "cpu_us_per_threat": share(replicas_cpu, posted),
        "redis_us_per_threat": share(redis_cpu, posted),
        "load_cpu_us_per_delivery": share(end.load_cpu - start.load_cpu, deliveries),
        "loopback_bytes_per_delivery": (end.loopback - start.loopback) / deliveries if deliveries else None,
        "frame_bytes": deployment.frame_bytes() if posted else None,
        "rss_bytes_per_client": (start.rss - rss_before) / connected if connected else None,
        "rss_bytes_before": rss_before,
        "rss_bytes_after": end.rss,
        "redis_connections_per_replica": deployment.redis_connections() / len(deployment.replicas),
    }


def share(seconds, count):
    """Microseconds for each, or nothing where there was none."""
    return seconds * 1e6 / count if count else None
