"""What the list shows and what its controls say are one thing: pauses, holds, filters, what was skipped.

Against a feed of the test's own (stage.py), whose log can be as long as a test needs it.
"""

import unittest

from selenium.webdriver.common.by import By

from replica import wait_until
from staged import StageTest

ROWS_MAX = 500


class HoldTest(StageTest):
    def wait_waiting(self, words):
        wait_until(lambda: (self.text("#waiting") or "").startswith(words),
                   lambda: f"the button reads {self.text('#waiting')!r}")

    def open_row(self, number=0):
        self.browser.find_elements(By.CSS_SELECTOR, "#threats summary")[number].click()
        wait_until(lambda: self.text("#threats .detail:not(:empty)"), "the row opens")

    def test_show_ends_a_pause_and_the_controls_say_so(self):
        self.stage.keep()
        self.open_dashboard()
        self.find("#pause").click()
        self.assertEqual(self.text("#pause"), "Resume")
        for severity in ("LOW", "CRITICAL", "CRITICAL"):
            self.stage.accept(severity=severity)
        self.wait_waiting("3 new, 2 critical")
        self.assertIn("paused", self.text("#shown"))
        self.find("#waiting").click()
        self.wait_rows(["t4", "t3", "t2", "t1"])
        self.assertEqual(self.text("#pause"), "Pause")
        self.assertEqual(self.attribute("#pause", "aria-pressed"), "false")
        self.assertNotIn("paused", self.text("#shown"))
        self.stage.accept(severity="CRITICAL")
        self.wait_rows(["t5", "t4", "t3", "t2", "t1"])
        self.assert_nothing_bad_happened()

    def test_show_ends_the_hold_of_an_open_row(self):
        self.stage.keep()
        self.open_dashboard()
        self.open_row()
        self.stage.accept()
        self.wait_waiting("1 new")
        self.assertIn("held while you read", self.text("#shown"))
        self.find("#waiting").click()
        self.wait_rows(["t2", "t1"])
        self.stage.accept()
        self.wait_rows(["t3", "t2", "t1"])
        self.assertTrue(self.attribute("[data-id=t1] details", "open") is not None, "the row is still open")
        self.assert_nothing_bad_happened()

    def test_a_forgotten_row_holds_the_feed_for_a_while_only(self):
        self.stage.keep()
        self.open_dashboard()
        self.open_row()
        self.stage.accept()
        self.pass_time(170)
        self.wait_waiting("1 new")
        self.pass_time(15)
        self.wait_rows(["t2", "t1"])
        self.assert_nothing_bad_happened()

    def test_who_moves_is_still_reading(self):
        self.stage.keep()
        self.open_dashboard()
        self.open_row()
        self.stage.accept()
        for _ in range(3):
            self.pass_time(170)
            self.press("x")
        self.wait_waiting("1 new")
        self.assertEqual(self.row_ids(), ["t1"])
        self.assert_nothing_bad_happened()

    def test_an_open_row_off_screen_does_not_hold_the_feed(self):
        for _ in range(80):
            self.stage.keep()
        self.open_dashboard()
        self.wait_rows([f"t{n}" for n in range(80, 0, -1)])
        last = self.browser.find_elements(By.CSS_SELECTOR, "#threats summary")[-1]
        self.script("arguments[0].scrollIntoView()", last)
        last.click()
        wait_until(lambda: self.text("[data-id=t1] .detail"), "the row opens")
        self.stage.accept()
        self.wait_waiting("1 new")
        self.script("document.querySelector('#scroller').scrollTo(0, 0)")
        wait_until(lambda: self.row_ids()[0] == "t81", "the list goes on at its top")
        self.assert_nothing_bad_happened()

    def test_what_was_skipped_in_a_long_pause_is_marked(self):
        self.stage.keep()
        self.open_dashboard()
        self.find("#pause").click()
        for _ in range(3000):
            self.stage.accept()
        self.wait_waiting("3,000 new")
        self.find("#waiting").click()
        shown = ROWS_MAX - 51
        newest = [f"t{n}" for n in range(3001, 3001 - shown, -1)]
        self.wait_rows([*newest, "t1"])
        marker, = self.markers()
        self.assertIn(f"3,000 new, {3000 - shown:,} of them not shown", marker)
        self.assertIn("Since you paused at", marker)
        place = self.script("return document.querySelector('#threats > .marker').nextElementSibling.dataset.id")
        self.assertEqual(place, "t1", "the marker stands where the rows are missing")
        self.assert_nothing_bad_happened()

    def test_a_short_pause_leaves_no_marker(self):
        self.stage.keep()
        self.open_dashboard()
        self.find("#pause").click()
        self.stage.accept()
        self.wait_waiting("1 new")
        self.find("#pause").click()
        self.wait_rows(["t2", "t1"])
        self.assertEqual(self.markers(), [])
        self.assert_nothing_bad_happened()

    def test_after_an_hour_in_the_background_the_list_says_since_when(self):
        self.stage.keep()
        self.open_dashboard()
        with self.hidden():
            for _ in range(3):
                self.stage.accept()
            wait_until(lambda: self.script("return document.title") == "(3) Tocsin", "the title counts what is new")
            self.assertEqual(self.row_ids(), ["t1"])
            self.sleep(3600)
        self.wait_rows(["t4", "t3", "t2", "t1"])
        marker, = self.markers()
        self.assertIn("Since you left at", marker)
        self.assertIn("3 new", marker)
        self.assertNotIn("not shown", marker)
        self.assertEqual(self.stage.count("/ws"), 1)
        self.assert_nothing_bad_happened()

    def test_a_resume_that_was_impossible_says_how_many_are_missing(self):
        self.stage.keep()
        self.open_dashboard()
        self.stage.joins = False
        self.stage.client
        self.stage.close(1012)
        self.stage.wait_connection(2)
        for _ in range(150):
            self.stage.keep()
        self.stage.send(type="initial_batch", cursor=self.stage.cursor(), recovered=False, reason="it was trimmed",
                        data=self.stage.threats[:50:-1])
        self.wait_live()
        self.wait_text("#notices", "50 not shown", "it was trimmed")
        wait_until(lambda: len(self.row_ids()) == 101, "the newest and the one from before are there")
        self.assertIn("50 not shown", self.markers()[0])
        self.assert_nothing_bad_happened()


