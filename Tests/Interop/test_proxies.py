"""Python, Java, Go and `tocsin watch` through each proxy, with the configurations that are shipped: all come back by
themselves from whatever happens behind it, and miss and repeat nothing."""

import pytest
from eventsource import EventSource
from feeds import FEEDS
from programs import Program
from proxies import ALL
from topology import wait_until
from world import HEARTBEAT_SECONDS, Publisher, World

IDLE_SECONDS = 6


@pytest.fixture(params=ALL, ids=lambda each: each.name)
def proxy(request):
    return request.param


def test_a_rolling_restart(proxy, tmp_path, commands):
    with World(tmp_path, proxy, commands) as world:
        with Publisher(world) as publisher:
            for name in world.replicas:
                world.drain(name)
                publisher.wait_for_more(5)
                world.start(name)
                publisher.wait_for_more(5)
        world.expect_everywhere(publisher.ids)
        assert any(program.count(Program.COMES_BACK) for program in world.programs)


def test_a_restart_of_the_only_replica(proxy, tmp_path, commands):
    with World(tmp_path, proxy, commands, replicas=1) as world:
        ids = [world.post("before")]
        world.drain("replica-1")
        for program in world.programs:
            program.wait_for(lambda each: each.count(Program.COMES_BACK) >= 2, "has tried in vain")
        world.start("replica-1")
        ids.append(world.post("after"))
        world.expect_everywhere(ids)


@pytest.mark.parametrize("answering", [each for each in ALL if each.answers_streams], ids=lambda each: each.name)
def test_an_event_source_survives_a_restart_of_the_only_replica(answering, tmp_path):
    with World(tmp_path, answering, {}, replicas=1) as world, EventSource(world.proxy.url) as source:
        wait_until(lambda: source.failure or source.has_joined, "the event source has joined")
        ids = [world.post("before")]
        world.drain("replica-1")
        rounds = source.rounds
        wait_until(lambda: source.failure or source.rounds >= rounds + 2, "the event source has tried in vain")
        world.start("replica-1")
        ids.append(world.post("after"))
        wait_until(lambda: source.failure or len(source.ids) >= len(ids), "the event source is back")
        assert (source.failure, source.ids) == (None, ids)


def test_a_killed_replica(proxy, tmp_path, commands):
    with World(tmp_path, proxy, commands) as world:
        with Publisher(world) as publisher:
            for name in world.replicas:
                world.kill(name)
                publisher.wait_for_more(5)
                world.expect_so_far(publisher)
                world.start(name)
                world.await_proxy()
        world.expect_everywhere(publisher.ids)


def test_without_redis(proxy, tmp_path, commands):
    with World(tmp_path, proxy, commands) as world:
        ids = [world.post("before")]
        world.expect_everywhere(ids)
        world.stop_redis()
        for program in world.programs:
            program.wait_for(lambda each: each.count(Program.BLIND) > 0, "says that it is blind")
        world.start_redis()
        ids.append(world.post("after"))
        world.expect_everywhere(ids)


def test_a_partitioned_replica(proxy, tmp_path, commands):
    with World(tmp_path, proxy, commands) as world:
        ids = [world.post("before")]
        world.expect_everywhere(ids)
        for name, relay in world.relays.items():
            relay.cut()
            other = next(each for each in world.replicas if each != name)
            ids.append(world.post(f"behind-{name}", world.address(other)))
            for program in world.programs:
                blind = program.count(Program.BLIND)
                program.wait_for(
                    lambda each: ids[-1] in each.ids or each.count(Program.BLIND) > blind, "has it, or says it is blind")
            relay.mend()
            world.await_ready(name)
            world.expect_everywhere(ids)


def test_a_reload_of_the_proxy(proxy, tmp_path, commands):
    with World(tmp_path, proxy, commands) as world:
        with Publisher(world) as publisher:
            joined = {program: program.count(Program.COMES_BACK) for program in world.programs}
            world.proxy.reload()
            publisher.wait_for_more(10)
            if not proxy.keeps_on_reload:
                for program, before in joined.items():
                    program.wait_for(lambda each: each.count(Program.COMES_BACK) > before, "has come back")
        world.expect_everywhere(publisher.ids)
        if proxy.keeps_on_reload:
            assert {program: program.count(Program.COMES_BACK) for program in world.programs} == joined


@pytest.mark.parametrize("feed", FEEDS, ids=lambda each: each.name)
def test_an_idle_hour(proxy, feed, tmp_path):
    """Hours in which nothing happens: one connection, kept by heartbeats alone over several idle times of the proxy."""
    with World(tmp_path, proxy, {}, idle_seconds=IDLE_SECONDS) as world, feed(world.proxy.url) as client:
        assert client.next()["type"] == "initial_batch"
        for _ in range(2 * IDLE_SECONDS // HEARTBEAT_SECONDS):
            assert client.next()["type"] == "heartbeat"
        identifier = world.post("at-last")
        frame = client.next_but("heartbeat")
        assert frame["type"] == "new_threat" and frame["data"]["id"] == identifier
