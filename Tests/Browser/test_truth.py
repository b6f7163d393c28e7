"""What the page says of itself is so: live means that what is accepted is on the page a moment later.

Against a feed of the test's own (stage.py), because what is to be seen here happens when something breaks.
"""

import unittest

from replica import wait_until
from stage import GENERATION
from staged import StageTest

SINCE = "2026-03-04T12:03:10.250Z"
# The browser itself notes each try that is refused, cut, or answered with an error.
BROWSER_NOTES = ["WebSocket connection to", "net::ERR_", "the server responded with a status of"]


class LogTest(StageTest):
    def test_a_replica_that_cannot_follow_the_log_is_not_live(self):
        self.stage.keep()
        self.open_dashboard()
        self.heartbeat(log="unreachable", since=SINCE)
        self.wait_phase("blind")
        self.wait_state("connected", "cannot follow the log since", self.read_clock(SINCE), "threats may be missing")
        self.assertNotIn("Live", self.state())
        self.assertIn("cannot follow the log", self.announced())
        self.assertNotEqual(self.script("return document.title"), "Tocsin")
        # What the replica still had in its memory is no sign that the log is back.
        late = self.stage.accept()
        wait_until(lambda: late in self.row_ids(), "what the replica still had is shown")
        self.assertEqual(self.attribute("body", "data-phase"), "blind")
        self.heartbeat()
        self.wait_live()
        self.assertEqual(self.text("#state-detail"), "")
        self.assert_nothing_bad_happened()

    def test_an_outage_goes_on_at_the_next_replica_until_that_one_knows_better(self):
        self.stage.keep()
        self.open_dashboard()
        self.heartbeat(log="unreachable", since=SINCE)
        self.wait_phase("blind")
        self.stage.close(1013, "no log here")
        self.stage.wait_connection(2)
        self.wait_phase("blind")
        self.assertNotIn("Feed: Live", self.announced())
        self.pass_time(3)
        self.wait_live()
        self.assert_nothing_bad_happened()

    def test_an_empty_list_is_no_calm_while_the_log_is_out_of_reach(self):
        self.open_dashboard()
        self.assertIn("All quiet", self.text("#empty"))
        self.heartbeat(log="unreachable", since=SINCE)
        self.wait_phase("blind")
        self.assertNotIn("All quiet", self.text("#empty"))
        self.assert_nothing_bad_happened()

    def test_a_log_that_is_ahead_of_the_page_is_told_with_count_and_age(self):
        self.stage.keep(age=100)
        self.open_dashboard()
        self.stage.accept()
        wait_until(lambda: self.row_ids() == ["t2", "t1"], "the threats are there")
        for _ in range(40):
            self.stage.keep()
        # A page that wakes asks where the log ends.
        self.sleep(200)
        wait_until(lambda: self.text("#total") == "42", "the answer is there")
        self.pass_time(10)
        self.wait_phase("behind")
        self.wait_state("40 behind", "newest", "old")
        for threat in self.stage.threats[2:]:
            self.stage.send(type="new_threat", cursor=threat["cursor"], data=threat)
        self.wait_live()
        self.assert_nothing_bad_happened()

    def test_threats_that_come_late_make_the_page_ask_how_late_it_is(self):
        self.stage.keep()
        self.open_dashboard()
        asked = self.stage.count("/api/analytics")
        for _ in range(30):
            self.stage.keep(age=80)
        # The first ten of them come, 80 s after they were received.
        for threat in self.stage.threats[1:11]:
            self.stage.send(type="new_threat", cursor=threat["cursor"], data=threat)
        wait_until(lambda: self.text("#cursor") == self.stage.cursor(11), "they are there")
        self.pass_time(10)
        self.wait_phase("behind")
        self.assertGreater(self.stage.count("/api/analytics"), asked)
        self.wait_state("20 behind, newest 1 min", "s old")
        for threat in self.stage.threats[11:]:
            self.stage.send(type="new_threat", cursor=threat["cursor"], data=threat)
        self.stage.accept()
        self.wait_live()
        self.assert_nothing_bad_happened()

    def test_a_replica_whose_clock_is_wrong_does_not_make_the_page_late(self):
        self.open_dashboard()
        for _ in range(3):
            self.stage.accept(age=86_400)
        asked = self.stage.count("/api/analytics")
        wait_until(lambda: self.row_ids() == ["t3", "t2", "t1"], "they come")
        self.pass_time(10)
        wait_until(lambda: self.stage.count("/api/analytics") > asked, "the page asks")
        wait_until(lambda: self.text("#total") == "3", "the answer is there")
        self.pass_time(10)
        self.assertEqual(self.state(), "Live: ")
        self.assert_nothing_bad_happened()

    def test_a_heartbeat_beyond_the_last_entry_tells_of_a_gap(self):
        self.stage.keep()
        self.open_dashboard()
        self.stage.send(type="heartbeat", cursor=self.stage.cursor(4))
        self.wait_text("#notices", "3 not shown", f"{GENERATION}-1 and {GENERATION}-4 did not arrive")
        wait_until(lambda: len(self.markers()) == 1, "the gap is marked")
        self.assert_nothing_bad_happened()

    def test_counts_that_cannot_be_asked_for_say_of_when_they_are(self):
        self.stage.keep()
        self.open_dashboard()
        self.stage.answers["/api/analytics"] = (503, {"status": 503, "detail": "The log cannot be read."})
        self.sleep(200)
        self.wait_text("#counts-note", "Counts of", "The log cannot be read.")
        self.assertNotIn("..", self.text("#counts-note"))
        del self.stage.answers["/api/analytics"]
        self.sleep(200)
        wait_until(lambda: self.text("#counts-note") == "", "counts are true again")
        self.expected_in_log = BROWSER_NOTES
        self.assert_nothing_bad_happened()


