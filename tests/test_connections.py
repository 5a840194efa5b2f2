"""Half a request, an answer nobody reads, more connections than there is room for: let go, and the others are answered."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import uvicorn

import kqa.connections
from kqa.connections import bounded_protocol, share_memory

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
LARGE = 64 * 2**20  # bytes: more than a system keeps for who does not read


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body = b"x" * LARGE if scope["path"] == "/large" else b"whole"
    while scope["method"] == "POST":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[uvicorn.Server]:
    for name, value in (("_WHOLE", 0.6), ("_UNREAD", 0.6), ("_MOST", 20)):
        monkeypatch.setattr(kqa.connections, name, value)
    settings = uvicorn.Config(app, port=0, log_level="critical", http=bounded_protocol(), ws="none", lifespan="off")
    started = uvicorn.Server(settings)
    thread = threading.Thread(target=lambda: asyncio.run(started.serve()), daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not started.started and time.monotonic() < until:
        time.sleep(0.01)
    yield started
    started.should_exit = started.force_exit = True
    thread.join(10)


def opened(server: uvicorn.Server, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(server.servers[0].sockets[0].getsockname()[:2], timeout=10)
    connection.sendall(sent)
    return connection


def answered(connection: socket.socket) -> bool:
    told = b""
    while not told.endswith(b"whole") and (piece := connection.recv(65536)):
        told += piece
    return told.startswith(b"HTTP/1.1 200 ") and told.endswith(b"whole")


def rest(connection: socket.socket) -> bytes:
    """Read until the server closes; what it sent, or nothing where it broke off."""
    told = b""
    try:
        while piece := connection.recv(65536):
            told += piece
    except ConnectionResetError:
        pass
    return told


def emptied(server: uvicorn.Server) -> bool:
    until = time.monotonic() + 10
    while server.server_state.connections and time.monotonic() < until:
        time.sleep(0.02)
    return not server.server_state.connections


@pytest.mark.parametrize("half", [b"GET / HT", GET[:-2], b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf"])
def test_half_a_request_is_told_that_it_came_late(server: uvicorn.Server, half: bytes) -> None:
    with opened(server, half) as connection:
        told = rest(connection)
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"the request did not come whole within" in told
    assert emptied(server)


def test_who_says_nothing_is_told_nothing(server: uvicorn.Server) -> None:
    with opened(server) as connection:
        assert rest(connection) == b""


def test_bytes_that_trickle_in_put_nothing_off(server: uvicorn.Server) -> None:
    started = time.monotonic()
    with opened(server) as connection:
        for byte in GET[:-2] * 20:
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                break
            time.sleep(0.02)
    assert time.monotonic() - started < 8


def test_a_whole_request_is_answered_and_its_connection_kept(server: uvicorn.Server) -> None:
    with opened(server) as connection:
        for _ in range(2):
            connection.sendall(GET)
            assert answered(connection)
            time.sleep(0.8)  # longer than a request may take to come


def test_an_answer_that_nobody_reads_is_given_up(server: uvicorn.Server) -> None:
    with opened(server, GET.replace(b"/ ", b"/large ", 1)):
        assert emptied(server)


def test_beyond_the_most_the_idlest_goes_and_the_last_is_answered(server: uvicorn.Server) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(opened(server, GET[:5])) for _ in range(40)]
        last = stack.enter_context(opened(server, GET))
        assert answered(last)
        assert len(server.server_state.connections) <= 21
        assert rest(held[0]) == b""


def test_sharing_memory_can_be_asked_for_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    share_memory()
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())  # a C library that knows nothing of it
    share_memory()
