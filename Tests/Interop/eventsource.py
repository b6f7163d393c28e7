"""A browser's EventSource, as its standard has it (HTML Living Standard §9.2): it comes back by itself from the end of a
stream and from a network error, and never from an error status."""

import http.client
import json
import threading
import urllib.parse

from feeds import HANG_SECONDS


class EventSource:
    """Context manager; runs in a thread of its own. `ids` are those of the threats it was told of, in order; `failure`
    is why it has given up for good, if it has; `rounds` counts its connections."""

    def __init__(self, url):
        self._place = urllib.parse.urlsplit(url)
        self._retry_seconds = 1.0
        self._last_event_id = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.ids, self.failure, self.rounds = [], None, 0
        self.has_joined = False

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._stopping.set()

    def _run(self):
        while self.failure is None:
            try:
                self._follow()
            except (OSError, http.client.HTTPException):
                pass  # A network error, from which it comes back.
            if self._stopping.wait(self._retry_seconds):
                return

    def _follow(self):
        self.rounds += 1
        connection = http.client.HTTPConnection(self._place.hostname, self._place.port, timeout=HANG_SECONDS)
        headers = {"Accept": "text/event-stream"}
        if self._last_event_id:
            headers["Last-Event-ID"] = self._last_event_id
        try:
            connection.request("GET", "/api/threats/stream?history=0", headers=headers)
            answer = connection.getresponse()
            kind = answer.headers.get("Content-Type", "")
            if answer.status != 200 or not kind.startswith("text/event-stream"):
                self.failure = f"{answer.status} {kind}"
                return
            self._read(answer)
        finally:
            connection.close()

    def _read(self, answer):
        identifier, data = self._last_event_id, []
        while (line := answer.readline()) and not self._stopping.is_set():
            if not line.endswith(b"\n"):
                return  # Cut within a line: what is not whole does not count.
            name, _, value = line.decode().rstrip("\r\n").partition(":")
            value = value.removeprefix(" ")
            if line.strip() == b"":
                self._last_event_id = identifier
                if data:
                    self._take(json.loads("\n".join(data)))
                data = []
            elif name == "id":
                identifier = value
            elif name == "data":
                data.append(value)
            elif name == "retry" and value.isdigit():
                self._retry_seconds = int(value) / 1000

    def _take(self, frame):
        if frame["type"] in ("initial_batch", "resumed"):
            assert frame.get("recovered") is not False, frame
            self.has_joined = True
        elif frame["type"] == "new_threat":
            self.ids.append(frame["data"]["id"])
