"""Documents, passages and retrievers together: loaded, and searched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kqa.config import Config, config_from_json
from kqa.corpus import corpus_hashes
from kqa.errors import ConfigError, CorpusError, IndexCorrupt, IndexStale
from kqa.fusion import fuse
from kqa.lexical import Lexical, analysis, terms, top
from kqa.passages import plain, slug
from kqa.records import document_from_json, passage_from_json, read_lines
from kqa.spelling import Spelling
from kqa.store import Generation, is_current, open_generation
from kqa.trust import Contradiction, contradiction_from_json
from kqa.types import Document, Encoder, Evidence, Hit, Kind, Passage

if TYPE_CHECKING:
    from kqa.dense import Dense
    from kqa.triage import Triage


_DIGITS = 4  # of a score, in every ranking and every answer


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a query, its misspelt words corrected: its terms, its vector, every passage's BM25 score.

    ``most`` is what BM25 could give at most.
    """

    terms: Sequence[str]
    vector: Any
    bm25: Any
    most: float


@dataclass(frozen=True, slots=True)
class _Scored:
    """What one reading of a query gives each candidate, arrays of the same length."""

    cosines: Any
    best: Any
    bm25: Any
    fused: Any


@dataclass(frozen=True, slots=True)
class Index:
    """Everything an answer comes from; read-only, one for many threads.

    ``manifest`` is the SHA-256 of the manifest, ``facts`` its content.
    """

    documents: Mapping[str, Document]
    passages: Sequence[Passage]
    dense: Dense
    lexical: Lexical
    spelling: Spelling
    encoder: Encoder
    triage: Triage | None
    config: Config
    contradictions: Sequence[Contradiction]
    manifest: str
    facts: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path, corpus: Path | None = None) -> Index:
        """Verify and load an index folder; with ``corpus``, also refuse one that is older than that folder.

        Raises IndexMissing, IndexCorrupt or IndexStale.
        """
        while True:
            generation = open_generation(folder)
            if corpus is not None:
                check_fresh(generation, corpus, folder)
            try:
                return _load(generation)
            except (KeyError, TypeError, ValueError, EOFError, OSError, IndexCorrupt) as error:
                if not is_current(generation):
                    continue  # another was published meanwhile, and this one cleaned away
                if isinstance(error, IndexCorrupt):
                    raise
                raise IndexCorrupt(f"{generation.folder} does not parse ({error}); rebuild with: kqa build") from error

    def search(self, query: str, k: int, follows: str | None = None) -> list[Hit]:
        """Return at most k hits for a query, best first, by (−score, passage number)."""
        return self.rank(self.read(query, follows), k)

    def read(self, query: str, follows: str | None = None) -> tuple[Reading, ...]:
        """Read a query, alone or, with ``follows``, together with that earlier question first and then alone."""
        return tuple(map(self._read, (f"{follows} {query}", query) if follows else (query,)))

    def rank(self, readings: Sequence[Reading], k: int) -> list[Hit]:
        """Return at most k hits for the readings of a query, best first, by (−score, passage number).

        The fused scores of two readings are mixed: a question that only seems to lean on the one before still finds its
        own answer.
        """
        import numpy as np

        together = self.config.follow_weight if len(readings) > 1 else 1.0
        depth = max(self.config.depth, k)
        found = sorted({number for reading in readings for number in self._candidates(reading, depth)})
        scored = [self._scored(reading, found) for reading in readings]
        fused = sum(share * one.fused for share, one in zip((together, 1 - together), scored, strict=False))
        adverts = np.array([self._advert(number) for number in found])
        fused = np.asarray(fused - self.config.demotion * adverts).round(_DIGITS)
        first = scored[0]
        ranks = {"dense": _ranks(first.cosines), "lexical": _ranks(first.bm25)}
        hits = []
        for at in np.lexsort((np.array(found), -fused))[:k]:
            evidence = {"dense": Evidence(ranks["dense"][at], _rounded(first.cosines[at]))}
            if first.bm25[at] > 0:
                evidence["lexical"] = Evidence(ranks["lexical"][at], _rounded(first.bm25[at]))
            passage = self.passages[found[at]]
            hits.append(Hit(passage, _rounded(fused[at]), evidence, passage.sentences[first.best[at]]))
        return hits

    def _read(self, query: str) -> Reading:
        query = self.spelling.correct(query)
        asked = terms(query)
        bm25 = self.lexical.scores(asked).round(_DIGITS)
        return Reading(asked, self.encoder.encode([query])[0], bm25, self.lexical.most(asked))

    def _candidates(self, reading: Reading, depth: int) -> list[int]:
        return [*self.dense.search(reading.vector, depth), *top(reading.bm25, depth)]

    def _scored(self, reading: Reading, found: Sequence[int]) -> _Scored:
        """Score the candidates; rounded, for what is shown equal is ranked as equal."""
        cosines, best = self.dense.score(reading.vector, found)
        cosines, bm25 = cosines.round(_DIGITS), reading.bm25[list(found)]
        return _Scored(cosines, best, bm25, fuse(cosines, bm25, reading.most, self.config.lexical_weight))

    def _advert(self, number: int) -> bool:
        return self.documents[self.passages[number].document].source.kind is Kind.CLINIC_MARKETING

    def lexical_text(self, passage: Passage) -> str:
        """Return the words that BM25 knows a passage by."""
        return lexical_text(self.documents, passage)


