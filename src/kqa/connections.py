"""Connections that nobody can hold for long: who sends half a request, reads nothing, or opens too many is let go."""

from __future__ import annotations

import ctypes
import socket
import time
from contextlib import suppress
from functools import cache
from typing import Any

KEPT = 65  # seconds that an idle connection is kept: longer than proxies keep theirs, or they ask into one that just closed
_WHOLE = 20.0  # seconds from a request's first byte, or from the start of a connection, to a request's last byte
_UNREAD = 30.0  # seconds that a client may leave what it asked for unread
_MOST = 800  # connections at once; systems allow a process 1,024 files
_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\n"
    b"the request did not come whole within 20 seconds; send it again\n"
)
_ARENAS = -8  # M_ARENA_MAX of the GNU C library


@cache
def bounded_protocol() -> type[Any]:
    """Return uvicorn's protocol of HTTP/1.1 with bounds on time, and on connections: beyond them the idlest is closed."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Bounded(H11Protocol):
        _timers: dict[str, Any]
        _since = 0.0  # when this connection last had something to do
        _begun = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._timers = {}
            self._since = time.monotonic()
            _give_up_unread(transport)
            self._after("whole", _WHOLE, self._late)
            if len(self.connections) > _MOST:
                self._make_room()

        def _make_room(self) -> None:
            open_ones = [one for one in self.connections if isinstance(one, Bounded) and not one.transport.is_closing()]
            spare = [one for one in open_ones if one.spare and one is not self]
            if len(open_ones) > _MOST:
                min(spare or [self], key=lambda one: one._since).transport.abort()

        @property
        def spare(self) -> bool:
            """Whether nothing is lost that somebody asked for, when this connection is closed."""
            return self._unfinished or self.cycle is None or self.cycle.response_complete

        @property
        def _unfinished(self) -> bool:
            return str(self.conn.their_state) in ("IDLE", "SEND_BODY")

        def data_received(self, data: bytes) -> None:
            self._since, self._begun = time.monotonic(), True
            super().data_received(data)
            if not self._unfinished:
                self._stop("whole")
            elif "whole" not in self._timers:  # bytes that trickle in do not put it off
                self._after("whole", _WHOLE, self._late)

        def on_response_complete(self) -> None:
            self._since, self._begun = time.monotonic(), False
            super().on_response_complete()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._after("unread", _UNREAD, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._stop("unread")

        def connection_lost(self, exc: Exception | None) -> None:
            for name in list(self._timers):
                self._stop(name)
            super().connection_lost(exc)

        def _late(self) -> None:
            if self._begun and not (self.cycle and self.cycle.response_started and not self.cycle.response_complete):
                self.transport.write(_LATE)
            self.transport.close()

        def _after(self, name: str, seconds: float, do: Any) -> None:
            self._stop(name)
            self._timers[name] = self.loop.call_later(seconds, do)

        def _stop(self, name: str) -> None:
            if timer := self._timers.pop(name, None):
                timer.cancel()

    return Bounded


def _give_up_unread(transport: Any) -> None:
    """Let the system drop a client that takes none of what was sent; where it cannot, only large answers are dropped."""
    with suppress(OSError, AttributeError):
        option = socket.TCP_USER_TIMEOUT  # not on every system
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, option, round(1000 * _UNREAD))


def share_memory() -> None:
    """Let all threads of this process take memory from two pools, where its C library can: each keeps what it once had."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENAS, 2)
