"""Writing an index in PostgreSQL: one transaction that only one builder at a time may hold."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, LiteralString

import numpy as np

from kqa.postgres import FORMAT, READING, Connection, Row, check_vector, connect, in_words, shown
from kqa.postgres_rows import from_halves, record_of, to_halves, to_json
from kqa.records import document_to_json
from kqa.types import Document, Passage
from kqa.vectors import digest

GRAPH_FROM = 200_000
"""Rows from which a graph (HNSW) is worth its memory; below it every row is looked at."""
_SCHEMA = Path(__file__).with_name("schema.sql")
_LOCK = 0x6B7161  # "kqa"; of this database, until the transaction ends
_GAP = 1 << 16  # between the numbers of two documents, for those that come between them later
_BATCH = 500  # documents whose rows are read at once
_SAMPLE, _NEAREST = 50, 10  # rows whose nearest rows the graph is held against
_GRAPH: LiteralString = (
    "CREATE INDEX vectors_near ON kqa.vectors USING hnsw (vector halfvec_ip_ops) WITH (m = 16, ef_construction = 64)"
)
_OF: LiteralString = "unnest(%s::bigint[]) AS n WHERE passage >= n << 20 AND passage < (n + 1) << 20"
_STATE = ("generation", "manifest", "facts", "sentences", "total", "products", "recall")
_PATIENT: LiteralString = (
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL maintenance_work_mem = '1GB'"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as it is stored: its number and passages, whom its rows stand for and their texts, the terms of each passage.

    ``words`` counts the passages that hold a word; ``fingerprint`` names all of it.
    """

    number: int
    document: Document
    passages: tuple[Passage, ...]
    owners: tuple[tuple[int, int], ...]
    texts: tuple[str, ...]
    terms: tuple[tuple[str, ...], ...]
    words: Mapping[str, int]
    fingerprint: bytes


