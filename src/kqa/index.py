"""Documents, passages and retrievers together: loaded, and searched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kqa.catalogue import Catalogue, catalogue_from_json
from kqa.config import Config, config_from_json
from kqa.errors import ConfigError, CorpusError, IndexCorrupt, IndexStale
from kqa.folder import corpus_hashes
from kqa.fusion import fuse
from kqa.lexical import DIGITS, Lexical, analysis, terms
from kqa.passages import plain, slug
from kqa.postgres import is_address, shown
from kqa.records import Documents, Passages, Records, read_lines
from kqa.seam import Adverts, DenseSearch, Home, LexicalSearch, MarkedPassages
from kqa.spelling import Spelling
from kqa.store import Generation, Hold, is_current, open_generation
from kqa.trust import Contradiction, contradiction_from_json
from kqa.types import Document, Encoder, Evidence, Hit, Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kqa.triage import Triage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a query, its misspelt words corrected: its terms, its vector, what BM25 could give at most."""

    terms: Sequence[str]
    vector: Any
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

    ``adverts`` says of each passage whether an advertiser wrote it, ``catalogue`` what there is, both without reading it;
    ``manifest`` is the SHA-256 of the manifest, ``facts`` its content; while ``hold`` lives, the files stay in place.
    An index in a database has a ``home``, where it changes while it is served: what must come from one state is asked
    ``consistently``.
    """

    documents: Mapping[str, Document]
    passages: MarkedPassages
    adverts: Adverts
    catalogue: Catalogue
    dense: DenseSearch
    lexical: LexicalSearch
    spelling: Spelling
    encoder: Encoder
    triage: Triage | None
    config: Config
    contradictions: Sequence[Contradiction]
    manifest: str
    facts: Mapping[str, Any]
    hold: Hold | None = None
    home: Home | None = None

    @classmethod
    def load(cls, place: Path | str, corpus: Path | None = None) -> Index:
        """Verify and load an index folder, or open an index at a ``postgresql://`` address.

        With ``corpus``, also refuse one that is older than that folder. Raises UnusableIndex as one of its kinds.
        """
        if is_address(place):
            return _opened(str(place), corpus)
        folder = Path(place)
        while True:
            generation = open_generation(folder)
            if corpus is not None:
                check_fresh(generation.manifest, corpus, folder)
            try:
                return load_generation(generation)
            except IndexCorrupt:
                if is_current(generation):
                    raise  # else another was published meanwhile, and this one taken away

    def consistently(self, act: Callable[[Index], T]) -> T:
        """Return what ``act`` makes of this index, of one state of it from beginning to end."""
        if self.home is None:
            return act(self)
        made: T = self.home.consistently(lambda fields: act(replace(self, **fields)))
        return made

    def renewed(self) -> Index:
        """Return the index as its home has it now; one of a folder stays as it is."""
        return self if self.home is None else replace(self, **self.home.fields())

    def search(self, query: str, k: int, follows: str | None = None, documents: Collection[str] | None = None) -> list[Hit]:
        """Return at most k hits for a query, best first, by (−score, passage number); where named, of ``documents`` alone."""
        return self.consistently(lambda held: held.rank(held.read(query, follows), k, documents))

    def read(self, query: str, follows: str | None = None) -> tuple[Reading, ...]:
        """Read a query, alone or, with ``follows``, together with that earlier question first and then alone."""
        return tuple(map(self._read, (f"{follows} {query}", query) if follows else (query,)))

    def rank(self, readings: Sequence[Reading], k: int, documents: Collection[str] | None = None) -> list[Hit]:
        """Return at most k hits for the readings of a query, best first, by (−score, passage number).

        The fused scores of two readings are mixed: a question that only seems to lean on the one before still finds its
        own answer.
        """
        import numpy as np

        together = self.config.follow_weight if len(readings) > 1 else 1.0
        depth = max(self.config.depth, k)
        allowed = None if documents is None else self.passages.marked(documents)
        found = sorted({number for reading in readings for number in self._candidates(reading, depth, allowed)})
        if not found:
            return []
        scored = [self._scored(reading, found) for reading in readings]
        fused = sum(share * one.fused for share, one in zip((together, 1 - together), scored, strict=False))
        fused = np.asarray(fused - self.config.demotion * self.adverts[found]).round(DIGITS)
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
        return Reading(asked, self.encoder.encode_query(query), self.lexical.most(asked))

    def _candidates(self, reading: Reading, depth: int, allowed: Any) -> list[int]:
        near = self.dense.search(reading.vector, depth, allowed)
        return [*near, *self.lexical.best(reading.terms, depth, allowed)]

    def _scored(self, reading: Reading, found: Sequence[int]) -> _Scored:
        """Score the candidates; rounded, for what is shown equal is ranked as equal."""
        cosines, best = self.dense.score(reading.vector, found)
        cosines, bm25 = cosines.round(DIGITS), self.lexical.score(reading.terms, found)
        return _Scored(cosines, best, bm25, fuse(cosines, bm25, reading.most, self.config.lexical_weight))

    def lexical_text(self, passage: Passage) -> str:
        """Return the words that BM25 knows a passage by."""
        return lexical_text(self.documents, passage)


def load_generation(generation: Generation) -> Index:
    """Load a verified generation, whether it is in force or not; raises IndexCorrupt or IndexStale."""
    try:
        return _load(generation)
    except (KeyError, TypeError, ValueError, EOFError, OSError) as error:
        raise IndexCorrupt(f"{generation.folder} does not parse ({error}); rebuild with: kqa build") from error


def check_fresh(manifest: Mapping[str, Any], corpus: Path, place: Path | str) -> None:
    """Raise IndexStale when the corpus is not the one that the index was built from."""
    built = {**manifest["corpus"], **manifest.get("refused", {})}
    now = corpus_hashes(corpus)
    changed = sorted(path for path in {*built, *now} if built.get(path) != now.get(path))
    if not changed and manifest["disagreements"] != disagreements_hash(corpus):
        changed = ["disagreements.toml"]
    if changed:
        named = ", ".join(changed[:3]) + (" …" if len(changed) > 3 else "")
        remedy = f"kqa build {corpus} --index {'ADDRESS' if is_address(place) else place}"
        raise IndexStale(f"{shown(place)} is older than {corpus}/: {len(changed)} changed ({named}); rebuild with: {remedy}")


def lexical_text(documents: Mapping[str, Document], passage: Passage) -> str:
    """Return the words that BM25 knows a passage by: its own, its headings' and those of the questions its section answers."""
    document = documents[passage.document]
    return " ".join(
        [quoted_text(documents, passage), passage.section, document.source.title, *document.asks.get(slug(passage.section), ())]
    )