class FilterTest(StageTest):
    def test_a_filter_is_filled_from_the_server(self):
        criticals = [self.stage.keep(severity="CRITICAL")["id"] for _ in range(30)]
        for _ in range(2500):
            self.stage.keep(severity="LOW")
        self.open_dashboard()
        self.choose_severity("CRITICAL")
        self.wait_rows(criticals[::-1])
        wait_until(lambda: self.text("#shown") == "30 shown", lambda: f"it reads {self.text('#shown')}")
        late = self.stage.accept(severity="CRITICAL")
        self.wait_rows([late, *criticals[::-1]])
        # What a row knows is kept up to date, whether the page remembers its threat or not.
        self.stage.keep()
        self.stage.send(type="threat_updated", cursor=self.stage.cursor(),
                        data={"id": "t1", "triage": {"status": "resolved", "version": 2}})
        self.wait_text("[data-id=t1] .row-triage", "resolved")
        self.choose_severity("INFO")
        wait_until(lambda: len(self.row_ids()) == 101, "everything that is remembered is back")
        self.assert_nothing_bad_happened()

    def test_a_filter_is_filled_although_the_log_has_forgotten_where_the_page_stood(self):
        criticals = [self.stage.keep(severity="CRITICAL")["id"] for _ in range(30)]
        for _ in range(200):
            self.stage.keep(severity="LOW")
        self.open_dashboard()
        self.stage.answers["/api/threats"] = lambda query: (
            (410, {"status": 410, "first": self.stage.cursor(1)}) if "before" in query
            else (200, self.stage.page(query)))
        self.choose_severity("CRITICAL")
        self.wait_rows(criticals[::-1])
        self.expected_in_log = ["the server responded with a status of 410"]
        self.assert_nothing_bad_happened()

    def test_a_filter_is_filled_across_a_gap_in_what_the_page_remembers(self):
        first = self.stage.keep(severity="CRITICAL")["id"]
        self.open_dashboard()
        self.stage.joins = False
        self.stage.client
        self.stage.close(1012)
        self.stage.wait_connection(2)
        between = [self.stage.keep(severity="CRITICAL")["id"] for _ in range(3)]
        for _ in range(150):
            self.stage.keep(severity="LOW")
        last = self.stage.keep(severity="CRITICAL")["id"]
        self.stage.send(type="initial_batch", cursor=self.stage.cursor(), recovered=False, reason="it was trimmed",
                        data=self.stage.threats[:-21:-1])
        self.wait_live()
        self.choose_severity("CRITICAL")
        self.wait_rows([last, *between[::-1], first])
        self.assert_nothing_bad_happened()

    def test_many_pages_are_asked_for_until_the_list_is_full(self):
        for number in range(1400):
            self.stage.keep(severity="HIGH" if number % 2 else "LOW")
        self.open_dashboard()
        self.choose_severity("HIGH")
        self.wait_rows([f"t{number}" for number in range(1400, 400, -2)])
        self.assertEqual(self.text("#shown"), f"The newest {ROWS_MAX} are shown")
        self.assert_nothing_bad_happened()

    def test_parts_of_types_are_filled_by_whole_names(self):
        names = ("malware", "malvertising", "phishing", "malware")
        wanted = [self.stage.keep(threat_type=name)["id"] for name in names]
        for _ in range(300):
            self.stage.keep(threat_type="noise")
        self.open_dashboard()
        self.find("#type-filter").send_keys("MALW, phish")
        self.wait_rows([wanted[3], wanted[2], wanted[0]])
        self.assertEqual(self.script("return location.hash"), "#threat_type=MALW%2C+phish")
        self.assert_nothing_bad_happened()

    def test_more_types_than_the_server_takes_are_chosen_by_the_page(self):
        for number in range(100):
            self.stage.keep(threat_type=f"kind-{number}")
        other = self.stage.keep(threat_type="other")["id"]
        for _ in range(300):
            self.stage.keep(threat_type="noise")
        self.open_dashboard()
        self.find("#type-filter").send_keys("kind")
        self.wait_rows([f"t{number}" for number in range(100, 0, -1)])
        self.assertNotIn(other, self.row_ids())
        self.assert_nothing_bad_happened()

    def test_a_filter_that_nothing_matches_says_so_only_when_it_is_known(self):
        for _ in range(200):
            self.stage.keep(severity="LOW")
        self.open_dashboard()
        self.stage.answers["/api/threats"] = (503, {"status": 503, "detail": "The log cannot be read."})
        self.choose_severity("CRITICAL")
        self.wait_text("#empty", "could not be asked", "The log cannot be read")
        self.assertNotIn("Nothing matches", self.text("#empty"))
        del self.stage.answers["/api/threats"]
        self.wait_text("#empty", "Nothing matches the filter")
        self.expected_in_log = ["the server responded with a status of 503"]
        self.assert_nothing_bad_happened()

    def test_a_history_that_was_cut_short_is_completed(self):
        for _ in range(150):
            self.stage.keep()
        self.stage.joins = False
        self.browser.get(self.url)
        self.stage.send(type="initial_batch", cursor=self.stage.cursor(), data=self.stage.threats[:-5:-1])
        self.wait_live()
        self.wait_rows([f"t{number}" for number in range(150, 50, -1)])
        self.assert_nothing_bad_happened()

    def test_reload_way_back_and_a_shared_address_show_what_they_say(self):
        self.stage.keep(severity="CRITICAL")
        self.stage.keep(severity="LOW", threat_type="phishing")
        self.open_dashboard()
        self.choose_severity("CRITICAL")
        self.wait_rows(["t1"])
        wait_until(lambda: self.script("return location.hash") == "#min_severity=CRITICAL", "the address says it")
        shared = self.script("return location.href")

        def check():
            self.wait_rows(["t1"])
            self.assertEqual(self.script("return document.querySelector('#min-severity').value"), "CRITICAL")
            self.assertEqual(self.attribute("[data-severity=CRITICAL] .count", "aria-pressed"), "true")

        self.browser.refresh()
        self.wait_live()
        check()
        self.browser.get(self.url + "health")
        self.browser.back()
        self.wait_live()
        check()
        self.browser.switch_to.new_window("tab")
        self.addCleanup(self.browser.switch_to.window, self.browser.window_handles[0])
        self.addCleanup(self.browser.close)
        self.browser.get(shared)
        self.wait_live()
        check()
        self.script("location.hash = '#threat_type=phish'")
        self.wait_rows(["t2"])
        self.assertEqual(self.script("return document.querySelector('#min-severity').value"), "INFO")
        self.assertEqual(self.script("return document.querySelector('#type-filter').value"), "phish")
        self.script("location.hash = ''")
        self.wait_rows(["t2", "t1"])

    def test_an_address_that_asks_for_what_there_is_not_is_not_followed_in_silence(self):
        self.stage.keep()
        self.open_dashboard("#min_severity=severe")
        self.wait_text("#notices", "severity that is none: severe")
        self.wait_rows(["t1"])
        self.browser.get("about:blank")
        self.open_dashboard("?min_severity=high")
        wait_until(lambda: self.script("return location.href") == self.url + "#min_severity=HIGH", "it is put right")
        self.assertEqual(self.row_ids(), [])
        self.assert_nothing_bad_happened()

    def test_the_skip_link_leaves_the_filter_alone(self):
        self.stage.keep()
        self.open_dashboard("#min_severity=CRITICAL")
        self.script("document.querySelector('.skip').click()")
        self.assertEqual(self.focused(), "feed")
        self.assertEqual(self.script("return location.hash"), "#min_severity=CRITICAL")
        self.assertEqual(self.row_ids(), [])
        self.assert_nothing_bad_happened()

    def test_a_filter_in_a_pause_shows_nothing_that_waits(self):
        self.stage.keep(severity="HIGH")
        self.open_dashboard()
        self.find("#pause").click()
        self.stage.accept(severity="HIGH")
        self.stage.accept(severity="LOW")
        wait_until(lambda: (self.text("#waiting") or "").startswith("2 "), "both wait")
        self.choose_severity("HIGH")
        wait_until(lambda: (self.text("#waiting") or "").startswith("1 "), "one of them matches")
        self.assertEqual(self.row_ids(), ["t1"])
        self.find("#waiting").click()
        self.wait_rows(["t2", "t1"])
        self.assert_nothing_bad_happened()


if __name__ == "__main__":
    unittest.main()
