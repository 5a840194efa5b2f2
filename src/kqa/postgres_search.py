"""An index in PostgreSQL as answering sees it: documents, passages, nearness and BM25, each from one state of its tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, LiteralString, TypeVar

import numpy as np

from kqa.dense import ASK, EXACT, Moments, mixed, relied_on
from kqa.lexical import DIGITS, K1, B
from kqa.postgres import PASSAGE_BITS, Row, Source
from kqa.postgres_rows import from_halves, literal, passage_of
from kqa.records import document_from_json
from kqa.types import Document, Kind, Passage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kqa.config import Config
    from kqa.types import Vectors

T = TypeVar("T")
_KEPT = 512  # documents kept in memory between questions, of one generation
_SCORES: LiteralString = (
    "SELECT p.passage, sum(q.weight * p.times / (p.times + %s * (%s + %s * p.length))) AS score"
    " FROM unnest(%s::text[], %s::float8[]) AS q (term, weight) JOIN kqa.postings p ON p.term = q.term"
)
_ROWS_PER_PASSAGE = (8, 40)  # rows looked at for each passage asked for: mostly the first are enough


@dataclass(frozen=True, slots=True)
class Counts:
    """How much one generation holds."""

    documents: int
    passages: int
    terms: int


@dataclass(slots=True)
class Shelf:
    """What was taken out of one state already; ``kept`` is shared by all readers of a generation.

    ``held``: the source stays in that state, so what was taken out may be given again.
    """

    source: Source
    counts: Counts
    held: bool
    kept: dict[str, Document] = field(default_factory=dict)
    passages: dict[int, Passage] = field(default_factory=dict)
    kinds: dict[int, Kind] = field(default_factory=dict)

    def take(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """Take passages out, with the kinds of their documents, in one query."""
        query = (
            "SELECT p.number, d.path, d.kind, p.record FROM kqa.passages p JOIN kqa.documents d ON d.number = p.number >> %s"
            " WHERE p.number = ANY(%s)"
        )
        rows = self.source.rows(query, PASSAGE_BITS, list(numbers))
        taken = {number: passage_of(number, path, record) for number, path, _, record in rows}
        if self.held:
            self.passages.update(taken)
            self.kinds.update({number: Kind(kind) for number, _, kind, _ in rows})
        return taken

    def kinds_of(self, numbers: Sequence[int]) -> dict[int, Kind]:
        """Return the kinds of the sources of passages."""
        if lacking := [number for number in numbers if number not in self.kinds]:
            query = "SELECT n, d.kind FROM unnest(%s::bigint[]) AS n JOIN kqa.documents d ON d.number = n >> %s"
            found = {number: Kind(kind) for number, kind in self.source.rows(query, lacking, PASSAGE_BITS)}
            return {**self.kinds, **found}
        return self.kinds

    def document(self, path: str) -> Document:
        """Return a document; KeyError where there is none."""
        if (document := self.kept.get(path)) is None:
            document = document_from_json(json.loads(self._one("SELECT record FROM kqa.documents WHERE path = %s", path)))
            if self.held:
                if len(self.kept) >= _KEPT:
                    self.kept.pop(next(iter(self.kept), ""), None)
                self.kept[path] = document
        return document

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of a document's bytes; KeyError where there is none."""
        return self._one("SELECT sha256 FROM kqa.documents WHERE path = %s", path)

    def _one(self, query: LiteralString, path: str) -> str:
        found = self.source.rows(query, path) if _storable(path) else []
        if not found:
            raise KeyError(path)
        return str(found[0][0])


class StoredPassages:
    """The passages of one state, by their numbers; those that a search found come in one query."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def __len__(self) -> int:
        return self._shelf.counts.passages

    def __iter__(self) -> Iterator[Passage]:
        query = (
            "SELECT p.number, d.path, p.record FROM kqa.passages p JOIN kqa.documents d ON d.number = p.number >> 20"
            " ORDER BY p.number"
        )
        return (passage_of(*row) for row in self._shelf.source.stream(query))

    def __getitem__(self, number: int, /) -> Passage:
        found = self._shelf.passages.get(number) or self._shelf.take([number]).get(number)
        if found is None:
            raise IndexError(number)
        return found

    def of(self, document: str) -> Sequence[Passage]:
        """Return the passages of a document, in its order; none for one that is not there."""
        query = (
            "SELECT p.number, p.record FROM kqa.documents d JOIN kqa.passages p"
            " ON p.number >= d.number << %s AND p.number < (d.number + 1) << %s WHERE d.path = %s ORDER BY p.number"
        )
        found = self._shelf.source.rows(query, PASSAGE_BITS, PASSAGE_BITS, document) if _storable(document) else []
        return [passage_of(number, document, record) for number, record in found]

    def marked(self, paths: Collection[str]) -> list[int]:
        """Return the numbers of documents, by which a search is kept to their passages."""
        named = [path for path in paths if _storable(path)]
        return [number for (number,) in self._shelf.source.rows("SELECT number FROM kqa.documents WHERE path = ANY(%s)", named)]


class StoredAdverts:
    """Whether an advertiser wrote a passage, by the kind of its document's source."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def __getitem__(self, numbers: list[int], /) -> NDArray[np.bool_]:
        kinds = self._shelf.kinds_of(numbers)
        return np.array([kinds[number] is Kind.CLINIC_MARKETING for number in numbers], np.bool_)


