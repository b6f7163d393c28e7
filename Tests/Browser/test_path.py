"""The page behind a path of a proxy: every address in it is relative to where it is."""

import unittest

from page import PageTest
from proxy import Proxy
from replica import Replica, wait_until


class PathTest(PageTest):
    def setUp(self):
        self.replica = Replica()
        self.addCleanup(self.replica.remove)
        self.replica.start()
        super().setUp()

    def check(self, path):
        before = [self.replica.post(severity="CRITICAL")["id"], self.replica.post(severity="LOW")["id"]]
        proxy = Proxy(path, self.replica.port)
        self.addCleanup(proxy.remove)
        self.url = proxy.url
        self.open_dashboard()
        self.wait_rows(before[::-1])
        self.find("#trigger").click()
        wait_until(lambda: len(self.row_ids()) == 3, "the sample is accepted and comes")
        self.choose_severity("CRITICAL")
        self.wait_rows(before[:1])
        wait_until(lambda: self.script("return location.hash") == "#min_severity=CRITICAL", "the address says it")
        self.browser.refresh()
        self.wait_live()
        self.wait_rows(before[:1])
        self.find("#threats summary").click()
        wait_until(lambda: self.text("#threats .detail"), "the row opens")
        self.assertEqual(self.script("return getComputedStyle(document.querySelector('.skip')).position"), "absolute",
                         "the style sheet is there")
        addresses = self.script("return performance.getEntriesByType('resource').map(e => e.name)")
        self.assertEqual([address for address in addresses if not address.startswith(proxy.url)], [])
        self.assertIn(f"curl {proxy.url}api/threats/trigger", self.text("#empty-command"))
        self.assert_nothing_bad_happened()

    def test_behind_one_folder(self):
        self.check("/soc/")

    def test_behind_folders(self):
        self.check("/a/b.c/tocsin/")


if __name__ == "__main__":
    unittest.main()
