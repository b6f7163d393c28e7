"""The feed read frame by frame through a proxy, over either transport, on one connection that must not end."""

import contextlib
import http.client
import json
import urllib.parse

from websockets.sync.client import connect

# Ends a hang; nothing else is decided by it.
HANG_SECONDS = 90


class _Feed:
    def __enter__(self):
        return self

    def next_but(self, kind):
        """The next frame that is of another type."""
        while True:
            frame = self.next()
            if frame["type"] != kind:
                return frame


class WebSocketFeed(_Feed):
    name = "websocket"

    def __init__(self, url):
        self._stack = contextlib.ExitStack()
        self._connection = self._stack.enter_context(
            connect(url.replace("http", "ws", 1) + "/ws?history=0", ping_interval=None))

    def __exit__(self, kind, error, trace):
        self._stack.close()

    def next(self):
        return json.loads(self._connection.recv(HANG_SECONDS))


class EventStreamFeed(_Feed):
    """Server-Sent Events, taken as they come: an event counts when its empty line is there."""
    name = "event-stream"

    def __init__(self, url):
        place = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=HANG_SECONDS)
        self._connection.request("GET", "/api/threats/stream?history=0", headers={"Accept": "text/event-stream"})
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.status
        kind = self._answer.headers["Content-Type"]
        assert kind.startswith("text/event-stream"), kind

    def __exit__(self, kind, error, trace):
        self._connection.close()

    def next(self):
        data = None
        while True:
            line = self._answer.readline()
            assert line, "the stream ended"
            if line.startswith(b"data: "):
                data = line.removeprefix(b"data: ")
            elif line == b"\n" and data is not None:
                return json.loads(data)


FEEDS = (WebSocketFeed, EventStreamFeed)
