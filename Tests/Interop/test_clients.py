"""When clients come back and when they stay away: the recipes of clients/ and `tocsin watch` against a service that
plays one scene for each connection."""

import pytest
from programs import SILENCE_SECONDS, Program
from scripted import GENERATION, Break, Close, Refuse, Service, Silence, Unanswered

PROGRAMS = ("python", "java", "go", "watch")
PROBLEM = {"Content-Type": "application/problem+json"}
COMES_BACK = [
    # What replicas send, what proxies send of their own, what applications may.
    *(Close(code, "x") for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014)),
    Close(3000), Close(4000), Close(4001, f"resume after {GENERATION}-1"), Close(4401, "resume after"), Close(4499),
    Break(),
    *(Refuse(status) for status in (301, 408, 429, 500, 502, 504)),
    Refuse(503, {"Retry-After": "1"}), Refuse(404, {"Content-Type": "text/html"}, b"<h1>no such backend</h1>"),
]
STAYS_AWAY = [
    Close(4500, "access was revoked"), Close(4999),
    *(Refuse(status, PROBLEM, b'{"detail":"why"}') for status in (400, 401, 403, 404, 422)),
]


@pytest.fixture(params=PROGRAMS)
def name(request):
    return request.param


def test_a_client_comes_back_from_all_that_does_not_say_otherwise(name, tmp_path, commands):
    with Service(COMES_BACK) as service:
        program = Program(name, commands[name], tmp_path, service.url)
        try:
            program.wait_for(lambda _: service.is_played, f"comes back {len(COMES_BACK)} times")
            program.expect(service.sent)
            assert "after" not in service.targets[0]
            # Each time it asks for what follows the last threat that it had; one may break off with the line.
            given = [sum(not isinstance(scene, Refuse) for scene in COMES_BACK[:number])
                     for number in range(1, len(COMES_BACK) + 1)]
            asked = [int(target["after"].removeprefix(f"{GENERATION}-")) for target in service.targets[1:]]
            assert all(after in (count, count - 1) for after, count in zip(asked, given)), asked
            assert asked[:COMES_BACK.index(Break())] == given[:COMES_BACK.index(Break())]
        finally:
            program.stop()


@pytest.mark.parametrize("scene", [Silence(), Unanswered()], ids=["silent line", "no answer"])
def test_a_client_notices_a_line_that_died_in_silence(name, scene, tmp_path, commands):
    with Service([scene]) as service:
        program = Program(name, commands[name], tmp_path, service.url)
        try:
            program.wait_for(lambda _: service.is_played, f"gives up a line of {SILENCE_SECONDS} s of silence")
            program.expect(service.sent)
        finally:
            program.stop()


@pytest.mark.parametrize("scene", STAYS_AWAY, ids=str)
def test_a_client_that_is_told_to_stay_away_says_why_and_ends(name, scene, tmp_path, commands):
    with Service([scene]) as service:
        program = Program(name, commands[name], tmp_path, service.url)
        try:
            assert program.child.wait() == (65 if name == "watch" else 1), program.notes
        finally:
            program.stop()
        assert program.count(Program.GIVES_UP) == 1, program.notes
        assert str(scene.code if isinstance(scene, Close) else scene.status) in program.notes
        assert len(service.targets) == 1
