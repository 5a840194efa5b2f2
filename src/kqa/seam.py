"""The seam between answering and the home of an index: what a folder and a database both offer.

Whatever lives behind it, the analysed words, the mixing of cosines, the fusion and the rounding are kqa's own, so that the same
corpus gives the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from kqa.types import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kqa.types import Vectors

Named = Mapping[str, Any]
"""Fields of an index by their names."""


class ByNumber(Protocol):
    """The passages of an index, by their numbers; a number keeps the order of documents and of passages in them."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Passage]: ...

    def __getitem__(self, number: int, /) -> Passage: ...


@runtime_checkable
class ByDocument(Protocol):
    """Passages that are found by their document without looking at all of them."""

    def of(self, document: str) -> Sequence[Passage]:
        """Return the passages of a document, in its order; none for one that is not there."""
        ...


class MarkedPassages(ByNumber, Protocol):
    """Passages to which a search may be kept, some of them."""

    def marked(self, paths: Collection[str]) -> Any:
        """Return what names the passages of documents to the searches of the same home, as ``allowed``."""
        ...


class Adverts(Protocol):
    """Whether an advertiser wrote a passage."""

    def __getitem__(self, numbers: list[int], /) -> NDArray[np.bool_]: ...


class DenseSearch(Protocol):
    """Nearness by vectors; see ``kqa.dense.Dense``."""

    def search(self, vector: Vectors, k: int, allowed: Any = None) -> list[int]:
        """Return up to k passage numbers, those with the nearest rows first; only ``allowed`` ones."""
        ...

    def score(self, vector: Vectors, passages: Sequence[int]) -> tuple[Vectors, NDArray[np.int32]]:
        """Return each passage's score, exact over all of its rows, and the ordinal of its best sentence."""
        ...

    def nearest_sentences(self, vector: Vectors, passages: Sequence[int]) -> list[tuple[int, int, float]]:
        """Return (passage, ordinal, cosine) of the passages' sentences, nearest first, then in the order of the passages."""
        ...

    def sentences(self) -> tuple[list[tuple[int, int]], Vectors]:
        """Return each sentence's passage number and ordinal, in the order of both, and its centred vector, shape (n, d)."""
        ...

    def nearness(self, vector: Vectors, passages: Sequence[int]) -> tuple[float, float | None]:
        """Return how far the passages' best sentence stands out, and how near their best listed question is, if any."""
        ...


class LexicalSearch(Protocol):
    """BM25 over analysed words; see ``kqa.lexical.Lexical``."""

    def best(self, query: Sequence[str], k: int, allowed: Any = None) -> list[int]:
        """Return the k passages with the highest positive scores, by (−score, number); only ``allowed`` ones."""
        ...

    def score(self, query: Sequence[str], passages: Any) -> NDArray[np.float32]:
        """Return the scores of some passages, by their numbers, rounded as they are shown."""
        ...

    def most(self, query: Sequence[str]) -> float:
        """Return what no passage's score for a query's terms can exceed."""
        ...

    def idf(self, term: str) -> float:
        """Return how telling a term is."""
        ...


class Home(Protocol):
    """Where an index lives that changes while it is served."""

    def consistently(self, act: Callable[[Named], Any]) -> Any:
        """Return what ``act`` makes of one state; asked again, once, when the server went away meanwhile.

        Raises UnusableIndex.
        """
        ...

    def fields(self) -> Named:
        """Return the fields of an ``Index`` whose documents and passages are those in force each time one looks."""
        ...

    def pointed(self) -> tuple[str, ...]:
        """Return what tells one state from the next, first its name as a generation of a folder would have it."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...