class ByPath(Mapping[str, T]):
    """Something of each document of one state, by the documents' paths and in their order."""

    def __init__(self, shelf: Shelf, read: Callable[[str], T]) -> None:
        self._shelf, self._read = shelf, read

    def __len__(self) -> int:
        return self._shelf.counts.documents

    def __iter__(self) -> Iterator[str]:
        return (path for (path,) in self._shelf.source.stream("SELECT path FROM kqa.documents ORDER BY number"))

    def __getitem__(self, path: str) -> T:
        return self._read(path)


class StoredDense:
    """Nearness by pgvector: candidates by its graph, or by all rows where there is none; every score exact."""

    def __init__(self, shelf: Shelf, config: Config, moments: Moments) -> None:
        self._shelf, self._config, self._moments = shelf, config, moments

    def search(self, vector: Vectors, k: int, allowed: Sequence[int] | None = None) -> list[int]:
        """Return up to k passage numbers, those with the nearest rows first, by (−cosine, number) as in a folder.

        Only of the documents ``allowed``. The graph brings rows by products with a vector in half precision, equal ones in any
        order.
        """
        passages: dict[int, None] = {}
        for rows in (k * times for times in _ROWS_PER_PASSAGE):
            found = self._nearest(literal(vector), rows, allowed)
            passages = dict.fromkeys(
                number for _, number in sorted((-round(near, EXACT + 1), number) for number, near in found)
            )
            if len(passages) >= k or len(found) < rows:
                break
        return list(passages)[:k]

    def score(self, vector: Vectors, passages: Sequence[int]) -> tuple[Vectors, NDArray[np.int32]]:
        """Return each passage's score and the ordinal of its best sentence, exact over all of its rows."""
        self._shelf.take(passages)
        owners, cosines = self._cosines(vector, passages)
        numbers, starts = np.unique(owners[:, 0], return_index=True)
        scores, best = mixed(relied_on(cosines), owners[:, 1].astype(np.int32), starts, self._config)
        places = np.searchsorted(numbers, np.asarray(passages))
        return scores[places], best[places]

    def nearest_sentences(self, vector: Vectors, passages: Sequence[int]) -> list[tuple[int, int, float]]:
        """Return (passage, ordinal, cosine) of the passages' sentences, nearest first, then in the order of the passages."""
        owners, cosines = self._cosines(vector, passages)
        place = {number: at for at, number in enumerate(passages)}
        rounded = zip(owners.tolist(), relied_on(cosines).round(DIGITS).tolist(), strict=True)
        found = [(number, ordinal, cosine) for (number, ordinal), cosine in rounded if ordinal >= 0]
        return sorted(found, key=lambda row: (-row[2], place[row[0]], row[1]))

    def sentences(self) -> tuple[list[tuple[int, int]], Vectors]:
        """Return each sentence's passage number and ordinal, in the order of both, and its centred vector, shape (n, d)."""
        query = "SELECT passage, ordinal, vector FROM kqa.vectors WHERE ordinal >= 0 ORDER BY passage, ordinal"
        owners, vectors = [], []
        for passage, ordinal, data in self._shelf.source.stream(query, binary=True):
            owners.append((passage, ordinal))
            vectors.append(data)
        return owners, self._moments.centred(from_halves(vectors))

    def nearness(self, vector: Vectors, passages: Sequence[int]) -> tuple[float, float | None]:
        """Return how far the passages' best sentence stands out, and how near their best listed question is, if any."""
        query = "SELECT ordinal, vector FROM kqa.vectors WHERE passage = ANY(%s) ORDER BY passage, ordinal"
        rows = self._shelf.source.rows(query, list(passages), binary=True)
        vectors, ordinals = from_halves([data for _, data in rows]), np.array([ordinal for ordinal, _ in rows])
        return self._moments.nearness(vector, vectors[ordinals >= 0], vectors[ordinals == ASK])

    def _nearest(self, vector: str, rows: int, allowed: Sequence[int] | None) -> list[Row]:
        """Return the nearest rows' passages and cosines; the rows of few documents are all looked at, by no graph."""
        cosine: LiteralString = "SELECT passage, -(vector::vector <#> %s::vector) FROM "
        if allowed is None:
            near: LiteralString = "SELECT passage, vector FROM kqa.vectors ORDER BY vector <#> %s::halfvec LIMIT %s"
            return self._shelf.source.rows(cosine + "(" + near + ") AS near", vector, vector, rows)
        held: LiteralString = (
            "WITH held AS MATERIALIZED (SELECT v.passage, v.vector FROM unnest(%s::bigint[]) AS n"
            " JOIN kqa.vectors v ON v.passage >= n << %s AND v.passage < (n + 1) << %s) "
        )
        return self._shelf.source.rows(
            held + cosine + "held ORDER BY 2 DESC, passage LIMIT %s", list(allowed), PASSAGE_BITS, PASSAGE_BITS, vector, rows
        )

    def _cosines(self, vector: Vectors, passages: Sequence[int]) -> tuple[NDArray[np.int64], Vectors]:
        """Return the rows' owners, by passage and ordinal, and their cosines: the stored halves with the whole vector."""
        query = (
            "SELECT passage, ordinal, -(vector::vector <#> %s::vector) FROM kqa.vectors WHERE passage = ANY(%s)"
            " ORDER BY passage, ordinal"
        )
        rows = self._shelf.source.rows(query, literal(vector), list(passages), binary=True)
        owners = np.array([row[:2] for row in rows], np.int64).reshape(-1, 2)
        return owners, np.array([row[2] for row in rows], np.float32)


