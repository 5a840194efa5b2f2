"""Documents → an index, published; what an earlier one already encoded is reused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kqa.catalogue import catalogue_of, catalogue_to_json
from kqa.config import Config, config_to_json
from kqa.errors import CorpusError
from kqa.index import disagreements_hash, lexical_text, load_generation, quoted_text
from kqa.lexical import Lexical, analysis
from kqa.passages import Dropped, split
from kqa.records import document_to_json, write_lines, write_records
from kqa.spelling import vocabulary
from kqa.store import Generation, publish
from kqa.trust import read_contradictions
from kqa.types import Document, Encoder, Kind, Passage

if TYPE_CHECKING:
    from kqa.intake import Intake
    from kqa.progress import Progress


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did: the manifest's SHA-256, what was dropped from which document, how many texts were encoded anew.

    ``refused`` says by path why a file is not in the index, ``notes`` what to know of how a document was read.
    """

    manifest: str
    dropped: Mapping[str, Sequence[Dropped]]
    documents: int
    passages: int
    encoded: int
    reused: int
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def build_index(
    documents: Sequence[Document],
    folder: Path,
    config: Config,
    corpus: Path | None = None,
    progress: Progress | None = None,
    *,
    shards: Sequence[Path] = (),
    intake: Intake | None = None,
) -> Built:
    """Build an index of documents and publish it in a folder; what an earlier index there already encoded is reused.

    The bytes are the same whether anything was reused or not. ``corpus`` is where ``disagreements.toml`` is read from,
    ``intake`` says which files of it were refused; an index without a corpus has no network that screens messages either: it
    serves measurements, not people. With ``shards``, files that ``encode_shard`` wrote, nothing is encoded. What a killed
    build had encoded is taken over.
    """
    from kqa.vectors import JOURNAL, encoded, place_triage, rows, write_vectors

    documents = sorted(documents, key=lambda document: document.path)
    passages, dropped = split_all(documents, config)
    contradictions = read_contradictions(corpus, documents) if corpus else []
    counts = {"encoded": 0, "reused": 0}

    def write(target: Path) -> dict[str, Any]:
        if corpus:
            place_triage(folder, target / "triage", config.encoder)
        by_path = {document.path: document for document in documents}
        owners, texts = rows(by_path, passages)
        encoder, known, new = encoded(folder, target / "encoder", config.encoder, texts, progress=progress, shards=shards)
        counts.update(encoded=new, reused=len(set(texts)) - new)
        searched = write_vectors(target, owners, texts, known, config.sketch_from)
        Lexical.build([lexical_text(by_path, passage) for passage in passages]).save(target / "lexical")
        write_lines(target / "disagreements.jsonl", (asdict(contradiction) for contradiction in contradictions))
        write_passages(target, by_path, passages)
        counted = vocabulary(f"{quoted_text(by_path, passage)} {passage.section}" for passage in passages)
        (target / "vocabulary.json").write_text(json.dumps(counted, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
        (target / "config.json").write_text(config_to_json(config), encoding="utf-8")
        return {
            **made_with(encoder, config, corpus, intake),
            "corpus": {document.path: document.sha256 for document in documents},
            "counts": {"documents": len(documents), "passages": len(passages), "vectors": len(texts)},
            "recall": {"dense@10": searched.pop("recall@10")},
            "dense": {**searched, "sketch_from": config.sketch_from},
        }

    def prove(generation: Generation) -> None:
        load_generation(generation)  # what does not load is never put in force
        (folder / JOURNAL).unlink(missing_ok=True)  # now: the next builder, who waits, may begin one of its own

    generation = publish(folder, write, prove)
    counted = (len(documents), len(passages), counts["encoded"], counts["reused"])
    return Built(generation.sha256, dropped, *counted, *((intake.refused, intake.notes) if intake else ()))


def write_passages(target: Path, documents: Mapping[str, Document], passages: Sequence[Passage]) -> None:
    """Write documents, in the order of their paths, their passages, and what is asked of all of them without reading any."""
    import numpy as np

    write_records(target / "documents.jsonl", map(document_to_json, documents.values()))
    write_records(target / "passages.jsonl", (asdict(passage) for passage in passages))
    catalogue = catalogue_of(documents.values(), passages)
    (target / "catalogue.json").write_text(catalogue_to_json(catalogue), encoding="utf-8")
    adverts = {path for path, document in documents.items() if document.source.kind is Kind.CLINIC_MARKETING}
    np.save(target / "adverts.npy", np.array([passage.document in adverts for passage in passages], np.bool_))


def split_all(documents: Sequence[Document], config: Config) -> tuple[list[Passage], dict[str, list[Dropped]]]:
    """Split documents into passages, numbered through, and what is no passage by path; CorpusError when nothing is left."""
    passages: list[Passage] = []
    dropped = {}
    for document in documents:
        found, dropped[document.path] = split(document, config, len(passages))
        passages.extend(found)
    if not passages:
        raise CorpusError(f"nothing to quote in {len(documents)} documents: all text was dropped; add documents with sentences")
    return passages, dropped


def made_with(encoder: Encoder, config: Config, corpus: Path | None, intake: Intake | None) -> dict[str, Any]:
    """Return what an index depends on besides its documents and settings, as its manifest says it."""
    from importlib.metadata import version

    from kqa.bulk import precision

    name = Path(config.encoder).name
    facts = {"name": name, "identity": encoder.identity, "dimensions": encoder.dimensions, "bulk": precision()}
    refused = {"refused": dict(intake.hashes)} if intake and intake.refused else {}
    return {
        "kqa": version("kqa"),
        "encoder": facts,
        "words": analysis(),
        "disagreements": disagreements_hash(corpus),
        **refused,
    }
