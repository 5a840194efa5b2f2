"""Documents → an index in PostgreSQL, in one transaction: only what changed is encoded and written."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kqa import exports, triage
from kqa.building import Built, made_with, split_all
from kqa.bulk import encode_all
from kqa.catalogue import catalogue_of, catalogue_to_json
from kqa.config import Config, config_to_json
from kqa.encoder import HASHING, load_encoder
from kqa.errors import IndexCorrupt
from kqa.index import lexical_text, quoted_text
from kqa.lexical import analysis, terms
from kqa.postgres import PASSAGE_BITS
from kqa.postgres_home import unpack
from kqa.postgres_rows import fingerprint
from kqa.postgres_write import Entry, Writer, numbered, writing
from kqa.spelling import vocabulary
from kqa.trust import read_contradictions
from kqa.types import Document, Passage
from kqa.vectors import digest, lacking, made_by, read_shard, rows

if TYPE_CHECKING:
    from kqa.intake import Intake
    from kqa.progress import Progress


def build_remote(
    documents: Sequence[Document], address: str, config: Config, corpus: Path | None = None, progress: Progress | None = None,
    *, shards: Sequence[Path] = (), intake: Intake | None = None,
) -> Built:  # fmt: skip
    """Bring the index at an address up to documents and commit it as one; a second builder waits.

    Until the commit, and when anything fails, readers have the old state. ``intake`` says which files of ``corpus`` were
    refused. With ``shards``, files that ``encode_shard`` wrote, nothing is encoded. Raises UnusableIndex, CorpusError,
    EncoderError or ShardError.
    """
    documents = sorted(documents, key=lambda document: document.path.encode())  # the order of the tables
    passages, dropped = split_all(documents, config)
    contradictions = read_contradictions(corpus, documents) if corpus else []
    table = json.dumps([asdict(contradiction) for contradiction in contradictions], ensure_ascii=False)
    catalogue = catalogue_to_json(catalogue_of(documents, passages))
    with writing(address) as writer, tempfile.TemporaryDirectory(prefix="kqa-") as folder:
        _place_models(writer, Path(folder), config.encoder, screened=corpus is not None)
        encoder = load_encoder(Path(folder) / "encoder")
        writer.keep_only(made_by(encoder))
        entries = _entries(documents, passages, numbered(writer.numbers, [document.path for document in documents]))
        changed = [entry for entry in entries if writer.fingerprints.get(entry.number) != entry.fingerprint]
        gone = sorted({*writer.fingerprints} - {entry.number for entry in entries})
        touched = [*gone, *(entry.number for entry in changed)]
        vectors = ChainMap(writer.vectors(touched), *(read_shard(path, made_by(encoder)) for path in shards))  # type: ignore[arg-type]
        new = _new(changed, vectors)
        if new and shards:
            raise lacking(len(new))
        vectors.update(zip(map(digest, new), encode_all(encoder, new, progress), strict=True))
        writer.prepare(encoder.dimensions, Path(folder))
        writer.delete(touched)
        writer.insert(changed, vectors)
        manifest = writer.commit(made_with(encoder, config, corpus, intake), config_to_json(config), table, catalogue)
    reused = len({text for entry in entries for text in entry.texts}) - len(new)
    counted = (len(documents), len(passages), len(new), reused)
    return Built(manifest, dropped, *counted, *((intake.refused, intake.notes) if intake else ()))


def _place_models(writer: Writer, folder: Path, name: str, *, screened: bool) -> None:
    """Put the encoder and the triage into a folder: those of the database where they are current, exported anew otherwise."""
    try:
        unpack(writer, folder, writer.files, writer.name)
    except IndexCorrupt:
        writer.files = {}  # to be stored anew, all of them
        for part in ("encoder", "triage"):
            shutil.rmtree(folder / part, ignore_errors=True)
    if not exports.is_current(name, folder / "encoder"):
        shutil.rmtree(folder / "encoder", ignore_errors=True)
        exports.export_encoder(name, folder / "encoder")
    screened = screened and name != HASHING
    if not screened or not triage.is_current(folder / "triage"):
        shutil.rmtree(folder / "triage", ignore_errors=True)
        if screened:
            triage.export_triage(folder / "triage")


def _entries(documents: Sequence[Document], passages: Sequence[Passage], numbers: Mapping[str, int]) -> list[Entry]:
    split: dict[str, list[Passage]] = {document.path: [] for document in documents}
    for passage in passages:
        held = split[passage.document]
        held.append(replace(passage, number=(numbers[passage.document] << PASSAGE_BITS) + len(held)))
    return [_entry(document, split[document.path], numbers[document.path]) for document in documents]


def _entry(document: Document, passages: Sequence[Passage], number: int) -> Entry:
    here = {document.path: document}
    owners, texts = rows(here, passages)
    return Entry(
        number,
        document,
        tuple(passages),
        tuple(owners),
        tuple(texts),
        tuple(tuple(terms(lexical_text(here, passage))) for passage in passages),
        vocabulary(f"{quoted_text(here, passage)} {passage.section}" for passage in passages),
        fingerprint(document, passages, analysis()),
    )


def _new(changed: Sequence[Entry], known: Mapping[bytes, Any]) -> list[str]:
    """Return the texts whose vectors are not known yet."""
    return sorted(text for text in {t for entry in changed for t in entry.texts} if digest(text) not in known)
