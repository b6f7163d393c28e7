"""Clients that do not keep to the closing handshake (RFC 6455 §7.1.1)."""

import base64
import os
import re
import socket

import pytest
from feeds import HANG_SECONDS
from proxies import Direct
from topology import request, wait_until
from world import World

PROTOCOL_ERROR = bytes([0x03, 0xEA])
SERVICE_RESTART = bytes([0x03, 0xF4])


@pytest.fixture
def world(tmp_path):
    with World(tmp_path, Direct, {}, replicas=1) as running:
        yield running


class MuteClient:
    """Context manager: a WebSocket in the feed that answers nothing and never closes its side."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), HANG_SECONDS)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((
            "GET /ws?history=0 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
        self.received = b""
        while b"initial_batch" not in self.received:
            self._read()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.socket.close()

    def _read(self):
        """Returns whether more may come."""
        data = self.socket.recv(1 << 16)
        self.received += data
        return bool(data)

    def read_to_end(self):
        while self._read():
            pass
        return self.received


def connections(world):
    """Those that the replica holds, but for the one that asks."""
    status, page = request(world.proxy.url + "/metrics")
    assert status == 200
    return int(re.search(r"^tocsin_connections (\d+)$", page, re.MULTILINE)[1]) - 1


def test_a_client_that_never_answers_a_close_is_cut(world):
    with MuteClient(world.proxy.port) as client:
        assert connections(world) == 1
        # Not masked, which no client may send (RFC 6455 §5.1).
        client.socket.sendall(bytes([0x81, 1]) + b"x")
        assert PROTOCOL_ERROR in client.read_to_end()[-80:]
        wait_until(lambda: connections(world) == 0, "the replica lets go of a client that does not close")


def test_a_drain_does_not_wait_for_clients_that_never_answer(world):
    with MuteClient(world.proxy.port) as client:
        world.drain("replica-1")
        assert SERVICE_RESTART in client.read_to_end()[-80:]