class StoredLexical:
    """BM25 from postings, weighed by the counts of the same state: bm25s's scores to rounding."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._frequencies: dict[str, int] = {}

    def best(self, query: Sequence[str], k: int, allowed: Sequence[int] | None = None) -> list[int]:
        """Return the k passages with the highest positive scores, by (−score, number); only of the documents ``allowed``."""
        only: LiteralString = "" if allowed is None else " WHERE p.passage >> %s = ANY(%s)"
        values = () if allowed is None else (PASSAGE_BITS, list(allowed))
        ranked = (
            "SELECT passage FROM (" + _SCORES + only + " GROUP BY p.passage) AS scored"
            " WHERE round(score * 10000) > 0 ORDER BY round(score * 10000) DESC, passage LIMIT %s"
        )
        return [number for (number,) in self._shelf.source.rows(ranked, *self._weights(query), *values, k)]

    def score(self, query: Sequence[str], passages: Sequence[int]) -> NDArray[np.float32]:
        """Return the scores of some passages, by their numbers, rounded as they are shown."""
        named = _SCORES + " WHERE p.passage = ANY(%s) GROUP BY p.passage"
        scores: dict[int, float] = dict(self._shelf.source.rows(named, *self._weights(query), list(passages)))
        return np.array([scores.get(number, 0.0) for number in passages], np.float32).round(DIGITS)

    def most(self, query: Sequence[str]) -> float:
        """Return what no passage's score for a query's terms can exceed: the sum of their idf, with those no passage holds."""
        return sum(map(self.idf, query))

    def idf(self, term: str) -> float:
        """Return ln(1 + (n − df + ½) / (df + ½)): how telling a term is; a term of no passage is the most telling."""
        self._look_up([term])
        df = self._frequencies[term]
        return float(np.log1p((self._shelf.counts.passages - df + 0.5) / (df + 0.5)))

    def _weights(self, query: Sequence[str]) -> tuple[object, ...]:
        """Return what ``_SCORES`` asks for: the constants of BM25, the terms that some passage holds, and their weights."""
        self._look_up(query)
        known = [term for term in query if self._frequencies[term]]
        weights = {term: known.count(term) * self.idf(term) for term in known}
        mean = self._shelf.counts.terms / self._shelf.counts.passages
        return K1, 1 - B, B / mean, list(weights), list(weights.values())

    def _look_up(self, terms: Sequence[str]) -> None:
        if new := sorted(set(terms) - set(self._frequencies)):
            found: dict[str, int] = dict(
                self._shelf.source.rows("SELECT term, passages FROM kqa.terms WHERE term = ANY(%s)", new)
            )
            self._frequencies.update({term: found.get(term, 0) for term in new})


def _storable(path: str) -> bool:
    """Whether a database takes a path: a page may be asked for any."""
    return "\0" not in path and path == path.encode("utf-8", "ignore").decode()
