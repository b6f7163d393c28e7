"""What the tests of the dashboard share: one browser for a class, and the reading of the page."""

import contextlib
import pathlib
import unittest

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from replica import WAIT_SECONDS, required_executable, wait_until

# Runs in the page before its own scripts: collects what must never happen, and lets a test move the page's clocks.
WITNESS = (pathlib.Path(__file__).parent / "witness.js").read_text(encoding="utf-8")

# Much less than what a page takes for a sleep.
STEP_SECONDS = 5


class PageTest(unittest.TestCase):
    """The browser is started once for all tests of a class. `self.url` is where the page of a test is, with a slash."""

    url = None

    @classmethod
    def setUpClass(cls):
        options = webdriver.ChromeOptions()
        options.binary_location = required_executable("CHROMIUM", "chromium", "chromium-browser", "google-chrome")
        # Test machines run as root in containers, where Chromium's own sandbox cannot start.
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900",
                         "--disable-background-networking", "--no-first-run"):
            options.add_argument(argument)
        # Of the replica that speaks TLS; no browser here knows its authority.
        options.accept_insecure_certs = True
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service(required_executable("CHROMEDRIVER", "chromedriver"))
        cls.browser = webdriver.Chrome(options=options, service=service)
        cls.addClassCleanup(cls.browser.quit)
        cls.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WITNESS})

    def setUp(self):
        """Called last by tests that start a server, so that the page is left before the server is."""
        self.browser.get_log("browser")
        # Messages that the page under test may leave in the browser's log; everything else fails the test.
        self.expected_in_log = []
        self.addCleanup(self.browser.get, "about:blank")

    def open_dashboard(self, fragment=""):
        self.browser.get(self.url + fragment)
        self.wait_live()
        wait_until(lambda: self.attribute("body", "data-counts") == "ready", "the counts are there")

    def wait_live(self, seconds=WAIT_SECONDS):
        self.wait_phase("live", seconds=seconds)

    def wait_phase(self, *phases, seconds=WAIT_SECONDS):
        wait_until(lambda: self.attribute("body", "data-phase") in phases,
                   lambda: f"the page is {phases}, its state reads {self.state()!r}", seconds)

    def assert_nothing_bad_happened(self):
        self.assertEqual(self.script("return window.violations"), [], "policy violations")
        self.assertEqual(self.script("return window.ran"), [], "scripts or errors")
        unexpected = [entry for entry in self.browser.get_log("browser")
                      if not any(text in entry["message"] for text in self.expected_in_log)]
        self.assertEqual(unexpected, [], "browser log")

    # Reading the page

    def script(self, source, *arguments):
        return self.browser.execute_script(source, *arguments)

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.script("return document.querySelector(arguments[0])?.textContent ?? null", selector)

    def attribute(self, selector, name):
        return self.script(
            "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null", selector, name)

    def state(self):
        """What the page says of itself, as it is read."""
        return f"{self.text('#state')}: {self.text('#state-detail')}"

    def wait_state(self, *texts):
        """Waits until all the texts stand in what the page says of itself."""
        wait_until(lambda: all(text in self.state() for text in texts),
                   lambda: f"{texts} in the state, which reads {self.state()!r}")

    def wait_text(self, selector, *texts):
        wait_until(lambda: all(text in (self.text(selector) or "") for text in texts),
                   lambda: f"{texts} in {selector}, which reads {self.text(selector)!r}")

    def row_ids(self):
        return self.script("return [...document.querySelectorAll('#threats > .row')].map(r => r.dataset.id)")

    def markers(self):
        return self.script("return [...document.querySelectorAll('#threats > .marker')].map(m => m.textContent)")

    def severity_counts(self):
        return self.script("""
            return Object.fromEntries([...document.querySelectorAll("#by-severity > li")]
              .map(item => [item.dataset.severity, item.querySelector(".count-value").textContent]))""")

    def type_counts(self):
        return self.script("""
            return Object.fromEntries([...document.querySelectorAll("#by-type > li")]
              .map(item => [item.dataset.type, item.querySelector(".count-value").textContent]))""")

    def wait_rows(self, ids, seconds=WAIT_SECONDS):
        """Waits until the rows are exactly `ids`, newest first."""
        wait_until(lambda: self.row_ids() == ids,
                   lambda: f"expected {len(ids)} rows {ids[:5]}, shown {len(self.row_ids())} rows {self.row_ids()[:5]}",
                   seconds)

    # Doing something

    def press(self, *keys):
        webdriver.ActionChains(self.browser).send_keys(*keys).perform()

    def focused(self):
        return self.script("return document.activeElement.id || document.activeElement.tagName")

    def choose_severity(self, severity):
        self.find(f"#min-severity option[value={severity}]").click()

    def pass_time(self, seconds):
        """Lets time pass for the page, in steps that a page notices as one beat after the other."""
        for step in [STEP_SECONDS] * (seconds // STEP_SECONDS) + [seconds % STEP_SECONDS]:
            self.script("clocks.pass(1000 * arguments[0])", step)

    def sleep(self, seconds, monotonic_seconds=None):
        """Lets time pass at once, as for a machine that sleeps; the monotonic clock may stand still meanwhile."""
        monotonic = seconds if monotonic_seconds is None else monotonic_seconds
        self.script("clocks.pass(1000 * arguments[0], 1000 * arguments[1])", monotonic, seconds)

    @contextlib.contextmanager
    def hidden(self):
        """Nobody sees the page for as long as the block runs."""
        place = self.browser.get_window_rect()
        self.browser.minimize_window()
        wait_until(lambda: self.script("return document.visibilityState") == "hidden", "the page is hidden")
        try:
            yield
        finally:
            self.browser.set_window_rect(**place)
            wait_until(lambda: self.script("return document.visibilityState") == "visible", "the page is seen again")
