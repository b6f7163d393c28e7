"""What callers may rely on behind HAProxy: one feed, and replicas that come and go unnoticed."""

import http.client
import json
import signal
import threading

from dashboard import Dashboard
from topology import request, wait_until

DASHBOARDS = 12


class Dashboards:
    """Several clients through HAProxy, ended with the block. Every failure inside one is raised."""

    def __init__(self, topology, count=DASHBOARDS):
        self.each = [Dashboard(topology.feed_url) for _ in range(count)]

    def __enter__(self):
        for dashboard in self.each:
            wait_until(lambda: dashboard.error or dashboard.is_connected.is_set(), "a dashboard is connected")
        return self

    def __exit__(self, kind, error, trace):
        problems = []
        for dashboard in self.each:
            try:
                dashboard.stop()
            except Exception as problem:
                problems.append(problem)
        assert not problems, problems

    def wait_for(self, identifier):
        """Every client has this threat, or has failed."""
        for dashboard in self.each:
            wait_until(lambda: dashboard.error or identifier in dashboard.ids, f"{identifier} on a dashboard")

    def expect(self, ids):
        """Every client has exactly these threats, in one order."""
        for dashboard in self.each:
            wait_until(
                lambda: dashboard.error or len(dashboard.threats) >= len(ids), f"{len(ids)} threats on a dashboard")
            assert dashboard.error is None, dashboard.error
            assert sorted(dashboard.ids) == sorted(ids)
            assert dashboard.ids == self.each[0].ids

    @property
    def closes(self):
        return [code for dashboard in self.each for code in dashboard.closes]


class Publisher:
    """Posts numbered threats through HAProxy, one after another, until the block ends."""

    def __init__(self, topology, prefix):
        self.ids = []
        self.error = None
        self._topology, self._prefix = topology, prefix
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        wait_until(lambda: self.error or len(self.ids) >= 20, "threats are being posted")
        return self

    def __exit__(self, kind, error, trace):
        self._stopping.set()
        self._thread.join(60)
        assert self.error is None, self.error

    def _run(self):
        try:
            while not self._stopping.wait(0.01):
                identifier = f"{self._prefix}-{len(self.ids)}"
                self._topology.post_kept(identifier)
                self.ids.append(identifier)
        except Exception as problem:
            self.error = problem