class SilenceTest(StageTest):
    def test_silence_is_noticed_though_the_clock_was_set_back(self):
        self.stage.keep()
        self.open_dashboard()
        self.sleep(-3600, monotonic_seconds=0)
        self.pass_time(40)
        self.stage.wait_connection(2)
        self.wait_live()
        self.assertIn(f"/ws?after={self.stage.cursor()}", self.stage.requests)
        self.assertEqual(self.stage.heard, [], "no sleep was suspected")
        self.assert_nothing_bad_happened()

    def test_what_the_wall_clock_does_is_no_silence(self):
        self.stage.keep()
        self.open_dashboard()
        self.sleep(-3600, monotonic_seconds=0)
        self.sleep(7200, monotonic_seconds=0)
        wait_until(lambda: '{"type":"ping"}' in self.stage.heard, "the page makes sure that the line lives")
        late = self.stage.accept()
        wait_until(lambda: late in self.row_ids(), "the connection goes on")
        self.pass_time(30)
        self.assertEqual(self.stage.count("/ws"), 1)
        self.assert_nothing_bad_happened()

    def test_waking_from_sleep_is_noticed_by_a_clock_that_stood_still(self):
        self.stage.keep()
        self.open_dashboard()
        self.stage.speaks = False
        self.sleep(3600, monotonic_seconds=0)
        wait_until(lambda: '{"type":"ping"}' in self.stage.heard, "the page makes sure that the line lives")
        self.pass_time(15)
        self.stage.wait_connection(2)
        self.wait_live()
        self.assert_nothing_bad_happened()

    def test_waking_from_sleep_is_no_silence_if_the_line_lives(self):
        self.stage.keep()
        self.open_dashboard()
        self.sleep(3600)
        wait_until(lambda: '{"type":"ping"}' in self.stage.heard, "the page makes sure that the line lives")
        late = self.stage.accept()
        wait_until(lambda: late in self.row_ids(), "the connection goes on")
        self.assertEqual(self.stage.count("/ws"), 1)
        self.assert_nothing_bad_happened()

    def test_a_first_frame_may_take_long_while_the_server_answers(self):
        self.stage.keep()
        self.stage.joins = False
        self.browser.get(self.url)
        self.stage.wait_connection(1)
        for number in range(1, 4):
            self.pass_time(30)
            wait_until(lambda: self.stage.count("/health") >= number, "the page asks whether the server is there")
        self.wait_text("#state-detail", "waiting for the first threats")
        self.stage.send(type="initial_batch", cursor=self.stage.cursor(), data=self.stage.threats)
        self.wait_live()
        self.assertEqual(self.stage.count("/ws"), 1)
        self.assert_nothing_bad_happened()

    def test_a_first_frame_that_never_comes_is_asked_for_again_and_smaller(self):
        self.stage.joins = False
        self.browser.get(self.url)
        self.stage.wait_connection(1)
        self.pass_time(130)
        self.stage.joins = True
        self.stage.wait_connection(2)
        self.wait_live()
        asked = [target for target in self.stage.requests if target.startswith("/ws")]
        self.assertEqual(asked, ["/ws?history=100", "/ws?history=25"])
        self.assert_nothing_bad_happened()


