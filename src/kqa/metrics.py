"""Counts and times of what the server did, in the text format of Prometheus; never the text of a question."""

from __future__ import annotations

from collections import Counter, defaultdict
from threading import Lock

_ROUTES = {"/": "home", "/ask": "ask", "/plain": "plain", "/gradio_api/component_server": "page"}


class Metrics:
    """How often each route answered with which status, and for how long it worked; one for all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count: Counter[tuple[str, int]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def observe(self, path: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        route = _ROUTES.get(path.rstrip("/") or "/", "other")
        with self._lock:
            self._count[route, status] += 1
            self._seconds[route] += seconds

    def to_text(self) -> str:
        """Return everything counted so far."""
        with self._lock:
            count, seconds = sorted(self._count.items()), sorted(self._seconds.items())
        lines = ["# TYPE kqa_requests_total counter"]
        lines += [f'kqa_requests_total{{route="{route}",status="{status}"}} {number}' for (route, status), number in count]
        lines += ["# TYPE kqa_request_seconds_total counter"]
        lines += [f'kqa_request_seconds_total{{route="{route}"}} {spent:.6f}' for route, spent in seconds]
        return "\n".join(lines) + "\n"
