"""A feed that does what a test tells it to: serves the dashboard's files and speaks the frames of docs/protocol.md.

What a replica does only when something breaks, at a moment of its own choice, it does here at once.
"""

import json
import pathlib
import socket
import threading
import time
from datetime import datetime, timezone
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from processes import reserve_port
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.sync.server import serve

from replica import WAIT_SECONDS, wait_until

FILES = pathlib.Path(__file__).parents[2] / "Sources" / "TocsinServer" / "Dashboard"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
SEVERITIES = ["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
GENERATION = 7
LIST_MAX = 100


def rfc3339(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Stage:
    """Listens from the beginning. What a test may change while it runs:

    - `threats`: the log, oldest first, of which the HTTP answers are made; `accept` adds to it and sends.
    - `answers`: a path to its `(status, document)`, or to what makes them of the query, in place of the usual answer;
      `"/ws"` refuses WebSockets so.
    - `gate`: while it is cleared, opening handshakes stay unanswered.
    - `joins`: False sends no first frame.
    - `speaks`: False leaves pings of the page unanswered.
    """

    def __init__(self):
        self.port = reserve_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.threats = []
        self.answers = {}
        self.gate = threading.Event()
        self.gate.set()
        self.joins = True
        self.speaks = True
        self.clients = []
        # Targets of all requests, in the order in which they came.
        self.requests = []
        # Messages of the page.
        self.heard = []
        self._server = None
        self.listen()

    def listen(self):
        self._server = serve(self._serve, "127.0.0.1", self.port, process_request=self._answer, ping_interval=None,
                             open_timeout=WAIT_SECONDS, close_timeout=1)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def leave(self):
        """Ends all connections without a word and listens no more."""
        self.gate.set()
        self._server.shutdown()
        for client in self.clients[:]:
            client.socket.shutdown(socket.SHUT_RDWR)

    # The log

    def cursor(self, seq=None):
        return f"{GENERATION}-{len(self.threats) if seq is None else seq}"

    def keep(self, age=0, **members):
        """Takes a threat into the log, received `age` seconds ago, and tells nobody. Returns it."""
        seq = len(self.threats) + 1
        threat = {"id": f"t{seq}", "threat_type": "test", "severity": "MEDIUM", **members, "seq": seq,
                  "cursor": self.cursor(seq), "received_at": rfc3339(time.time() - age), "received_by": "stage",
                  "triage": {"status": "new", "version": 1}}
        self.threats.append(threat)
        return threat

    def accept(self, **members):
        """Takes a threat into the log and sends it. Returns its id."""
        threat = self.keep(**members)
        self.send(type="new_threat", cursor=threat["cursor"], data=threat)
        return threat["id"]

    # The feed

    @property
    def client(self):
        return wait_until(lambda: self.clients and self.clients[-1], "the page is connected")

    def send(self, **frame):
        self.client.send(json.dumps(frame))

    def close(self, code, reason=""):
        self.clients.pop().close(code, reason)

    def wait_connection(self, number):
        """Waits until the page has opened that many WebSockets."""
        wait_until(lambda: self.count("/ws") >= number,
                   lambda: f"{self.count('/ws')} of {number} connections were made")

    def count(self, path):
        return sum(urlsplit(target).path == path for target in self.requests)

    def _serve(self, connection):
        query = parse_qs(urlsplit(connection.request.path).query)
        if self.joins:
            self._join(connection, query)
        self.clients.append(connection)
        try:
            for message in connection:
                self.heard.append(message)
                if self.speaks and json.loads(message)["type"] == "ping":
                    connection.send('{"type":"pong"}')
        except ConnectionClosed:
            pass
        finally:
            if connection in self.clients:
                self.clients.remove(connection)

    def _join(self, connection, query):
        if "after" not in query:
            newest = self.threats[::-1][:int(query["history"][0])]
            connection.send(json.dumps({"type": "initial_batch", "cursor": self.cursor(), "data": newest}))
            return
        after = query["after"][0]
        connection.send(json.dumps({"type": "resumed", "cursor": after}))
        for threat in self.threats[int(after.split("-")[1]):]:
            connection.send(json.dumps({"type": "new_threat", "cursor": threat["cursor"], "data": threat}))

    # HTTP

    def _answer(self, connection, request):
        target = urlsplit(request.path)
        self.requests.append(request.path)
        if target.path in self.answers:
            answer = self.answers[target.path]
            return self._document(*(answer(parse_qs(target.query)) if callable(answer) else answer))
        if target.path == "/ws":
            self.gate.wait(WAIT_SECONDS)
            return None
        if target.path == "/health":
            return self._document(200, {"status": "healthy"})
        if target.path == "/ready":
            return self._document(200, {"status": "ready", "reason": None})
        if target.path == "/api/analytics":
            return self._document(200, self.analytics())
        if target.path == "/api/threats":
            return self._document(200, self.page(parse_qs(target.query)))
        name = "index.html" if target.path == "/" else target.path.removeprefix("/dashboard/")
        if not (FILES / name).is_file():
            return self._document(404, {"status": 404})
        return self._response(200, TYPES[pathlib.Path(name).suffix], (FILES / name).read_bytes())

    def analytics(self):
        types = [threat["threat_type"] for threat in self.threats]
        return {"total_threats": len(types), "customers_affected": 0, "cursor": self.cursor(),
                "threats_by_type": {name: types.count(name) for name in set(types)},
                "threats_by_severity": {name: sum(t["severity"] == name for t in self.threats) for name in SEVERITIES}}

    def page(self, query):
        """`GET /api/threats`, newest first."""
        unknown = set(query) - {"limit", "offset", "before", "after", "min_severity", "threat_type", "customer_name"}
        assert not unknown, f"the page sent {unknown}"
        before = int(query["before"][0].split("-")[1]) if "before" in query else len(self.threats) + 1
        rank = SEVERITIES.index(query.get("min_severity", ["INFO"])[0])
        types = ",".join(query.get("threat_type", [])).split(",")
        found = [threat for threat in self.threats[:before - 1][::-1]
                 if SEVERITIES.index(threat["severity"]) >= rank and (types == [""] or threat["threat_type"] in types)]
        return found[:min(LIST_MAX, int(query["limit"][0]))]

    def _document(self, status, document):
        return self._response(status, "application/json", json.dumps(document).encode())

    @staticmethod
    def _response(status, kind, body):
        headers = Headers([("Content-Type", kind), ("Content-Length", str(len(body))), ("Connection", "close"),
                           ("Date", formatdate(usegmt=True)), ("Cache-Control", "no-store")])
        return Response(status, HTTPStatus(status).phrase, headers, body)
