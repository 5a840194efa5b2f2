"""How often one client may ask and how many are answered at once; nothing of a client is kept but a keyed hash, in memory."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import os
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Any

from kqa.errors import ConfigError, TooMany, TooOften

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_CLIENTS = 10_000  # remembered at once; the one that was silent for longest is forgotten
_KEY = secrets.token_bytes(32)  # of this process: what is remembered names nobody, here or after
_RATE = re.compile(r"(\d{1,6})(?:/minute)?")
_FORWARDED_FOR = re.compile(r'(?:^|;)\s*for=("?)([^";]+)\1\s*(?=;|$)', re.IGNORECASE)
THREADS = 32
"""Threads for each way to ask: more than there are places and questions before them; what else is served has its own."""
_WAITING = 2  # questions that wait for each place
_PATIENCE = 10.0  # seconds that a question waits for its turn


class Rate:
    """A token bucket for each client: ``per_minute`` at once, refilled evenly; 0 is no limit. Safe for many threads."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic, clients: int = _CLIENTS) -> None:
        self._most, self._clock, self._clients = per_minute, clock, clients
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()  # client → tokens, and when they were counted
        self._lock = Lock()

    def charge(self, client: bytes | None) -> int:
        """Take one token; returns 0, or in how many whole seconds there is one. ``None`` is nobody who is limited."""
        return self._look(client, 1)

    def wait(self, client: bytes | None) -> int:
        """Return what ``charge`` would, and take nothing."""
        return self._look(client, 0)

    def _look(self, client: bytes | None, taken: int) -> int:
        if not self._most or client is None:
            return 0
        with self._lock:
            now = self._clock()
            held, before = self._buckets.pop(client, (float(self._most), now))
            held = min(self._most, held + (now - before) * self._most / 60)
            allowed = held >= 1
            self._buckets[client] = (held - taken if allowed else held, now)
            while len(self._buckets) > self._clients:
                self._buckets.popitem(last=False)
            return 0 if allowed else max(1, math.ceil((1 - held) * 60 / self._most))


class Places:
    """Places for answers that are worked on at once, with a bounded queue before them; safe for many threads.

    ``at_once`` and ``queue`` together stay below ``THREADS``, so that a question beyond them is still
    screened. The queue is short, so that who is let into it is answered within a few times what one answer takes.
    """

    def __init__(self, at_once: int | None = None, queue: int | None = None, patience: float = _PATIENCE) -> None:
        self._free = at_once or min(os.cpu_count() or 1, 8)
        self._queue = _WAITING * self._free if queue is None else queue
        self._patience = patience
        self._changed = Condition()

    def try_take(self) -> bool:
        """Take a place if one is free at once."""
        with self._changed:
            if self._free:
                self._free -= 1
                return True
            return False

    def take(self) -> None:
        """Take a place, waiting in the queue; raises TooMany where the queue is full, or nothing came free in time."""
        with self._changed:
            if not self._free and not self._queue:
                raise too_many()
            self._queue -= 1
            try:
                if not self._changed.wait_for(lambda: self._free, self._patience):
                    raise too_many()
                self._free -= 1
            finally:
                self._queue += 1

    def give(self) -> None:
        """Give a place back."""
        with self._changed:
            self._free += 1
            self._changed.notify()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold a place for a block; raises TooMany."""
        self.take()
        try:
            yield
        finally:
            self.give()


def too_often(seconds: int) -> TooOften:
    """Say that one client asked too often."""
    unit = "second" if seconds == 1 else "seconds"
    return TooOften(f"too many questions came from your address within a minute; ask again in {seconds} {unit}", seconds)


def too_many() -> TooMany:
    """Say that too many ask at once."""
    return TooMany("too many questions are being answered at this moment; ask again in 5 seconds", 5)


def read_rate(text: str) -> int:
    """Read ``60/minute``, or a bare number, which means the same; 0 is no limit. Raises ConfigError."""
    if not (found := _RATE.fullmatch(text.strip())):
        raise ConfigError(f"--rate {text!r} is no rate; write for example 60/minute, or 0 for no limit")
    return int(found[1])


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read networks such as ``10.0.0.0/8``, or single addresses; raises ConfigError."""
    try:
        return tuple(ipaddress.ip_network(text.strip()) for text in texts)
    except ValueError as error:
        raise ConfigError(f"--trusted-proxy: {error}; write an address or a network such as 10.0.0.0/8") from error


def is_trusted(scope: Mapping[str, Any], proxies: Sequence[Network]) -> bool:
    """Whether a request comes from a proxy whose word counts."""
    peer = _address((scope.get("client") or ("",))[0])
    return peer is not None and _within(peer, proxies)


def client_of(scope: Mapping[str, Any], proxies: Sequence[Network]) -> bytes:
    """Return the keyed hash of who sent a request: the right-most address that is no trusted proxy.

    Where a request bears both X-Forwarded-For and Forwarded and they differ, one of them was not the proxy's, and neither
    is believed. An IPv6 client is its /64, which one household has.
    """
    named = str((scope.get("client") or ("",))[0])
    address = _address(named)
    if address is not None and _within(address, proxies):
        address = _sender(scope, proxies) or address
    if isinstance(address, ipaddress.IPv6Address):
        address = ipaddress.IPv6Address(int(address) >> 64 << 64)
    return hashlib.blake2b(str(address or named).encode(), key=_KEY, digest_size=16).digest()


def _sender(scope: Mapping[str, Any], proxies: Sequence[Network]) -> Address | None:
    given: dict[bytes, list[str]] = {b"x-forwarded-for": [], b"forwarded": []}
    for name, value in scope["headers"]:
        if name.lower() in given:
            given[name.lower()] += value.decode("latin-1").split(",")
    forwarded = [found[2] if (found := _FORWARDED_FOR.search(part.strip())) else "" for part in given[b"forwarded"]]
    senders = {_rightmost(chain, proxies) for chain in (given[b"x-forwarded-for"], forwarded) if chain}
    return senders.pop() if len(senders) == 1 else None


def _rightmost(chain: Sequence[str], proxies: Sequence[Network]) -> Address | None:
    for text in reversed(chain):
        address = _address(text)
        if address is None or not _within(address, proxies):
            return address
    return None


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    """Read an address, with or without its port or brackets; an IPv4 one in IPv6's clothes is the IPv4 one."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address
