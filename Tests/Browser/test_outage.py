"""Redis goes while the page looks: the whole way from the replica's link to what is read on the page."""

import unittest

from page import PageTest
from redis_server import RedisServer
from replica import Replica, wait_until


class OutageTest(PageTest):
    def setUp(self):
        self.redis = RedisServer()
        self.addCleanup(self.redis.remove)
        self.redis.start()
        self.replica = Replica(flags=["--redis-url", self.redis.url])
        self.addCleanup(self.replica.remove)
        self.replica.start()
        self.url = self.replica.url + "/"
        super().setUp()

    def test_redis_gone_is_told_at_once_and_nothing_is_missing_when_it_is_back(self):
        ids = [self.replica.post()["id"]]
        self.open_dashboard()
        self.wait_rows(ids)
        self.redis.kill()
        self.wait_phase("blind")
        self.wait_state("connected", "cannot follow the log since", "threats may be missing")
        # Who opens the page now is told the same, whatever the replica still has to show.
        self.browser.refresh()
        self.wait_phase("blind")
        self.wait_rows(ids)
        self.redis.start()
        self.wait_live()
        # The feed has a link of its own; those that posts take may come a moment later.
        wait_until(self.replica.is_ready, "posts are taken")
        ids.append(self.replica.post()["id"])
        self.wait_rows(ids[::-1])
        self.expected_in_log = ["the server responded with a status of 503"]
        self.assert_nothing_bad_happened()


if __name__ == "__main__":
    unittest.main()
