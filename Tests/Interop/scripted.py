"""A service that plays one scene for each connection that comes: how it can end, or be refused."""

import json
import socket
import threading
import urllib.parse
from dataclasses import dataclass, field

from processes import reserve_port
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.sync.server import serve

GENERATION = 1_795_236_646_459


@dataclass
class Close:
    """One threat, then a Close frame."""
    code: int
    reason: str = ""


@dataclass
class Refuse:
    """An answer to the handshake."""
    status: int
    headers: dict = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Break:
    """One threat, then the transport ends without a word."""


@dataclass
class Silence:
    """One threat, then nothing ever again, on a line that stands."""


@dataclass
class Unanswered:
    """A transport that takes the request and never answers it."""


class Service:
    """Context manager, for one client. Plays `scenes` in their order, then a feed that lasts. `targets` holds the query
    of each handshake; `sent` the ids of the threats sent, in order."""

    def __init__(self, scenes):
        self._scenes = list(scenes)
        self._lock = threading.Lock()
        self._lasts = False
        self.targets, self.sent = [], []
        self.port = reserve_port()
        self._is_over = threading.Event()
        self._server = serve(
            self._play, "127.0.0.1", self.port, process_request=self._open, ping_interval=None, close_timeout=1,
            compression=None)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._is_over.set()
        self._server.shutdown()
        self._thread.join(30)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_played(self):
        """Whether a client has come back after the last scene, and was given a threat of the feed that lasts."""
        return self._lasts

    def _open(self, connection, request):
        with self._lock:
            self.targets.append(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.path).query)))
            connection.scene = self._scenes.pop(0) if self._scenes else None
        if isinstance(connection.scene, Unanswered):
            self._is_over.wait()
        if isinstance(connection.scene, Refuse):
            scene = connection.scene
            headers = Headers(scene.headers | {"Content-Length": str(len(scene.body)), "Connection": "close"})
            return Response(scene.status, "Refused", headers, scene.body)
        return None

    def _play(self, connection):
        scene = connection.scene
        try:
            self._send_feed(connection)
            if isinstance(scene, Close):
                connection.close(scene.code, scene.reason)
            elif isinstance(scene, Break):
                connection.socket.shutdown(socket.SHUT_RDWR)
            elif isinstance(scene, Silence):
                # What the client says is read and not answered.
                for _ in connection:
                    pass
            else:
                self._lasts = True
                while not self._is_over.wait(0.5):
                    connection.send(json.dumps({"type": "heartbeat", "cursor": self._cursor()}))
        except ConnectionClosed:
            pass  # The client has given up waiting, which is what a scene may be for.

    def _cursor(self):
        return f"{GENERATION}-{len(self.sent)}"

    def _send_feed(self, connection):
        """The first frame, what the client lacks, and one threat more than there were."""
        after = self.targets[-1].get("after")
        self.sent.append(f"scene-{len(self.sent) + 1}")
        had = int(after.split("-")[1]) if after else len(self.sent) - 1
        first = {"type": "resumed"} if after else {"type": "initial_batch", "data": []}
        connection.send(json.dumps(first | {"cursor": f"{GENERATION}-{had}"}))
        for sequence in range(had + 1, len(self.sent) + 1):
            cursor = f"{GENERATION}-{sequence}"
            threat = {"id": self.sent[sequence - 1], "seq": sequence, "cursor": cursor, "threat_type": "test",
                      "title": "\u2028 \U0001f680 \" \\ }"}
            connection.send(json.dumps({"type": "new_threat", "cursor": cursor, "data": threat}))
