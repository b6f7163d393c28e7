"""The list is drawn whatever others do to its nodes, and where it cannot be, the page says so.

Against a feed of the test's own (stage.py).
"""

import unittest

from replica import wait_until
from staged import StageTest

ROWS_MAX = 500


class DrawingTest(StageTest):
    FOREIGN = """
        const foreign = document.createElement("div");
        foreign.className = "foreign";
        foreign.innerText = "of an extension";
        arguments[0] === "first" ? document.querySelector(arguments[1]).prepend(foreign)
          : document.querySelector(arguments[1]).append(foreign);"""

    def test_nodes_of_others_in_the_list_are_ignored(self):
        for _ in range(5):
            self.stage.keep(severity="LOW")
        self.open_dashboard()
        self.wait_rows(["t5", "t4", "t3", "t2", "t1"])
        for place in ("first", "last"):
            for parent in ("#threats", "#by-type", "#by-severity", "#notices", "#threats .row", "#threats summary"):
                self.script(self.FOREIGN, place, parent)
        # More than the list holds, so that rows leave it at its end.
        for _ in range(ROWS_MAX + 10):
            self.stage.accept(severity="HIGH")
        self.wait_rows([f"t{n}" for n in range(ROWS_MAX + 15, 15, -1)])
        self.choose_severity("CRITICAL")
        self.wait_rows([])
        late = self.stage.accept(severity="CRITICAL")
        self.wait_rows([late])
        self.assertEqual(self.script("return document.querySelectorAll('#threats > .foreign').length"), 2)
        self.assertEqual(self.attribute("body", "data-phase"), "live")
        self.assert_nothing_bad_happened()

    def test_a_row_that_an_extension_took_apart_still_opens_and_changes(self):
        self.stage.keep()
        self.open_dashboard()
        self.wait_rows(["t1"])
        self.script("""
            const row = document.querySelector("#threats .row");
            row.querySelector(".badge").remove();
            row.querySelector(".row-title").innerText = "translated";
            document.querySelector("#state").remove();""")
        self.find("#threats summary").click()
        wait_until(lambda: self.text("#threats .detail"), "the row opens")
        self.stage.send(type="threat_updated", cursor=self.stage.cursor(2),
                        data={"id": "t1", "triage": {"status": "resolved", "version": 2}})
        self.wait_text("#threats .row-triage", "resolved")
        self.find("#threats summary").click()
        self.stage.send(type="new_threat", cursor=self.stage.cursor(3), data={"id": "next", "severity": "LOW"})
        wait_until(lambda: self.row_ids() == ["next", "t1"], "the feed goes on")
        self.assert_nothing_bad_happened()

    BREAK = """
        const real = Node.prototype.insertBefore;
        let left = arguments[0];
        Node.prototype.insertBefore = function (...parts) {
          if (this.id === "threats" && left-- > 0) throw new Error("somebody else's fault");
          return real.apply(this, parts);
        };
        window.mend = () => { left = 0; };"""

    def test_a_drawing_that_fails_once_is_told_and_drawn_anew(self):
        self.stage.keep()
        self.open_dashboard()
        self.wait_rows(["t1"])
        self.script(self.BREAK, 1)
        self.stage.accept()
        self.wait_rows(["t2", "t1"])
        self.wait_live()
        self.wait_text("#notices", "could not be drawn", "somebody else's fault")
        self.stage.accept()
        self.wait_rows(["t3", "t2", "t1"])
        self.expected_in_log = ["The list could not be drawn"]
        self.assert_nothing_bad_happened()

    def test_while_drawing_fails_the_page_is_not_live(self):
        self.stage.keep()
        self.open_dashboard()
        self.wait_rows(["t1"])
        self.script(self.BREAK, 1_000_000)
        self.stage.accept()
        self.wait_phase("failing")
        self.wait_state("threats cannot be drawn", "somebody else's fault")
        self.stage.accept()
        self.script("mend()")
        self.wait_live()
        self.wait_rows(["t3", "t2", "t1"])
        self.expected_in_log = ["The list could not be drawn"]
        self.assert_nothing_bad_happened()

    def test_a_threat_that_cannot_be_drawn_does_not_keep_the_others_away(self):
        self.stage.keep()
        self.open_dashboard()
        self.script("""
            const real = HTMLTimeElement.prototype;
            const {set, get} = Object.getOwnPropertyDescriptor(real, "dateTime");
            Object.defineProperty(real, "dateTime", {get, set(text) {
              if (text === "poison") throw new Error("no time for this");
              set.call(this, text);
            }});""")
        self.stage.send(type="new_threat", cursor=self.stage.cursor(2), data={"id": "bad", "received_at": "poison"})
        self.stage.send(type="new_threat", cursor=self.stage.cursor(3), data={"id": "good"})
        wait_until(lambda: self.row_ids() == ["good", "t1"], "the others are drawn")
        wait_until(lambda: "cannot be shown here: INFO bad" in "".join(self.markers()), "its place is marked")
        self.wait_live()
        self.expected_in_log = ["The list could not be drawn"]
        self.assert_nothing_bad_happened()


if __name__ == "__main__":
    unittest.main()