class Writer:
    """The one transaction of a build; it starts from ``numbers`` by path, ``fingerprints`` by number and ``files``."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection, self.name = connection, name
        self._state: dict[str, Any] | None = None
        self.numbers: dict[str, int] = {}
        self.fingerprints: dict[int, bytes] = {}
        self.files: dict[str, str] = {}
        there = self.rows("SELECT to_regclass('kqa.state')::text")[0][0]
        found = self.rows("SELECT format, generation FROM kqa.state") if there else []
        self._before: int = found[0][1] if found else 0  # counted on from: to servers a lower number is an older state
        if found and found[0][0] == FORMAT:
            row = self.rows("SELECT generation, manifest, facts, sentences, total, products, recall FROM kqa.state")[0]
            self._state = dict(zip(_STATE, row, strict=True))
            for number, path, mark in self.rows("SELECT number, path, fingerprint FROM kqa.documents"):
                self.numbers[path], self.fingerprints[number] = number, bytes(mark)
            self.files = dict(self.rows("SELECT name, sha256 FROM kqa.files"))

    def rows(self, query: LiteralString, *values: object, binary: bool = False) -> list[Row]:
        """Return all rows of a query."""
        found: list[Row] = self._connection.execute(query, values, binary=binary).fetchall()
        return found

    def stream(self, query: LiteralString, binary: bool = False) -> Iterator[Row]:
        """Yield the rows of a query that may be many."""
        with self._connection.cursor("kqa", binary=binary) as cursor:
            yield from cursor.execute(query)

    def keep_only(self, made_by: Mapping[str, Any]) -> None:
        """Keep nothing of an index whose vectors were made otherwise, by another encoder or in another precision."""
        try:
            facts = json.loads(self._state["facts"])["encoder"] if self._state else {}
            known = (
                {"encoder": facts["identity"], "dimensions": facts["dimensions"], "bulk": facts["bulk"]} if facts else made_by
            )
            same = known == made_by
        except (ValueError, KeyError, TypeError):
            same = False
        if not same:
            self._state, self.numbers, self.fingerprints = None, {}, {}

    def vectors(self, documents: Sequence[int]) -> dict[bytes, Any]:
        """Return the vectors of documents' rows by the digests of their texts."""
        if not self._state or not documents:
            return {}
        found = self.rows("SELECT digest, vector FROM kqa.vectors, " + _OF, list(documents), binary=True)
        return dict(zip([bytes(row[0]) for row in found], from_halves([row[1] for row in found]), strict=True))

    def prepare(self, dimensions: int, models: Path) -> None:
        """Make the tables where there are none to go on with, and store the files of the encoder and the triage."""
        if self._state is None:
            version = self.rows(
                "SELECT coalesce(installed_version, default_version) FROM pg_available_extensions WHERE name = 'vector'"
            )
            check_vector(version[0][0] if version else None, self.name)
            self._connection.execute("DROP SCHEMA IF EXISTS kqa CASCADE")
            self._connection.execute(_SCHEMA.read_text(encoding="utf-8").replace("{dimensions}", str(dimensions)))
            zeros = np.zeros((1 + dimensions, dimensions))
            self._state = {
                "generation": self._before,
                "manifest": "",
                "sentences": 0,
                "total": zeros[0].tobytes(),
                "recall": 1.0,
            }
            self._state["products"] = zeros[1:].tobytes()
            self.files = {}
        data = {path.relative_to(models).as_posix(): path.read_bytes() for path in sorted(models.rglob("*")) if path.is_file()}
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in data.items()}
        if hashes != self.files:
            self._connection.execute("DELETE FROM kqa.files")
            for name, sha256 in hashes.items():
                self._connection.execute("INSERT INTO kqa.files VALUES (%s, %s, %b)", (name, sha256, data[name]))
        self.files = hashes

    def delete(self, documents: Sequence[int]) -> None:
        """Take documents out, with everything that stands for them or counts them."""
        there = [number for number in documents if number in self.fingerprints]
        if not there:
            return
        counted = self.rows("SELECT term, count(*) FROM kqa.postings, " + _OF + " GROUP BY term", there)
        self._count("terms", {term: -count for term, count in counted})
        words: Counter[str] = Counter()
        for (held,) in self.rows("SELECT words FROM kqa.documents WHERE number = ANY(%s)", there):
            words.subtract(json.loads(held))
        self._count("words", words)
        for some in _batches(there):
            rows = self.rows("SELECT vector FROM kqa.vectors, " + _OF + " AND ordinal >= 0", some, binary=True)
            self._sum(from_halves([row[0] for row in rows]), -1)
        self._connection.execute("DELETE FROM kqa.postings USING " + _OF, (there,))
        self._connection.execute("DELETE FROM kqa.vectors USING " + _OF, (there,))
        self._connection.execute(
            "DELETE FROM kqa.passages USING unnest(%s::bigint[]) AS n WHERE number >= n << 20 AND number < (n + 1) << 20",
            (there,),
        )
        self._connection.execute("DELETE FROM kqa.documents WHERE number = ANY(%s)", (there,))

    def insert(self, entries: Sequence[Entry], known: Mapping[bytes, Any]) -> None:
        """Put documents in, the vectors of their texts by digest; those that stood under their numbers were taken out."""
        documents = (
            (e.number, e.document.path, e.document.sha256, e.document.source.kind.value, e.fingerprint, to_json(e.words),
             to_json(document_to_json(e.document)))
            for e in entries
        )  # fmt: skip
        self._copy("documents", ["int8", "text", "text", "text", "bytea", "text", "text"], documents)
        passages = ((p.number, len(t) or 1, record_of(p)) for e in entries for p, t in zip(e.passages, e.terms, strict=True))
        self._copy("passages", ["int8", "int4", "text"], passages)
        self._copy("vectors", ["int8", "int4", "bytea", "bytea"], self._rows_of(entries, known))
        held = (
            (term, passage.number, times, len(listed))
            for entry in entries
            for passage, listed in zip(entry.passages, entry.terms, strict=True)
            for term, times in sorted(Counter(listed).items())
        )
        self._copy("postings", ["text", "int8", "int4", "int4"], held)
        self._count("terms", Counter(term for entry in entries for listed in entry.terms for term in set(listed)))
        words: Counter[str] = Counter()
        for entry in entries:
            words.update(entry.words)
        self._count("words", words)

    def commit(self, facts: Mapping[str, Any], config: str, contradictions: str, catalogue: str) -> str:
        """Say what is in force now and return the SHA-256 of its manifest: the same for the same input, however it came."""
        state = self._state or {}
        state["recall"] = self._graph(float(state["recall"]))
        documents, passages, terms, vectors = self.rows(
            "SELECT (SELECT count(*) FROM kqa.documents), count(*), coalesce(sum(length), 0),"
            " (SELECT count(*) FROM kqa.vectors) FROM kqa.passages"
        )[0]
        held = hashlib.sha256()
        for path, sha256, mark in self.stream("SELECT path, sha256, fingerprint FROM kqa.documents ORDER BY number"):
            held.update(f"{path}\0{sha256}\0{mark.hex()}\n".encode())
        counts = {"documents": documents, "passages": passages, "vectors": vectors}
        told = {**facts, "format": FORMAT, "counts": counts, "files": self.files, "documents": held.hexdigest()}
        manifest = hashlib.sha256("\n".join([to_json(told), config, contradictions, catalogue]).encode()).hexdigest()
        values = [FORMAT, state["generation"] + (manifest != state["manifest"]), manifest, to_json(told), config]
        values += [contradictions, catalogue, passages, int(terms)]
        values += [state[name] for name in ("sentences", "total", "products", "recall")]
        self._connection.execute("DELETE FROM kqa.state")
        self._connection.execute(
            "INSERT INTO kqa.state VALUES (true, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %b, %b, %s)", values
        )
        self._connection.execute("ANALYZE kqa.documents, kqa.passages, kqa.vectors, kqa.postings, kqa.terms")
        return manifest

    def _copy(self, table: LiteralString, types: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        query: LiteralString = "COPY kqa." + table + " FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(query) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _rows_of(self, entries: Sequence[Entry], known: Mapping[bytes, Any]) -> Iterator[Sequence[object]]:
        for entry in entries:
            if not entry.owners:
                continue
            digests = [digest(text) for text in entry.texts]
            vectors = to_halves(np.array([known[name] for name in digests], np.float32))
            self._sum(from_halves([v for v, (_, ordinal) in zip(vectors, entry.owners, strict=True) if ordinal >= 0]), 1)
            for (number, ordinal), name, vector in zip(entry.owners, digests, vectors, strict=True):
                yield number, ordinal, name, vector

    def _sum(self, vectors: Any, sign: int) -> None:
        """Add sentences' vectors to the sums that moments come from, or take them out: of halves, nearly without error."""
        state = self._state
        if state is None or not len(vectors):
            return
        rows = vectors.astype(np.float64)
        state["sentences"] += sign * len(rows)
        for name, sums in (("total", rows.sum(axis=0)), ("products", (rows.T @ rows).ravel())):
            state[name] = (np.frombuffer(state[name], np.float64) + sign * sums).tobytes()

    def _count(self, table: LiteralString, changes: Mapping[str, int]) -> None:
        """Change how many passages hold each term or word."""
        changed = {name: change for name, change in sorted(changes.items()) if change}
        query: LiteralString = (
            "INSERT INTO kqa." + table + " AS held SELECT * FROM unnest(%s::text[], %s::bigint[])"
            " ON CONFLICT (" + table.removesuffix("s") + ") DO UPDATE SET passages = held.passages + excluded.passages"
        )
        self._connection.execute(query, (list(changed), list(changed.values())))
        self._connection.execute("DELETE FROM kqa." + table + " WHERE passages = 0")

    def _graph(self, recall: float) -> float:
        """Make the graph once there are enough rows; return the share of the nearest rows that it finds."""
        there = self.rows("SELECT to_regclass('kqa.vectors_near')::text")[0][0]
        if there or self.rows("SELECT count(*) FROM kqa.vectors")[0][0] < GRAPH_FROM:
            return recall
        self._connection.execute(_GRAPH)
        self._connection.execute("ANALYZE kqa.vectors")
        self._connection.execute(READING)
        share = 200 * _SAMPLE / self.rows("SELECT count(*) FROM kqa.vectors")[0][0]
        asked = self.rows(
            "SELECT vector::text FROM kqa.vectors TABLESAMPLE SYSTEM (%s) REPEATABLE (1) LIMIT %s",
            min(100.0, share + 1),
            _SAMPLE,
        )
        near = "SELECT -(vector <#> %s::halfvec) FROM kqa.vectors ORDER BY vector <#> %s::halfvec LIMIT %s"
        found = []
        for use in ("off", "on"):
            self.rows("SELECT set_config('enable_indexscan', %s, true)", use)
            found.append([[row[0] for row in self.rows(near, text, text, _NEAREST)] for (text,) in asked])
        # A row as near as the last exact one counts: equal vectors have no order.
        hits: list[bool] = [score >= exact[-1] - 1e-3 for exact, graph in zip(*found, strict=True) for score in graph]
        return round(sum(hits) / len(hits), 4)


@contextmanager
def writing(address: str) -> Iterator[Writer]:
    """Hold the one transaction of a build: committed when all went well, else as if never begun. A second builder waits."""
    connection, name = connect(address, writing=True), shown(address)
    try:
        with in_words(name, writing=True), connection.transaction():
            connection.execute(_PATIENT)
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            yield Writer(connection, name)
    finally:
        connection.close()


def numbered(known: Mapping[str, int], paths: Sequence[str]) -> dict[str, int]:
    """Number documents in the order of their sorted paths, those known as they were, with gaps for those to come.

    Where a gap is full all are numbered anew.
    """
    numbers: dict[str, int] = {}
    last = 0
    runs = [(there, list(run)) for there, run in groupby(paths, known.__contains__)]
    for at, (there, run) in enumerate(runs):
        if there:
            numbers.update({path: known[path] for path in run})
        else:
            step = (known[runs[at + 1][1][0]] - last) // (len(run) + 1) if at + 1 < len(runs) else _GAP
            if step < 1:
                return {path: _GAP * place for place, path in enumerate(paths, 1)}
            numbers.update({path: last + step * place for place, path in enumerate(run, 1)})
        last = numbers[run[-1]]
    return numbers


def _batches(numbers: Sequence[int]) -> Iterator[list[int]]:
    return (list(numbers[at : at + _BATCH]) for at in range(0, len(numbers), _BATCH))
