"""The dashboard in a real browser against a real `tocsin serve`.

Needs $TOCSIN_BIN (the tocsin executable), Chromium and its driver ($CHROMIUM and $CHROMEDRIVER, or from
PATH), and the packages of requirements.txt. Whatever is missing is an error, never a skipped test.
"""

import json
import signal
import unittest
import urllib.error
import urllib.request

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from page import PageTest
from replica import Replica, wait_until

# A browser alone at a dead replica waits up to 30 s between two tries.
RESUME_SECONDS = 150
ROWS_MAX = 500

POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
}

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script><b>bold</b>\"'&lt;svg onload=alert(3)>"


class DashboardTest(PageTest):
    """Each test has a replica and a log of its own."""

    def setUp(self):
        self.start_replica()
        super().setUp()

    def start_replica(self, **options):
        self.replica = Replica(**options)
        self.addCleanup(self.replica.remove)
        self.replica.start()
        self.url = self.replica.url + "/"

    # Tests

    def test_page_and_feed_over_tls(self):
        self.replica.remove()
        self.start_replica(secure=True)
        self.open_dashboard()
        posted = self.replica.post(title="over TLS")["id"]
        self.wait_rows([posted])
        self.assertEqual(self.script("return location.protocol"), "https:")
        self.assert_nothing_bad_happened()

    def test_page_is_served_under_the_strict_policy(self):
        request = urllib.request.Request(self.replica.url + "/", headers={"accept": "text/html"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            policy = answer.headers["content-security-policy"]
            self.assertTrue(answer.headers["content-type"].startswith("text/html"))
        self.assertIsNotNone(policy, "Content-Security-Policy")
        self.assertEqual({" ".join(part.split()) for part in policy.split(";") if part.strip()}, POLICY)
        self.open_dashboard()
        self.assertIn("All quiet", self.text("#empty"))
        addresses = self.script("return performance.getEntriesByType('resource').map(e => e.name)")
        foreign = [address for address in addresses if not address.startswith(self.replica.url + "/")]
        self.assertEqual(foreign, [], "the page loads nothing from elsewhere")
        self.assert_nothing_bad_happened()

    def test_posted_threat_appears_as_a_row_and_newest_first(self):
        before = self.replica.post(title="Before the page")
        self.open_dashboard()
        self.wait_rows([before["id"]])
        after = self.replica.post(title="While it looks", severity="critical", customer_name="Acme")
        self.wait_rows([after["id"], before["id"]])
        row = self.find("#threats > .row")
        self.assertEqual(row.find_element(By.CSS_SELECTOR, ".badge").text, "CRITICAL")
        self.assertEqual(row.find_element(By.CSS_SELECTOR, ".row-title").text, "While it looks")
        self.assertEqual(row.find_element(By.CSS_SELECTOR, ".row-customer").text, "Acme")
        wait_until(lambda: self.text("#cursor") == after["cursor"], "the last cursor is shown")
        self.assert_nothing_bad_happened()

    def test_markup_in_every_field_is_text(self):
        self.open_dashboard()
        threat = self.replica.post(
            title=MARKUP, summary=MARKUP, customer_name=MARKUP, source=MARKUP,
            indicators=[{"type": MARKUP, "value": MARKUP}], metadata={MARKUP: [MARKUP, 1.0]},
            **{f"field {MARKUP}": MARKUP})
        self.wait_rows([threat["id"]])
        self.find("#threats summary").click()
        detail = wait_until(lambda: self.text("#threats .detail"), "the row opens")
        self.assertEqual(self.text("#threats .row-title"), MARKUP)
        self.assertEqual(self.text("#threats .row-customer"), MARKUP)
        # Title, summary, customer, source, indicator type and value, the extra member's name and value.
        self.assertEqual(detail.count(MARKUP), 8)
        self.assertIn(json.dumps(MARKUP) + ": [", detail, "metadata is pretty JSON")
        self.assertIn("1.0", detail, "numbers are as they were sent")
        foreign = self.script(
            "return document.querySelectorAll('#threats :is(img, script, b, svg)').length")
        self.assertEqual(foreign, 0)
        self.assert_nothing_bad_happened()

    def test_strange_texts_and_absent_fields_are_shown(self):
        self.open_dashboard()
        bare = self.replica.post()
        name = "\u202edesrever \u0627\u0644\u0639\u0631\u0628\u064a\u0629"
        wide = self.replica.post(title="W" * 1000, customer_name=name)
        deep = self.replica.post(title="Two lines", summary="line\nbreak", metadata={"a": [{}] * 20})
        self.wait_rows([deep["id"], wide["id"], bare["id"]])
        overflow = self.script("return document.documentElement.scrollWidth - innerWidth")
        self.assertLessEqual(overflow, 0, "nothing is wider than the window")
        self.find(f"[data-id='{wide['id']}'] summary").click()
        wait_until(lambda: "W" * 1000 in (self.text(".detail:not(:empty)") or ""), "the detail has the whole title")
        self.browser.set_window_size(380, 800)
        self.addCleanup(self.browser.set_window_size, 1280, 900)
        overflow = self.script("return document.documentElement.scrollWidth - innerWidth")
        self.assertLessEqual(overflow, 0, "nor at 380 pixels")
        self.assert_nothing_bad_happened()

    def test_counts_follow_history_and_feed(self):
        self.replica.post_many([{"threat_type": "malware", "severity": "HIGH"}] * 3)
        self.open_dashboard()
        # From here on the feed alone keeps the counts: another answer would hide what it does wrong.
        self.script("""
            const real = window.fetch;
            const isClosed = (address) => new URL(address, document.baseURI).pathname === "/api/analytics";
            window.fetch = (address, ...rest) =>
              isClosed(address) ? Promise.reject(new Error("closed")) : real(address, ...rest);""")
        self.replica.post_many([{"threat_type": "phishing", "severity": "LOW"}] * 4
                               + [{"threat_type": "malware", "severity": "CRITICAL"}])
        expected = {"CRITICAL": "1", "HIGH": "3", "MEDIUM": "0", "LOW": "4", "INFO": "0"}
        wait_until(lambda: self.severity_counts() == expected, lambda: f"severities are {self.severity_counts()}")
        wait_until(lambda: self.type_counts() == {"malware": "4", "phishing": "4"},
                   lambda: f"types are {self.type_counts()}")
        wait_until(lambda: self.text("#total") == "8", lambda: f"total is {self.text('#total')}")
        wait_until(lambda: self.text("#rate") == "5", lambda: f"rate is {self.text('#rate')}")
        self.assert_nothing_bad_happened()

    def test_sample_button_makes_each_scenario_and_shows_a_refusal(self):
        self.open_dashboard()
        scenarios = self.script(
            "return [...document.querySelectorAll('#scenario option')].map(o => o.value)")
        self.assertEqual(scenarios, ["crypto_surge", "bot_attack", "geo_impossible", "critical_threat"])
        for count, scenario in enumerate(scenarios, start=1):
            self.find(f"#scenario option[value={scenario}]").click()
            self.find("#trigger").click()
            wait_until(lambda: len(self.row_ids()) == count, lambda: f"{scenario} appears: {self.text('#notices')}")
            wait_until(lambda: self.attribute("#trigger", "aria-busy") is None, "the button is free again")
        self.script("document.querySelector('#scenario option:checked').value = 'no_such_scenario'")
        self.find("#trigger").click()
        wait_until(lambda: "422" in self.text("#notices"), "the refusal is shown")
        self.assertEqual(len(self.row_ids()), 4)
        self.expected_in_log = ["the server responded with a status of 422"]
        self.assert_nothing_bad_happened()

    def test_filters_narrow_and_widen_what_is_shown(self):
        self.open_dashboard()
        low, high, other = self.replica.post_many([
            {"threat_type": "malware", "severity": "LOW"}, {"threat_type": "malware", "severity": "HIGH"},
            {"threat_type": "phishing", "severity": "HIGH"}])
        self.wait_rows([other, high, low])
        self.find("#min-severity option[value=HIGH]").click()
        self.wait_rows([other, high])
        self.find("#type-filter").send_keys("malw")
        self.wait_rows([high])
        late = self.replica.post(threat_type="malware", severity="CRITICAL")["id"]
        self.replica.post(threat_type="phishing", severity="CRITICAL")
        self.wait_rows([late, high])
        self.find("#type-filter").clear()
        self.find("#min-severity option[value=INFO]").click()
        wait_until(lambda: len(self.row_ids()) == 5, "everything is back")
        self.assert_nothing_bad_happened()

    def test_pause_holds_the_list_and_counts_what_waits(self):
        self.open_dashboard()
        first = self.replica.post()["id"]
        self.wait_rows([first])
        self.find("#pause").click()
        held = self.replica.post_many([{"threat_type": "test"}] * 7)
        wait_until(lambda: (self.text("#waiting") or "").startswith("7 "),
                   lambda: f"it reads {self.text('#waiting')!r}")
        self.assertEqual(self.row_ids(), [first])
        self.find("#pause").click()
        self.wait_rows(held[::-1] + [first])
        self.find("#threats summary").click()
        wait_until(lambda: self.text("#threats .detail"), "the row opens")
        late = self.replica.post()["id"]
        wait_until(lambda: self.find("#waiting").is_displayed(), "an open row holds the list")
        self.assertNotIn(late, self.row_ids())
        self.find("#waiting").click()
        self.wait_rows([late] + held[::-1] + [first])
        self.assert_nothing_bad_happened()

    def test_keyboard_alone_reaches_filters_rows_and_details(self):
        self.open_dashboard()
        ids = self.replica.post_many([{"threat_type": "test", "title": f"row {n}"} for n in range(3)])
        self.wait_rows(ids[::-1])
        order = []
        for _ in range(40):
            self.press(Keys.TAB)
            order.append(self.focused())
            if order[-1] == "SUMMARY":
                break
        reached = [name for name in order if name not in ("A", "BUTTON")]
        self.assertEqual(reached, ["scenario", "trigger", "min-severity", "type-filter", "pause", "SUMMARY"])
        current = "return document.activeElement.closest('.row').dataset.id"
        self.press(Keys.ARROW_DOWN)
        self.assertEqual(self.script(current), ids[1])
        self.press(Keys.END)
        self.assertEqual(self.script(current), ids[0])
        self.press(Keys.HOME, Keys.ENTER)
        wait_until(lambda: "row 2" in (self.text("#threats .detail") or ""), "Enter opens the row")
        self.press(Keys.ENTER)
        wait_until(lambda: self.text("#threats .detail") == "", "Enter closes it")
        self.assert_nothing_bad_happened()

    def test_flood_keeps_the_page_bounded_and_right(self):
        self.open_dashboard()
        ids = []
        for _ in range(20):
            ids += self.replica.post_many([{"threat_type": "flood", "title": "a flood of threats"}] * 100)
        self.wait_rows(ids[::-1][:ROWS_MAX])
        wait_until(lambda: self.type_counts() == {"flood": "2,000"}, lambda: f"types are {self.type_counts()}")
        self.assertEqual(self.text("#notices"), "")
        self.assert_nothing_bad_happened()

    def check_resume_after(self, sent):
        self.open_dashboard()
        ids = [self.replica.post(title="first", severity="HIGH")["id"]]
        self.wait_rows(ids)
        ids += self.replica.post_many([{"threat_type": "burst"}] * 50)
        self.replica.stop(sent)
        self.wait_phase("reconnecting", "offline")
        self.replica.start()
        ids += self.replica.post_many([{"threat_type": "missed"}] * 20)
        self.wait_live(RESUME_SECONDS)
        ids.append(self.replica.post(title="last")["id"])
        self.wait_rows(ids[::-1])
        stored = [threat["id"] for threat in self.replica.request("/api/threats?limit=100")]
        self.assertEqual(self.row_ids(), stored, "the page and the log agree")
        self.assertEqual(self.text("#notices"), "", "nothing was reported as missing")
        self.assertEqual(self.markers(), [])
        wait_until(lambda: self.severity_counts()["HIGH"] == "1" and self.severity_counts()["MEDIUM"] == "71",
                   lambda: f"severities are {self.severity_counts()}")
        # The browser itself notes each try at a closed port, and each question a dead replica leaves open.
        self.expected_in_log = ["WebSocket connection to", "net::ERR_CONNECTION_REFUSED",
                                "net::ERR_CONNECTION_RESET", "net::ERR_EMPTY_RESPONSE",
                                "the server responded with a status of 503"]
        self.assert_nothing_bad_happened()

    def test_killed_replica_comes_back_and_the_page_resumes_without_gap_or_repeat(self):
        self.check_resume_after(signal.SIGKILL)

    def test_drained_replica_comes_back_and_the_page_resumes_without_gap_or_repeat(self):
        self.check_resume_after(signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
