"""Counts and times of what the server did, for Prometheus; no label ever holds anything that a person sent."""

from __future__ import annotations

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kqa.access import OPEN
from kqa.types import Outcome

_ASSETS = tuple(path for path in OPEN if path.endswith("/"))
_ROUTES = {path: path.strip("/") for path in OPEN if path not in _ASSETS}
_ROUTES |= {"/": "home", "/openapi.json": "openapi", "/gradio_api/component_server": "page"}
_CLASSES = {Outcome.ANSWERED: "answered", Outcome.ABSTAINED: "abstained"}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # upper bounds of the latency histogram


class Metrics:
    """What one server did, in a registry of its own; one for all threads.

    Outcomes are counted as three classes only: a finer count would tell that someone was in danger, and when.
    """

    def __init__(self) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._requests = Counter("kqa_requests", "Requests answered.", ("route", "status"), registry=self._registry)
        self._seconds = Histogram(
            "kqa_request_seconds", "Time to a response.", ("route",), buckets=_SECONDS, registry=self._registry
        )
        self._answers = Counter(
            "kqa_answers", "Questions answered, abstained from, referred.", ("outcome",), registry=self._registry
        )
        self._refused = Counter("kqa_refused", "Requests beyond a limit.", ("reason",), registry=self._registry)
        for name in (*_CLASSES.values(), "referred"):
            self._answers.labels(name)
        for reason in ("rate", "busy"):
            self._refused.labels(reason)
        self._index = Gauge(
            "kqa_index_info", "The index that answers, by its manifest.", ("manifest",), registry=self._registry
        )
        self._held = {
            name: Gauge(f"kqa_index_{name}", f"How many {name} the index holds.", registry=self._registry)
            for name in ("documents", "passages")
        }
        self._behind = Gauge("kqa_index_behind", "1 while the index published last cannot be used.", registry=self._registry)
        self._changes = Counter(
            "kqa_index_changes", "Newly published indexes, by what became of them.", ("result",), registry=self._registry
        )
        for result in ("taken", "refused"):
            self._changes.labels(result)

    def show_index(self, manifest: str, documents: int, passages: int) -> None:
        """Tell which index answers, and how much it holds."""
        self._index.clear()
        self._index.labels(manifest).set(1)
        self._held["documents"].set(documents)
        self._held["passages"].set(passages)

    def show_behind(self, behind: bool) -> None:
        """Tell whether the index published last is another than the one that answers, and cannot be used."""
        self._behind.set(behind)

    def count_index(self, result: str) -> None:
        """Count one newly published index: ``taken`` or ``refused``."""
        self._changes.labels(result).inc()

    def observe(self, path: str, status: int, seconds: float) -> None:
        """Count one response; ``path`` is below the root path. Unknown paths share one label."""
        route = "assets" if path.startswith(_ASSETS) else _ROUTES.get(path.rstrip("/") or "/", "other")
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_answer(self, outcome: Outcome) -> None:
        """Count how one question ended."""
        self._answers.labels(_CLASSES.get(outcome, "referred")).inc()

    def count_refusal(self, reason: str) -> None:
        """Count one request that was not answered now: ``rate`` or ``busy``."""
        self._refused.labels(reason).inc()

    def to_text(self) -> str:
        """Return everything counted so far, in the text format of Prometheus."""
        return prometheus_client.generate_latest(self._registry).decode()
