"""Tests of the page against a feed of their own."""

from page import PageTest
from stage import Stage


class StageTest(PageTest):
    def setUp(self):
        self.stage = Stage()
        self.addCleanup(self.stage.leave)
        self.url = self.stage.url
        super().setUp()

    def read_clock(self, timestamp):
        """A time of day as this browser writes it."""
        return self.script("""
            return new Intl.DateTimeFormat(undefined, {timeStyle: "medium", hourCycle: "h23"})
              .format(new Date(arguments[0]))""", timestamp)

    def heartbeat(self, **members):
        self.stage.send(type="heartbeat", cursor=self.stage.cursor(), **members)

    def announced(self):
        return self.text("#announcer")
