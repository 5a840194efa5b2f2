from __future__ import annotations

from dataclasses import replace

import pytest

from kqa.catalogue import Group, catalogue_from_json, catalogue_of, catalogue_to_json
from kqa.types import Document, Kind, Passage, Source


def document(path: str, kind: Kind = Kind.TRIAL, title: str = "", asks: bool = False, **source: str) -> Document:
    described = Source(title or path, kind, **source)  # type: ignore[arg-type]
    return Document(path, "Words.", "f" * 64, described, asks={"a": ("Why?",)} if asks else {})


def test_what_there_is() -> None:
    documents = [
        document("a.md", Kind.CLINIC_MARKETING, "An ad", publisher="Clinic"),
        document("b.md", title="zinc", publisher="Press"),
        document("c.md", title="Ants", asks=True, publisher="Press"),
        document("d.md", Kind.CLINIC_MARKETING, "Restated", restates="An ad"),
    ]
    passages = [Passage(0, "a.md", 0, 5, "", ()), Passage(1, "a.md", 0, 5, "", ()), Passage(2, "c.md", 0, 5, "", ())]
    found = catalogue_of(documents, passages)
    assert (found.documents, found.passages, found.unquotable) == (4, 3, 2)
    assert found.groups == (
        Group(documents[1].source, 2, (("c.md", "Ants"), ("b.md", "zinc"))),
        Group(documents[0].source, 1, (("a.md", "An ad"),)),
        Group(documents[3].source, 1, (("d.md", "Restated"),)),
    )
    assert (found.publishers, found.unnamed, found.asking) == ((("Press", 2), ("Clinic", 1)), 0, ("c.md",))
    assert catalogue_from_json(catalogue_to_json(found)) == found


@pytest.mark.parametrize(("count", "asking"), [(0, 0), (1, 1), (600, 600), (601, 301), (1500, 500)])
def test_it_stays_short_however_many_documents_there_are(count: int, asking: int) -> None:
    documents = [document(f"{n:05}.md", title=f"T{n:05}", publisher=f"P{n}", asks=True) for n in range(count)]
    found = catalogue_of(documents, [])
    assert (found.documents, found.unquotable) == (count, count)
    assert [group.count for group in found.groups] == [count] * bool(count)
    assert sum(len(group.listed) for group in found.groups) == min(count, 200)
    assert (len(found.publishers), found.unnamed) == (min(count, 8), max(0, count - 8))
    assert len(found.asking) == asking
    assert list(found.asking) == sorted(found.asking)
    assert catalogue_from_json(catalogue_to_json(found)) == replace(found)
