"""Who is answered now: help always, everything else within the limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Semaphore

from kqa.answer import ask
from kqa.errors import LimitError, TooOften
from kqa.index import Index
from kqa.limits import Places, Rate, too_often
from kqa.metrics import Metrics
from kqa.question import clean
from kqa.safety import screen
from kqa.types import Answer

CLIENT: ContextVar[bytes | None] = ContextVar("client", default=None)
"""The keyed hash of who sent the request at hand; None outside of one."""
_SCREENED = 2  # questions beyond the places that are screened at once: with all of them nobody would be done soon


class Admission:
    """Answers within the limits of one server; safe to call from many threads.

    A question that would be refused or have to wait is screened first: one that is referred gets its help at once.
    """

    def __init__(self, rate: Rate | None = None, places: Places | None = None, metrics: Metrics | None = None) -> None:
        self.metrics = metrics or Metrics()
        self._rate = rate or Rate(0)
        self._places = places or Places()
        self._screening = Semaphore(_SCREENED)

    def ask(self, question: str, index: Index, history: Sequence[str] = (), *, despite: bool = False) -> Answer:
        """Answer as ``kqa.ask`` does; raises LimitError beyond a limit, but never for a question that is referred."""
        with self._counted():
            answer = self._answer(question, index, history, despite)
        self.metrics.count_answer(answer.outcome)
        return answer

    def _answer(self, question: str, index: Index, history: Sequence[str], despite: bool) -> Answer:
        seconds = self._rate.charge(CLIENT.get())
        if not seconds and self._places.try_take():
            try:
                return ask(question, index, history, despite=despite)
            finally:
                self._places.give()
        with self._screening:
            referred = screen(clean(question), history, index.triage).outcome is not None
        if referred and not despite:
            return ask(question, index, history)
        try:
            with self._place(seconds):
                return ask(question, index, history, despite=despite)
        except LimitError:
            if referred:  # what was to be shown besides has to wait, the help has not
                return ask(question, index, history)
            raise

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Let in what is no question that waits for help; raises LimitError beyond a limit."""
        with self._counted(), self._place(self._rate.charge(CLIENT.get())):
            yield

    @contextmanager
    def _place(self, seconds: int) -> Iterator[None]:
        if seconds:
            raise too_often(seconds)
        with self._places.held():
            yield

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except LimitError as error:
            self.metrics.count_refusal("rate" if isinstance(error, TooOften) else "busy")
            raise