def quoted_text(documents: Mapping[str, Document], passage: Passage) -> str:
    """Return a passage's own words, without marks."""
    return plain(documents[passage.document].text[passage.start : passage.end])


def _opened(address: str, corpus: Path | None) -> Index:
    from kqa.postgres_home import PostgresHome

    home = PostgresHome(address)
    with ExitStack() as closing:
        closing.callback(home.close)
        index = Index(**home.fields())
        if corpus is not None:
            check_fresh({**index.facts, "corpus": home.hashes()}, corpus, address)
        closing.pop_all()  # the index answers from it now
    return index


def _load(generation: Generation) -> Index:
    from kqa.dense import Dense, Moments, Owners
    from kqa.encoder import load_encoder
    from kqa.scan import Scan
    from kqa.triage import load_triage

    folder = generation.folder
    if generation.manifest.get("words") != analysis():
        raise IndexStale(f"{folder} was built with other synonyms, stop words or stems than now; rebuild with: kqa build")
    try:
        config = config_from_json((folder / "config.json").read_text(encoding="utf-8"), "config.json")
    except ConfigError as error:
        raise IndexStale(f"{folder} was built with other settings than this kqa has; rebuild with: kqa build") from error
    passages, owners = Passages(Records(folder / "passages.jsonl")), Owners.load(folder)
    encoder = load_encoder(folder / "encoder")
    counted = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    return Index(
        documents=Documents(Records(folder / "documents.jsonl"), sorted(generation.manifest["corpus"])),
        passages=passages,
        adverts=_adverts(folder, len(passages), len(owners.starts) - 1),
        catalogue=catalogue_from_json((folder / "catalogue.json").read_text(encoding="utf-8")),
        dense=Dense(Scan.load(folder), owners, config, Moments.load(folder)),
        lexical=Lexical.load(folder / "lexical"),
        spelling=Spelling(counted, encoder.knows),
        encoder=encoder,
        triage=load_triage(folder / "triage"),
        config=config,
        contradictions=[contradiction_from_json(line) for line in read_lines(folder / "disagreements.jsonl")],
        manifest=generation.sha256,
        facts=generation.manifest,
        hold=generation.hold,
    )


def _adverts(folder: Path, passages: int, owning: int) -> NDArray[np.bool_]:
    import numpy as np

    adverts: NDArray[np.bool_] = np.load(folder / "adverts.npy", allow_pickle=False)
    if (adverts.shape, adverts.dtype.kind, owning) != ((passages,), "b", passages):
        raise IndexCorrupt(f"{folder} holds {passages} passages and arrays of other lengths; rebuild with: kqa build")
    return adverts


def _ranks(scores: Any) -> list[int]:
    import numpy as np

    ranks = np.empty(len(scores), np.int64)
    ranks[np.lexsort((np.arange(len(scores)), -scores))] = np.arange(1, len(scores) + 1)
    return [int(rank) for rank in ranks]


def _rounded(score: Any) -> float:
    return round(float(score), DIGITS)


def disagreements_hash(corpus: Path | None) -> str:
    """Return the SHA-256 of a corpus's table of disagreements; empty where there is none."""
    path = corpus / "disagreements.toml" if corpus else None
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else ""
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror}); allow it") from error
