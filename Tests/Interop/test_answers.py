"""What a proxy says for replicas that are away, and that it never posts twice."""

import http.client
import json
import threading

import pytest
from feeds import HANG_SECONDS
from fakes import FakeReplica
from proxies import ALL
from topology import request, wait_until

POSTS = 12


@pytest.fixture(params=ALL, ids=lambda each: each.name)
def proxy(request):
    return request.param


def test_an_event_stream_that_nobody_serves_is_told_so(proxy, tmp_path):
    """A browser's EventSource comes back from the end of a stream, and never from an error status."""
    with FakeReplica() as away, FakeReplica() as also, FakeReplica() as third:
        ports = [each.port for each in (away, also, third)]
    with proxy(tmp_path, ports) as running:
        wait_until(lambda: running.expect_running() and request(running.url + "/api/threats")[0] >= 500,
                   "the proxy answers for replicas that are away")
        for query in ("", "?history=5&min_severity=HIGH"):
            status, kind, body = get(running.port, "/api/threats/stream" + query)
            if not proxy.answers_streams:
                assert status in (502, 503, 504)
                continue
            assert (status, kind.split(";")[0]) == (200, "text/event-stream"), body
            blocks = [block.splitlines() for block in body.split("\n\n")]
            assert any(line.startswith("retry: ") for block in blocks for line in block)
            event = next(block for block in blocks if "event: unavailable" in block)
            data = next(line for line in event if line.startswith("data: ")).removeprefix("data: ")
            assert json.loads(data)["type"] == "unavailable"
            # Without the empty line a browser drops the event.
            assert body.endswith("\n\n")
        assert get(running.port, "/api/threats")[0] in (502, 503, 504)


@pytest.mark.parametrize("fate", ["closed", "503"])
def test_a_post_is_sent_to_one_replica_once(proxy, fate, tmp_path):
    """A threat without an id that is sent again is a second threat; whether to risk that is the publisher's affair."""
    with FakeReplica(fate) as one, FakeReplica(fate) as two, FakeReplica(fate) as three:
        replicas = (one, two, three)
        with proxy(tmp_path, [each.port for each in replicas]) as running:
            wait_until(lambda: running.expect_running() and request(running.url + "/ready")[0] == 200,
                       "the proxy gives requests to replicas")
            for number in range(POSTS):
                before = sum(each.posts for each in replicas)
                # Connections that were used before are those on which proxies dare to repeat a request.
                fill_pools(running, 6)
                status, _ = request(running.url + "/api/threats/trigger", b'{"threat_type":"malware"}',
                                    {"Content-Type": "application/json"})
                assert status == 0 or status >= 500, status
                # Not at all, where the proxy holds all of them for dead by then.
                assert sum(each.posts for each in replicas) - before <= 1, f"post {number} was sent again"
            assert sum(each.posts for each in replicas) > 1


def fill_pools(running, count):
    """Several requests at once, so that a proxy has connections to spare afterwards."""
    threads = [threading.Thread(target=request, args=(running.url + "/ready",)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def get(port, path):
    """Status, content type and whole content."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_SECONDS)
    connection.request("GET", path, headers={"Accept": "text/event-stream"})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers.get("Content-Type", ""), body
