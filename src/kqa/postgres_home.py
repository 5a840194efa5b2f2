"""An index in PostgreSQL, opened: one state for each question, what is small kept in memory for as long as it is in force."""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import numpy as np

from kqa.catalogue import catalogue_from_json
from kqa.config import Config, config_from_json
from kqa.dense import Moments
from kqa.encoder import load_encoder
from kqa.errors import ConfigError, IndexCorrupt, IndexStale, IndexUnreachable
from kqa.lexical import analysis
from kqa.postgres import Database, Source, check_format
from kqa.postgres_search import ByPath, Counts, Shelf, StoredAdverts, StoredDense, StoredLexical, StoredPassages
from kqa.scan import one_thread
from kqa.seam import Named
from kqa.spelling import Spelling
from kqa.triage import Triage, load_triage
from kqa.trust import contradiction_from_json
from kqa.types import Document, Encoder

_STATE: LiteralString = (
    "SELECT facts, config, contradictions, catalogue, passages, terms, sentences, total, products, recall FROM kqa.state"
)
_VERSION = "SELECT generation, manifest FROM kqa.state"


@dataclass(frozen=True, slots=True)
class Models:
    """The encoder and the triage of messages, by the hashes of their files."""

    files: dict[str, str]
    encoder: Encoder
    triage: Triage | None


@dataclass(frozen=True, slots=True)
class _InForce:
    """What is small of one generation, as fields of an index, and what its searches need."""

    version: tuple[Any, ...]
    fields: Named
    models: Models
    config: Config
    moments: Moments
    counts: Counts
    kept: dict[str, Document]


class PostgresHome:
    """An index at an address; safe to ask from many threads. Raises UnusableIndex when it cannot answer."""

    def __init__(self, address: str) -> None:
        self._database = Database(address)
        self._lock = threading.Lock()
        self._in_force: _InForce | None = None
        with self.snapshot():
            pass

    @property
    def name(self) -> str:
        """Where the index is, without user and password."""
        return self._database.name

    @contextmanager
    def snapshot(self) -> Iterator[Named]:
        """Hold one state of the index; yields the fields of an ``Index`` that stands for it."""
        with self._database.snapshot() as reads:
            yield self._fields(reads, self._current(reads))

    def consistently(self, act: Callable[[Named], Any]) -> Any:
        """Return what ``act`` makes of one state; asked again, once, when the server went away meanwhile."""
        try:
            with self.snapshot() as fields:
                return act(fields)
        except IndexUnreachable:
            with self.snapshot() as fields:
                return act(fields)

    def fields(self) -> Named:
        """Return the fields of an ``Index`` each look at whose documents and passages sees the newest state."""
        with self._database.snapshot() as reads:
            in_force = self._current(reads)
        return self._fields(self._database, in_force) | {"home": self}

    def pointed(self) -> tuple[str, ...]:
        """Return what tells one state from the next, first its name as a generation of a folder would have it."""
        with self._database.snapshot() as reads:
            generation, manifest = self._current(reads).version
        return f"gen-{manifest[:16]}", str(generation)

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of every document's bytes by path."""
        return dict(self._database.rows("SELECT path, sha256 FROM kqa.documents ORDER BY number"))

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def _fields(self, source: Source, now: _InForce) -> dict[str, Any]:
        held = source is not self._database
        shelf = Shelf(source, now.counts, held, now.kept if held else {})
        return {
            **now.fields,
            "facts": {**now.fields["facts"], "corpus": ByPath(shelf, shelf.sha256)},
            "documents": ByPath(shelf, shelf.document),
            "passages": StoredPassages(shelf),
            "adverts": StoredAdverts(shelf),
            "dense": StoredDense(shelf, now.config, now.moments),
            "lexical": StoredLexical(shelf),
            "home": None,
        }

    def _current(self, reads: Source) -> _InForce:
        """Return what is in force in a state, read anew when a build has changed it."""
        now = self._in_force
        if now is None:
            check_format(reads, self.name)
        found = reads.rows(_VERSION)
        if not found:  # its tables are other ones by now, empty as of this state
            raise IndexUnreachable(f"{self.name} is just being made anew; ask again")
        version = found[0]
        if now is not None and now.version == version:
            return now
        with self._lock:
            if self._in_force is None or self._in_force.version != version:
                check_format(reads, self.name)
                read = _read(reads, version, self.name, self._in_force)
                if self._in_force is not None and self._in_force.version > version:
                    return read  # a replica behind the one that answered before
                self._in_force = read
            return self._in_force