def check_fresh(generation: Generation, corpus: Path, folder: Path) -> None:
    """Raise IndexStale when the corpus is not the one that the index was built from."""
    built, now = generation.manifest["corpus"], corpus_hashes(corpus)
    changed = sorted(path for path in {*built, *now} if built.get(path) != now.get(path))
    if not changed and generation.manifest["disagreements"] != disagreements_hash(corpus):
        changed = ["disagreements.toml"]
    if changed:
        named = ", ".join(changed[:3]) + (" …" if len(changed) > 3 else "")
        remedy = f"kqa build {corpus} --index {folder}"
        raise IndexStale(f"{folder}/ is older than {corpus}/: {len(changed)} changed ({named}); rebuild with: {remedy}")


def lexical_text(documents: Mapping[str, Document], passage: Passage) -> str:
    """Return the words that BM25 knows a passage by: its own, its headings' and those of the questions its section answers."""
    document = documents[passage.document]
    return " ".join(
        [quoted_text(documents, passage), passage.section, document.source.title, *document.asks.get(slug(passage.section), ())]
    )


def quoted_text(documents: Mapping[str, Document], passage: Passage) -> str:
    """Return a passage's own words, without marks."""
    return plain(documents[passage.document].text[passage.start : passage.end])


def _load(generation: Generation) -> Index:
    import numpy as np

    from kqa.dense import Dense, Moments, index_from_bytes
    from kqa.encoder import load_encoder
    from kqa.triage import load_triage

    folder = generation.folder
    if generation.manifest.get("words") != analysis():
        raise IndexStale(f"{folder} was built with other synonyms, stop words or stems than now; rebuild with: kqa build")
    try:
        config = config_from_json((folder / "config.json").read_text(encoding="utf-8"), "config.json")
    except ConfigError as error:
        raise IndexStale(f"{folder} was built with other settings than this kqa has; rebuild with: kqa build") from error
    documents = [document_from_json(line) for line in read_lines(folder / "documents.jsonl")]
    owners = np.load(folder / "owners.npy", allow_pickle=False)
    encoder = load_encoder(folder / "encoder")
    counted = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    return Index(
        documents={document.path: document for document in documents},
        passages=[passage_from_json(line) for line in read_lines(folder / "passages.jsonl")],
        dense=Dense(index_from_bytes((folder / "dense.faiss").read_bytes()), owners, config, Moments.load(folder)),
        lexical=Lexical.load(folder / "lexical"),
        spelling=Spelling(counted, encoder.knows),
        encoder=encoder,
        triage=load_triage(folder / "triage"),
        config=config,
        contradictions=[contradiction_from_json(line) for line in read_lines(folder / "disagreements.jsonl")],
        manifest=generation.sha256,
        facts=generation.manifest,
    )


def _ranks(scores: Any) -> list[int]:
    import numpy as np

    ranks = np.empty(len(scores), np.int64)
    ranks[np.lexsort((np.arange(len(scores)), -scores))] = np.arange(1, len(scores) + 1)
    return [int(rank) for rank in ranks]


def _rounded(score: Any) -> float:
    return round(float(score), _DIGITS)


def disagreements_hash(corpus: Path | None) -> str:
    """Return the SHA-256 of a corpus's table of disagreements; empty where there is none."""
    path = corpus / "disagreements.toml" if corpus else None
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else ""
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror}); allow it") from error
