"""txtai: one ``Embeddings`` of whole documents. Settings: ``documented``, ``flat`` (always exact), ``hybrid`` (and BM25)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from protocol import Documents, Search, main, weights

_EXACT: dict[str, Any] = {"faiss": {"components": "IDMap,Flat"}}
_SETTINGS: dict[str, dict[str, Any]] = {"documented": {}, "flat": _EXACT, "hybrid": {**_EXACT, "hybrid": True}}


def build(documents: Documents, folder: Path, setting: str) -> None:
    """Encode, index and save."""
    from txtai import Embeddings

    made = Embeddings(path=weights(), **_SETTINGS[setting])
    made.index(documents)
    made.save(str(folder / "index"))


def load(folder: Path, setting: str) -> Search:
    """Search what was saved; ten times as many candidates come from each side of a hybrid."""
    from txtai import Embeddings

    made = Embeddings()
    made.load(str(folder / "index"))

    def search(question: str, k: int) -> list[str]:
        return [name for name, _ in made.search(question, k)]

    return search


if __name__ == "__main__":
    main(build, load)
