"""A replica that counts what it is posted, and fails each post in one way."""

import socket
import threading

from processes import reserve_port


class FakeReplica:
    """Context manager. Answers GET with 200 on connections that it keeps; a POST is read whole, counted, and then
    answered 503 or not at all (`fate`)."""

    def __init__(self, fate="closed"):
        self._fate = fate
        self._lock = threading.Lock()
        self.posts = 0
        self.port = reserve_port()

    def __enter__(self):
        self._server = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind, error, trace):
        # `shutdown` wakes the thread that accepts; `close` alone would not.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            try:
                while self._answer(connection, stream):
                    pass
            except OSError:
                pass  # The proxy has closed: nothing more comes.

    def _answer(self, connection, stream):
        """Reads and answers one request. Returns whether the connection stays."""
        line = stream.readline()
        length, is_last = 0, False
        while (field := stream.readline()) not in (b"\r\n", b""):
            name, _, value = field.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            is_last = is_last or (name.lower() == b"connection" and value.strip().lower() == b"close")
        if not line:
            return False
        stream.read(length)
        if not line.startswith(b"POST"):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            return not is_last
        with self._lock:
            self.posts += 1
        if self._fate == "503":
            connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}")
            return not is_last
        return False
