"""What a reader is told when a quote is held against its document."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from kqa.compared import compared_html
from kqa.errors import CitationError, QuestionError
from kqa.intake import take_in
from kqa.types import Document
from shown import HOSTILE, check_inert

TEXT = "# Ferries\n\nThe ferry “runs” at dawn \U0001f30a and at dusk.\n"
QUOTED = "The ferry “runs” at dawn \U0001f30a and at dusk."
START = TEXT.index(QUOTED)
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()
SENT = {"path": "a.md", "start": START, "end": START + len(QUOTED), "text": QUOTED, "sha256": SHA256}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "a.md").write_text(TEXT, encoding="utf-8")
    return tmp_path


@pytest.fixture
def documents(corpus: Path) -> dict[str, Document]:
    return {document.path: document for document in take_in(corpus, strict=True).documents}


def said(documents: dict[str, Document], corpus: Path | None, **changes: Any) -> tuple[str, str]:
    html = compared_html({**SENT, **changes}, documents, corpus)
    parsed = check_inert(html)
    return parsed.text, parsed.values("class")[0]


def test_the_same_is_said_with_what_was_compared(documents: dict[str, Document]) -> None:
    assert said(documents, None) == (
        f"The same, word for word. Compared: {len(QUOTED)} characters at 11 to {11 + len(QUOTED)} of a.md. "
        f"SHA-256 of the document {SHA256[:12]}…: the same. "
        "Only the index was compared; this server does not have the file it was built from.",
        "compared",
    )


def test_the_file_on_disk_is_compared_where_it_is_known(documents: dict[str, Document], corpus: Path) -> None:
    text, look = said(documents, corpus)
    assert text.endswith("The file on disk: word for word there, and the document is unchanged.")
    assert look == "compared"
    (corpus / "a.md").write_text(TEXT + "One more.\n", encoding="utf-8")
    text, look = said(documents, corpus)
    assert text.startswith("The same, word for word. Compared: ")
    assert text.endswith("The file on disk: word for word there, but the document changed elsewhere.")
    assert look == "compared changed"


@pytest.mark.parametrize("now", [TEXT.replace("dawn", "noon").encode(), b"\xff", None])
def test_a_file_that_reads_otherwise_or_not_at_all(documents: dict[str, Document], corpus: Path, now: bytes | None) -> None:
    (corpus / "a.md").unlink()
    if now is not None:
        (corpus / "a.md").write_bytes(now)
    text, look = said(documents, corpus)
    assert text.endswith("In the file on disk these words do not stand there now: it changed or cannot be read.")
    assert look == "compared differs"
    assert str(corpus) not in text, "where the server keeps its files is nobody's business"


def test_a_link_out_of_the_folder_is_not_followed(documents: dict[str, Document], corpus: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.md"
    (corpus / "a.md").rename(outside)
    (corpus / "a.md").symlink_to(outside)
    text, look = said(documents, corpus)
    assert "do not stand there now" in text
    assert look == "compared differs"
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"text": QUOTED.replace("dusk", "noon")},
            "They differ from character 35 on: quoted “noon.”, in the document “dusk.”.",
        ),
        ({"text": QUOTED.upper()}, "They differ from character 2 on: quoted “HE FERRY “RU”, in the document “he ferry “ru”."),
        ({"text": QUOTED[:-1]}, f"They differ from character {len(QUOTED)} on: quoted “”, in the document “.”."),
        (
            {"start": 10**6, "end": 10**6 + 3, "text": "abc"},
            "They differ from character 1 on: quoted “abc”, in the document “”.",
        ),
        ({"end": 10**6}, "They differ from character"),
        ({"sha256": "ab" * 32}, f"SHA-256 of the document {SHA256[:12]}…: not the same (abababababab… in the quote)."),
    ],
)
def test_what_differs_is_said(documents: dict[str, Document], changes: dict[str, Any], words: str) -> None:
    text, look = said(documents, None, **changes)
    assert words in text
    assert look == ("compared changed" if set(changes) == {"sha256"} else "compared differs")


@pytest.mark.parametrize("data", [None, 3, [], {}, {"path": 3}, {**SENT, "path": "../a.md"}, {**SENT, "path": "b.md"}])
def test_only_documents_of_the_index_are_compared(documents: dict[str, Document], corpus: Path, data: Any) -> None:
    with pytest.raises(QuestionError, match="this document is not in the index; reload the page"):
        compared_html(data, documents, corpus)


@pytest.mark.parametrize(
    "changes",
    [
        {"text": None},
        {"text": 3},
        {"start": -1},
        {"start": True},
        {"end": "9"},
        {"end": START},
        {"sha256": None},
        {"sha256": {}},
    ],
    ids=str,
)
def test_a_quote_of_another_form_is_refused(documents: dict[str, Document], corpus: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(CitationError, match="copy it whole"):
        compared_html({**SENT, **changes}, documents, corpus)
    for key in ("start", "end", "text", "sha256"):
        with pytest.raises(CitationError, match=f"the citation lacks '{key}'; copy it whole"):
            compared_html({name: value for name, value in SENT.items() if name != key}, documents, corpus)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_acts(documents: dict[str, Document], text: str) -> None:
    said(documents, None, text=text, sha256=text)