def _read(source: Source, version: tuple[Any, ...], name: str, before: _InForce | None) -> _InForce:
    facts, config, table, counted, passages, terms, *sums, recall = source.rows(_STATE)[0]
    try:
        known = {**json.loads(facts), "recall": {"dense@10": recall}}
        settings = config_from_json(config, f"{name} kqa.state.config")
        contradictions = tuple(contradiction_from_json(row) for row in json.loads(table))
        catalogue = catalogue_from_json(counted)
        moments = moments_of(*sums)
        documents = known["counts"]["documents"]
    except ConfigError as error:
        raise _stale(name, "settings") from error
    except (ValueError, KeyError, TypeError) as error:
        raise IndexCorrupt(f"{name} does not parse ({error}); rebuild with: kqa build --index ADDRESS") from error
    if known.get("words") != analysis():
        raise _stale(name, "synonyms, stop words or stems")
    files: dict[str, str] = dict(source.rows("SELECT name, sha256 FROM kqa.files"))
    models = before.models if before and before.models.files == files else _models(source, files, name, known)
    vocabulary: dict[str, int] = dict(source.rows("SELECT word, passages FROM kqa.words ORDER BY word"))
    fields = {
        "spelling": Spelling(vocabulary, models.encoder.knows),
        "encoder": models.encoder,
        "triage": models.triage,
        "config": settings,
        "contradictions": contradictions,
        "catalogue": catalogue,
        "manifest": version[1],
        "facts": known,
    }
    return _InForce(version, fields, models, settings, moments, Counts(documents, passages, terms), {})


def _stale(name: str, what: str) -> IndexStale:
    return IndexStale(f"{name} was built with other {what} than this kqa has; rebuild with: kqa build --index ADDRESS")


def _models(source: Source, files: dict[str, str], name: str, known: dict[str, Any]) -> Models:
    """Load the encoder, for questions alone, and the triage; their files stand on this machine's disk only meanwhile."""
    one_thread()
    with tempfile.TemporaryDirectory(prefix="kqa-") as folder:
        unpack(source, Path(folder), files, name)
        encoder = load_encoder(Path(folder) / "encoder")
        triage = load_triage(Path(folder) / "triage")
        if triage:
            triage.open()
    if encoder.identity != known["encoder"]["identity"]:
        built = f"{name} was built with encoder {known['encoder']['identity'][:16]} and holds {encoder.identity[:16]}"
        raise IndexCorrupt(f"{built}; rebuild with: kqa build --index ADDRESS")
    return Models(files, encoder, triage)


def unpack(source: Source, folder: Path, files: dict[str, str], name: str) -> None:
    """Write the files of the encoder and the triage into a folder; raises IndexCorrupt for one that is not as it was stored."""
    for file, sha256 in files.items():
        found = source.rows("SELECT data FROM kqa.files WHERE name = %s", file, binary=True)
        path = folder / file
        if not found or hashlib.sha256(found[0][0]).hexdigest() != sha256 or ".." in path.parts or Path(file).is_absolute():
            raise IndexCorrupt(f"{name}: {file} is not what was built; rebuild with: kqa build --index ADDRESS")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(found[0][0])


def moments_of(sentences: int, total: bytes, products: bytes) -> Moments:
    """Return the moments of vectors from their number, their sum and the sum of their outer products."""
    mean = np.frombuffer(total, np.float64) / sentences
    covariance = np.frombuffer(products, np.float64).reshape(len(mean), len(mean)) / sentences - np.outer(mean, mean)
    return Moments(mean.astype(np.float32), covariance.astype(np.float32))
