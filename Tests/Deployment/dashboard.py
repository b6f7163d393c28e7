"""A client of the feed, as a dashboard is one: it resumes by itself and keeps what it saw."""

import json
import threading

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

RETRY_SECONDS = 0.1


class Dashboard:
    """Runs in a thread of its own until `stop`. `threats` holds what arrived, in order; `closes` the close
    code of each connection that ended by itself, `places` where in the feed that was; `first_frames` how each
    began."""

    def __init__(self, url):
        self.url = url
        self.threats = []
        self.closes = []
        self.places = []
        self.first_frames = []
        self.cursor = None
        self.error = None
        self.is_connected = threading.Event()
        self._stopping = threading.Event()
        self._connection = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        """Ends the connection and the thread; raises what went wrong inside."""
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            connection.close()
        self._thread.join(90)
        assert not self._thread.is_alive(), "the client's thread did not end"
        if self.error is not None:
            raise self.error

    @property
    def ids(self):
        return [threat["id"] for threat in self.threats]

    def _run(self):
        try:
            while not self._stopping.is_set():
                self._follow_once()
                self._stopping.wait(RETRY_SECONDS)
        except Exception as error:
            self.error = error

    def _follow_once(self):
        query = f"?after={self.cursor}" if self.cursor else "?history=0"
        try:
            with connect(self.url + query, open_timeout=60, close_timeout=2) as connection:
                self._connection = connection
                for frame in connection:
                    self._take(json.loads(frame))
        except ConnectionClosed:
            pass
        except (OSError, InvalidHandshake):
            return
        finally:
            self.is_connected.clear()
        if not self._stopping.is_set():
            self.places.append(self.cursor)
            self.closes.append(connection.close_code)

    def _take(self, frame):
        kind = frame["type"]
        if kind in ("initial_batch", "resumed"):
            self.first_frames.append(kind)
            assert frame.get("recovered") is not False, f"could not resume: {frame}"
            self.cursor = frame["cursor"]
            self.is_connected.set()
        elif kind == "new_threat":
            self._expect_next(frame["cursor"])
            assert frame["data"]["cursor"] == frame["cursor"]
            self.cursor = frame["cursor"]
            self.threats.append(frame["data"])
        elif kind == "heartbeat":
            self.cursor = frame["cursor"]
        else:
            raise AssertionError(f"unexpected frame: {frame}")

    def _expect_next(self, cursor):
        """Within a generation an unfiltered client sees the sequence number grow by exactly one."""
        generation, sequence = map(int, cursor.split("-"))
        before_generation, before = map(int, self.cursor.split("-"))
        if before_generation == generation:
            assert sequence == before + 1, f"{cursor} after {self.cursor}"
        else:
            assert before_generation < generation, f"{cursor} after {self.cursor}"