class ClosingTest(StageTest):
    def test_the_page_comes_back_from_every_close_but_those_that_forbid_it(self):
        self.stage.keep()
        self.open_dashboard()
        codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 4001, 4401, 4499]
        for number, code in enumerate(codes, start=2):
            # A connection that stood for a while: no back-off grows.
            self.pass_time(10)
            self.stage.client
            self.stage.close(code)
            self.stage.wait_connection(number)
            self.wait_live()
        late = self.stage.accept()
        self.wait_rows([late, "t1"])
        self.assertEqual(self.markers(), [])
        self.expected_in_log = BROWSER_NOTES
        self.assert_nothing_bad_happened()

    def test_what_is_ended_for_good_stays_away_until_somebody_wants_it(self):
        for code in (4500, 4999):
            self.open_dashboard()
            number = self.stage.count("/ws")
            self.stage.client
            self.stage.close(code, "your access was revoked")
            self.wait_phase("ended")
            self.wait_state("your access was revoked", "not to come back")
            self.script("dispatchEvent(new Event('online'))")
            self.sleep(3600)
            self.assertEqual(self.stage.count("/ws"), number)
            self.find("#retry").click()
            self.wait_live()
        self.assert_nothing_bad_happened()

    def test_a_server_that_is_away_is_asked_by_fetch_and_not_by_sockets(self):
        self.stage.keep()
        self.open_dashboard()
        self.stage.leave()
        self.wait_state("Reconnecting", "not live since", "the server cannot be reached")
        self.find("#retry").click()
        wait_until(lambda: self.script("""
            return performance.getEntriesByType("resource").filter(e => e.name.endsWith("/health")).length""") >= 2,
            "the page asks again")
        self.stage.listen()
        self.stage.wait_connection(2)
        self.wait_live()
        # The first try after the cut, and the one that came through: all between were questions.
        refused = [entry for entry in self.browser.get_log("browser") if "WebSocket connection to" in entry["message"]]
        self.assertLessEqual(len(refused), 1)

    def test_a_socket_that_is_held_back_is_waited_for(self):
        self.stage.keep()
        self.stage.gate.clear()
        self.browser.get(self.url)
        for number in range(1, 4):
            self.pass_time(20)
            wait_until(lambda: self.stage.count("/health") >= number, "the page asks whether the server is there")
        self.wait_text("#state-detail", "the server answers", "holds the connection back")
        self.stage.gate.set()
        self.wait_live()
        self.assertEqual(self.stage.count("/ws"), 1)
        self.assert_nothing_bad_happened()

    def test_the_true_cause_is_told(self):
        self.stage.keep()
        self.open_dashboard()
        refused = (503, {"status": 503})
        self.stage.answers["/ws"] = refused
        causes = [
            ({"/ready": (503, {"status": "not_ready", "reason": "redis is down"})}, "not ready: redis is down"),
            ({"/health": (502, {})}, "no replica serves: the answer is 502"),
            ({"/health": (401, {})}, "the server answers 401: load this page again to log in"),
            ({}, "the server answers, but not to a WebSocket"),
        ]
        self.stage.client
        self.stage.close(1012)
        for answers, words in causes:
            self.stage.answers = {"/ws": refused, **answers}
            wait_until(lambda: self.find("#retry").is_displayed(), "the page waits for its next try")
            self.script("document.querySelector('#retry').click()")
            self.wait_state("Reconnecting", words)
        self.stage.answers = {}
        self.script("document.querySelector('#retry').click()")
        self.wait_live()
        self.expected_in_log = BROWSER_NOTES
        self.assert_nothing_bad_happened()


if __name__ == "__main__":
    unittest.main()