class KeepAlivePublisher:
    """Posts threats one after another on one connection to the proxy, until the block ends. Only 503 is tried again:
    every other answer but 201 and 200, and every broken connection, is a failure."""

    def __init__(self, topology, prefix):
        self.ids = []
        self.failures = []
        self.refusals = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", topology.port, timeout=60)
        self._prefix = prefix
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        wait_until(lambda: self.failures or len(self.ids) >= 20, "threats are being posted")
        return self

    def __exit__(self, kind, error, trace):
        self._stopping.set()
        self._thread.join(60)
        self._connection.close()
        assert not self.failures, self.failures

    def _run(self):
        while not self._stopping.wait(0.005) and len(self.failures) < 10:
            identifier = f"{self._prefix}-{len(self.ids)}"
            try:
                status = self._post(identifier)
            except (OSError, http.client.HTTPException) as problem:
                self.failures.append(f"{identifier}: {problem!r}")
                self._connection.close()
                continue
            if status in (200, 201):
                self.ids.append(identifier)
            elif status == 503:
                self.refusals += 1
            else:
                self.failures.append(f"{identifier}: {status}")

    def _post(self, identifier):
        body = json.dumps({"id": identifier, "threat_type": "malware"})
        self._connection.request("POST", "/api/threats/trigger", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


def holders(topology):
    """How many connections HAProxy has open to each replica: the dashboards, while nobody posts."""
    _, table = request(f"http://127.0.0.1:{topology.statistics_port}/;csv")
    lines = [line.split(",") for line in table.splitlines()]
    column = lines[0].index("scur")
    return {line[1]: int(line[column]) for line in lines[1:] if line[0] == "replicas" and line[1] in topology.replicas}


def test_a_threat_posted_through_the_proxy_reaches_the_clients_of_every_replica(topology):
    with Dashboards(topology) as dashboards:
        assert all(holders(topology).values()), "leastconn left a replica without a client"
        answers = [topology.post(f"direct-{number}") for number in range(30)]
        assert [status for status, _ in answers] == [201] * 30
        assert len({body["received_by"] for _, body in answers}) > 1, "all posts went to one replica"
        dashboards.expect([body["id"] for _, body in answers])
        seen = {threat["id"]: threat["cursor"] for threat in dashboards.each[0].threats}
        assert seen == {body["id"]: body["cursor"] for _, body in answers}
        assert dashboards.closes == []


def test_clients_of_a_draining_replica_get_1012_and_resume_elsewhere_without_gap_or_duplicate(topology):
    with Dashboards(topology) as dashboards:
        held = holders(topology)["replica-2"]
        with Publisher(topology, "drain") as publisher:
            assert held > 0
            leaving = topology.replicas["replica-2"]
            leaving.signal(signal.SIGTERM)
            wait_until(lambda: not topology.is_up("replica-2"), "HAProxy took the draining replica out")
            assert leaving.wait() == 0, leaving.tail()
            wait_until(lambda: all(each.is_connected.is_set() for each in dashboards.each), "all clients are back")
            after = len(publisher.ids)
            wait_until(lambda: len(publisher.ids) >= after + 20, "posting goes on")
        dashboards.expect(publisher.ids)
        assert dashboards.closes == [1012] * held
        assert sum(each.first_frames.count("resumed") for each in dashboards.each) == held


def test_a_rolling_restart_of_all_replicas_costs_no_post_and_no_client_a_threat(topology):
    with Dashboards(topology, 3 * DASHBOARDS) as dashboards:
        marks = []
        with KeepAlivePublisher(topology, "roll-a") as first, KeepAlivePublisher(topology, "roll-b") as second:
            for name, replica in topology.replicas.items():
                before = [len(each.closes) for each in dashboards.each]
                replica.signal(signal.SIGTERM)
                assert replica.wait() == 0, replica.tail()
                # Who was closed has this one only by having come back.
                marks.append(topology.post_kept(f"after-{name}")["id"])
                dashboards.wait_for(marks[-1])
                expect_spread(name, [each.places[count:] for each, count in zip(dashboards.each, before)])
                replica.start()
                wait_until(lambda: topology.is_up(name), f"HAProxy took {name} in again")
                assert not first.failures + second.failures
        dashboards.expect(first.ids + second.ids + marks)
        assert set(dashboards.closes) == {1012}
        print(f"{len(first.ids) + len(second.ids)} posts, {first.refusals + second.refusals} answered 503 and repeated")


def expect_spread(name, places):
    """`places` has for each client where in the feed it was closed. Threats are posted all the time, so clients that are
    closed one after the other are closed behind different threats, however late they read it."""
    closed = [place for each in places for place in each]
    print(f"{name}: {len(closed)} clients closed behind {len(set(closed))} different threats")
    assert max(len(each) for each in places) == 1, "a client came back to a replica that drains"
    assert len(closed) >= 6, closed
    assert len(set(closed)) >= 3, closed


def test_a_killed_replica_is_taken_out_and_comes_back(topology):
    with Dashboards(topology) as dashboards:
        held = holders(topology)["replica-1"]
        with Publisher(topology, "kill") as publisher:
            victim = topology.replicas["replica-1"]
            victim.signal(signal.SIGKILL)
            victim.wait()
            wait_until(lambda: not topology.is_up("replica-1"), "HAProxy took the killed replica out")
            wait_until(lambda: all(each.is_connected.is_set() for each in dashboards.each), "all clients are back")
            assert holders(topology)["replica-1"] == 0
            victim.start()
            wait_until(lambda: topology.is_up("replica-1"), "HAProxy took the replica in again")
        dashboards.expect(publisher.ids)
        assert len(dashboards.closes) == held


def test_without_a_ready_replica_the_proxy_says_so_as_a_problem_document(topology):
    for replica in topology.replicas.values():
        replica.signal(signal.SIGKILL)
        replica.wait()
    for name in topology.replicas:
        wait_until(lambda: not topology.is_up(name), f"HAProxy took {name} out")
    status, text = request(topology.url + "/api/threats")
    assert status == 503
    assert '"detail":"no replica is ready"' in text
