#!/usr/bin/env python3
"""Follows the feed of threats for ever, by the loop of docs/protocol.md ("Resuming").

    pip install websockets                                   # 13 or newer
    python3 feed.py ws://127.0.0.1:8000/ws                   # --help tells the rest

Standard output has one line of JSON for each threat, in the log's order, without gap or duplicate. What happens to the
connection is said on standard error. Ends only by a signal (0), or because coming back would not help (1).
"""

import argparse
import json
import os
import random
import re
import sys
import time
import urllib.parse

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

OPENING_SECONDS = 10
GOOD_SECONDS = 5
# The largest frame is the first one of a fresh client, 256 KiB.
MESSAGE_BYTES_MAX = 1 << 20


class GivingUp(Exception):
    """The service said that this client is not to come back."""


class NoOutput(Exception):
    """Nobody takes what this program prints, so going on would lose it."""


class Lost(Exception):
    """The connection ended, or was never there; the client is to come back."""

    def __init__(self, why, code=None, reason="", at_least=0.0):
        super().__init__(why)
        self.code, self.reason, self.at_least = code, reason, at_least


def say(text):
    print(text, file=sys.stderr, flush=True)


def place(cursor):
    """Cursors compare as pairs of integers, never as text."""
    generation, sequence = cursor.split("-")
    return int(generation), int(sequence)


