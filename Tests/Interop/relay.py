"""A line between a replica and Redis that can be cut as a partitioned network cuts it: what is sent is neither taken
nor refused, it just never arrives."""

import socket
import threading


class Relay:
    """Context manager: passes bytes on from `port` to `target_port`, both on loopback, while it is not cut."""

    def __init__(self, port, target_port):
        self._server = socket.create_server(("127.0.0.1", port))
        self._target_port = target_port
        self._flows = threading.Event()
        self._flows.set()
        self._is_closed = False
        self._lock = threading.Lock()
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._is_closed = True
        self._flows.set()
        # `shutdown` wakes the thread that accepts; `close` alone would not.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._end(self._sockets)

    def cut(self):
        self._flows.clear()

    def mend(self):
        self._flows.set()

    def _accept(self):
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                near.close()
                continue
            with self._lock:
                self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                self._flows.wait()
                sink.sendall(data)
        except OSError:
            pass  # Either end is gone; the other one learns it below.
        self._flows.wait()
        self._end([source, sink])

    def _end(self, sockets):
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # It has ended already.
            each.close()
