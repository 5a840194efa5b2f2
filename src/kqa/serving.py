"""The index that answers now, and how a newly published one takes its place between two answers."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from kqa.errors import KqaError
from kqa.index import Index
from kqa.metrics import Metrics
from kqa.store import pointed

_SECONDS = 1.0  # between two looks at the folder
_AGAIN = 30.0  # seconds until a refused index is tried again: a full memory or a lost disk may have been the reason


@dataclass(frozen=True, slots=True)
class Served:
    """One index with what was made of it before it answers: nothing that is shown mixes two.

    ``examples`` are the questions that home offers, ``safer`` those offered instead of an amount, ``stage`` is what the page
    opens with, ``pages`` make the others, by their paths, for a reader's country.
    """

    index: Index
    examples: Sequence[str] = ()
    safer: Sequence[str] = ()
    stage: str = ""
    pages: Mapping[str, Callable[[str | None], str]] = field(default_factory=dict)


class Serving:
    """What a server answers from; one for all threads.

    Who answers reads ``now`` once and stays with it: one answer comes from one index, and the index before is given up when
    the last answer from it is.
    """

    def __init__(
        self, index: Index, prepare: Callable[[Index], Served] = Served, metrics: Metrics | None = None
    ) -> None:  # fmt: skip
        self.metrics = metrics or Metrics()
        self._prepare = prepare
        self._told: list[Callable[[Served], None]] = []
        self.now = self._made(index)
        self._measure()

    def tell(self, told: Callable[[Served], None]) -> None:
        """Call ``told`` with what is served from now on, each time that it changes."""
        self._told.append(told)

    def take(self, index: Index) -> None:
        """Answer from another index, as soon as everything is made of it."""
        self.now = served = self._made(index)
        self._measure()
        for told in self._told:
            told(served)

    def _made(self, index: Index) -> Served:
        if index.triage:
            index.triage.open()  # nobody in danger waits for it, and the files may go
        return self._prepare(index)

    def _measure(self) -> None:
        index = self.now.index
        self.metrics.show_index(index.manifest, len(index.documents), len(index.passages))


class Follower:
    """Looks whether another index was published in a folder or a database, and lets it answer."""

    def __init__(self, place: Path | str, serving: Serving) -> None:
        self._place, self._serving = place, serving
        self._done: tuple[str, ...] = ()
        self._said = ""
        self._again = 0.0

    def look(self) -> None:
        """Take over what was published since; what cannot be used is refused, said once, and tried again after a while."""
        try:
            index = self._serving.now.index
            found = index.home.pointed() if index.home else pointed(Path(self._place))
            if found == self._done and (not self._said or time.monotonic() < self._again):
                return
            self._done, self._again = found, time.monotonic() + _AGAIN
            if found[0] != f"gen-{index.manifest[:16]}":
                self._serving.take(index.renewed() if index.home else Index.load(self._place))
                self._serving.metrics.count_index("taken")
                _say(f"kqa answers from the index published last, manifest {self._serving.now.index.manifest[:16]}")
            self._said = ""
            self._serving.metrics.show_behind(False)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a new index, the old one goes on answering
            self._refuse(str(error) if isinstance(error, KqaError) else f"{type(error).__name__}: {error}")

    def _refuse(self, why: str) -> None:
        self._serving.metrics.show_behind(True)
        if why == self._said:
            return
        self._said = why
        self._serving.metrics.count_index("refused")
        kept = "goes on answering from the index before, for the one published last is refused"
        if self._serving.now.index.home:  # where each question reads what is in force
            kept = "cannot answer from what is in force"
        _say(f"kqa {kept}: {why}")


@contextmanager
def following(place: Path | str, serving: Serving) -> Iterator[None]:
    """Look for a newly published index each second, beside the block."""
    stopping = threading.Event()
    follower = Follower(place, serving)

    def watch() -> None:
        while not stopping.wait(_SECONDS):
            follower.look()

    watching = threading.Thread(target=watch, name="kqa-index", daemon=True)
    watching.start()
    try:
        yield
    finally:
        stopping.set()
        watching.join(_SECONDS)


def _say(text: str) -> None:
    with suppress(OSError, ValueError):  # nobody listens any more
        sys.stderr.write(f"{text}\n")