class Feed:
    def __init__(self, url, cursor, history, filters, silence, longest_wait):
        self.url, self.cursor, self.history, self.filters = url, cursor, history, filters
        self.silence, self.longest_wait = silence, longest_wait
        self.failures = 0
        self.is_blind = False

    def run(self):
        while True:
            try:
                self.follow()
            except Lost as loss:
                wait = self.pause(loss)
                say(f"reconnecting: {loss}; in {wait:.1f} s")
                time.sleep(wait)

    def address(self):
        """Opens where the client stands: an address that is opened again as it was would join fresh."""
        place_to_join = {"after": self.cursor} if self.cursor else {"history": self.history}
        return self.url + "?" + urllib.parse.urlencode(place_to_join | self.filters)

    def follow(self):
        """One connection, from its opening to its end, which is told by `Lost` or `GivingUp`."""
        try:
            # Every timeout is of this program: the library's own keepalive would only tell later.
            with connect(
                    self.address(), open_timeout=OPENING_SECONDS, close_timeout=1, ping_interval=None,
                    max_size=MESSAGE_BYTES_MAX) as connection:
                opened = time.monotonic()
                self.take(json.loads(connection.recv(max(OPENING_SECONDS, self.silence))))
                while True:
                    self.take(json.loads(connection.recv(self.silence)))
                    if time.monotonic() - opened >= GOOD_SECONDS:
                        self.failures = 0
        except ConnectionClosed as end:
            self.closed(end)
        except InvalidStatus as refusal:
            self.refused(refusal.response)
        except TimeoutError:
            raise Lost("nothing was heard for too long") from None
        except (OSError, InvalidHandshake) as error:
            raise Lost(str(error) or type(error).__name__) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Lost(f"a frame that is none: {error!r}") from error

    def closed(self, end):
        """Whatever the code: only 4500 to 4999 say that coming back would not help."""
        if end.rcvd is None:
            raise Lost("the connection broke")
        code, reason = end.rcvd.code, end.rcvd.reason
        if 4500 <= code <= 4999:
            raise GivingUp(f"closed with {code} {reason}")
        raise Lost(f"closed with {code} {reason}".rstrip(), code, reason)

    def refused(self, response):
        """A proxy answers for a replica that is away with statuses of its own; only these are the service's word."""
        status = response.status_code
        is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
        if status in (400, 401, 403, 422) or status == 404 and is_problem:
            raise GivingUp(f"refused with status {status}: {(response.body or b'').decode(errors='replace')[:300]}")
        asked = response.headers.get("Retry-After", "")
        raise Lost(f"refused with status {status}", at_least=float(asked) if asked.isdigit() else 0.0)

    def take(self, frame):
        kind = frame.get("type")
        if kind == "initial_batch":
            if frame.get("recovered") is False:
                say(f"threats may be missing: {frame.get('reason')}")
            for threat in reversed(frame["data"]):
                self.show(threat)
            self.joined(frame["cursor"])
        elif kind == "resumed":
            self.joined(frame["cursor"])
        elif kind in ("new_threat", "threat_updated"):
            if place(frame["cursor"]) <= place(self.cursor):
                return
            if kind == "new_threat":
                self.show(frame["data"])
            # After it is shown: at least once, whatever happens in between.
            self.cursor = frame["cursor"]
        elif kind == "heartbeat":
            self.cursor = max(self.cursor, frame["cursor"], key=place)
            self.tell_outage(frame)
        elif kind == "reset":
            say(f"the log moved to a new generation, threats may repeat: {frame.get('reason')}")
            self.cursor = frame["to"]
        elif kind == "error":
            say(f"error: {frame.get('code')}: {frame.get('detail')}")

    def joined(self, cursor):
        self.cursor = cursor
        self.is_blind = False
        say(f"following the feed after {cursor}")

    def show(self, threat):
        try:
            print(json.dumps(threat, ensure_ascii=False, separators=(",", ":")), flush=True)
        except OSError as error:
            raise NoOutput(str(error)) from error

    def tell_outage(self, heartbeat):
        """A heartbeat proves the line, not the log."""
        is_blind = heartbeat.get("log") == "unreachable"
        if is_blind and not self.is_blind:
            say(f"the log cannot be followed since {heartbeat.get('since')}: threats may be missing")
        elif self.is_blind and not is_blind:
            say("the log is followed again")
        self.is_blind = is_blind

    def pause(self, loss):
        """Seconds to wait. Chance matters: thousands that come back in one moment are an outage of their own."""
        told = re.fullmatch(r"resume after (\d+-\d+)", loss.reason) if loss.code == 4001 else None
        if told:
            self.cursor = max(self.cursor or "0-0", told[1], key=place)
        if loss.code == 1008:
            self.failures = max(self.failures, 5)
        step = min(self.longest_wait, 0.5 * 2 ** min(self.failures, 10))
        wait = step / 2 + random.uniform(0, step / 2)
        if loss.code in (1012, 4001) and self.failures == 0:
            wait = random.uniform(0, 0.4)
        self.failures += 1
        return max(wait, min(loss.at_least + random.uniform(0, 0.5), self.longest_wait) if loss.at_least else 0.0)


def arguments():
    parser = argparse.ArgumentParser(description="Follows the feed of threats for ever.")
    parser.add_argument("url", help="such as ws://127.0.0.1:8000/ws")
    parser.add_argument("--after", metavar="CURSOR", help="go on after this cursor")
    parser.add_argument("--history", type=int, default=0, metavar="N", help="recent threats to begin with (0)")
    parser.add_argument("--min-severity", metavar="SEVERITY", help="this one and worse")
    parser.add_argument("--silence", type=float, default=35, metavar="S", help="seconds without a frame to bear (35)")
    parser.add_argument("--longest-wait", type=float, default=30, metavar="S", help="seconds between attempts (30)")
    return parser.parse_args()


def main():
    given = arguments()
    # JSON is UTF-8, whatever the terminal.
    sys.stdout.reconfigure(encoding="utf-8")
    filters = {"min_severity": given.min_severity} if given.min_severity else {}
    try:
        Feed(given.url, given.after, given.history, filters, given.silence, given.longest_wait).run()
    except GivingUp as end:
        say(f"giving up: {end}")
        return 1
    except NoOutput as end:
        say(f"giving up: what was received cannot be printed: {end}")
        # At its end Python would try to print the rest once more.
        os._exit(1)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
