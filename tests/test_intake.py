"""A file that cannot be read is refused with the reason, the others are built, and the index knows both again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import kqa
from conftest import KEEPING, folder_bytes, write_files
from kqa.errors import CorpusError, DocumentRefused, IndexStale
from kqa.intake import take_in
from kqa.store import open_generation
from kqa.verify import verify
from papers import encrypted_pdf, page, pdf, word
from test_webpages import PAGE

MakeCorpus = Callable[[Mapping[str, str | bytes]], Path]
HORN = "When does the horn sound in fog?"
LAMP = page("The lamp is lit at sunset by the keeper.")
ORDERS = pdf(LAMP, page("Fog", "", "The horn sounds twice a minute while fog", "hides the buoy."), title="Standing orders")
FILES: dict[str, str | bytes] = {
    "a.md": "# Boats\n\nThe last boat leaves the island at five.",
    "empty.txt": "",
    "front.md": "---\ntitle: [\n---\nText.\n",
    "locked.pdf": encrypted_pdf(),
    "orders.pdf": ORDERS,
    "section.md": "---\nasks: {gone: [Where?]}\n---\n## Here\n\nThe text stands here.",
    "torn.docx": b"PK\x03\x04",
}  # fmt: skip
REFUSED = ["empty.txt", "front.md", "locked.pdf", "section.md", "torn.docx"]


def test_what_cannot_be_read_is_refused_and_the_others_taken(make_corpus: MakeCorpus) -> None:
    folder = make_corpus(FILES)
    os.mkfifo(folder / "pipe.txt")
    steps: list[tuple[int, int]] = []
    intake = take_in(folder, progress=lambda done, total: steps.append((done, total)))
    assert [document.path for document in intake.documents] == ["a.md", "orders.pdf"]
    assert [*intake.refused] == sorted([*REFUSED, "pipe.txt"]) == [*intake.hashes]
    assert intake.refused["locked.pdf"] == "locked.pdf is encrypted; save a copy without a password"
    assert "has no heading" in intake.refused["section.md"]
    assert steps == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(DocumentRefused, match=r"empty\.txt holds no text"):
        take_in(folder, strict=True)


def test_where_all_are_refused_the_old_index_stands(make_corpus: MakeCorpus, own_index: Path, config: kqa.Config) -> None:
    before = folder_bytes(own_index)
    with pytest.raises(CorpusError, match=r"none of the 2 documents in .* can be read; the first: a\.pdf is encrypted"):
        kqa.build(make_corpus({"a.pdf": encrypted_pdf(), "b.txt": ""}), own_index, config)
    assert folder_bytes(own_index) == before


def test_titles_that_several_files_share_are_told_apart(make_corpus: MakeCorpus) -> None:
    same = pdf(page("The lamp is lit at sunset."), title="Orders")
    folder = make_corpus({"a.pdf": same, "b/a.pdf": same, "c.md": "# Orders\n\nText.", "d.md": "# orders\n\nMore."})
    intake = take_in(folder)
    assert [document.source.title for document in intake.documents] == ["Orders (a.pdf)", "Orders (b/a.pdf)", "Orders"]
    assert intake.refused["d.md"].startswith("d.md and c.md have the same title")


def test_the_index_is_fresh_with_what_was_refused_and_stale_when_that_changes(
    make_corpus: MakeCorpus, config: kqa.Config, tmp_path: Path
) -> None:
    folder = make_corpus(FILES)
    built = kqa.build(folder, tmp_path / "index", config)
    assert [*built.refused] == REFUSED
    kqa.Index.load(tmp_path / "index", folder)
    first = folder_bytes(tmp_path / "index")
    kqa.build(folder, tmp_path / "index", config)
    assert folder_bytes(tmp_path / "index") == first
    write_files(folder, {"torn.docx": b"PK\x03\x05"})
    with pytest.raises(IndexStale, match=r"1 changed \(torn\.docx\)"):
        kqa.Index.load(tmp_path / "index", folder)
    (folder / "torn.docx").unlink()
    with pytest.raises(IndexStale, match=r"1 changed \(torn\.docx\)"):
        kqa.Index.load(tmp_path / "index", folder)


def test_a_corpus_without_refusals_has_none_in_its_manifest(index_folder: Path) -> None:
    assert "refused" not in open_generation(index_folder).manifest


def test_a_pdf_is_quoted_with_its_page_and_its_citation_stands(
    make_corpus: MakeCorpus, config: kqa.Config, tmp_path: Path
) -> None:
    folder = make_corpus({"orders.pdf": ORDERS, "a.md": FILES["a.md"]})
    kqa.build(folder, tmp_path / "index", config)
    answer = kqa.ask(HORN, kqa.Index.load(tmp_path / "index", folder))
    quote = answer.quotes[0]
    assert quote.text == "The horn sounds twice a minute while fog hides the buoy."
    assert (quote.citation.document, quote.citation.page, quote.citation.section) == ("orders.pdf", 2, "Fog")
    assert quote.citation.source.kind is kqa.Kind.UNSTATED
    assert ", page 2" in kqa.to_text(answer)
    assert "page 2" in kqa.to_html(answer)
    exact = json.loads(kqa.to_json(answer))["quotes"][0]
    assert exact["citation"]["page"] == 2
    assert verify(exact, folder).reason == "word for word there, and the document is unchanged"
    write_files(folder, {"orders.pdf": ORDERS.replace(b"horn", b"bell")})
    assert not verify(exact, folder).stands
    write_files(folder, {"orders.pdf": pdf(page("Another page.")), "a.md": KEEPING})
    assert "reads otherwise" in verify(exact, folder).reason


def test_word_and_web_pages_are_quoted_with_their_sections(make_corpus: MakeCorpus, config: kqa.Config, tmp_path: Path) -> None:
    orders = word(("Heading 1", "The lamp"), ("Normal", "The lamp is lit at sunset by the keeper."), title="Orders")
    folder = make_corpus({"orders.docx": orders, "fog.html": PAGE})
    kqa.build(folder, tmp_path / "index", config)
    index = kqa.Index.load(tmp_path / "index", folder)
    lamp = kqa.search("When is the lamp lit?", index)[0].passage
    horn = next(p for p in index.passages if "horn sounds" in index.documents[p.document].text[p.start : p.end])
    assert (lamp.document, lamp.section) == ("orders.docx", "The lamp")
    assert (horn.document, horn.section) == ("fog.html", "Fog & horn")
    assert index.documents["fog.html"].source.title == "The Harrow light"


def test_the_command_lists_what_it_refused_and_exits_with_1(
    run, make_corpus: MakeCorpus, settings: Path, tmp_path: Path
) -> None:
    old = "The keeper’s “lamp” is lit at sunset, and put out at sunrise. " * 2
    folder = make_corpus({**FILES, "old.txt": old.encode("cp1252")})
    code, out, err = run("build", folder, "--index", tmp_path / "index", "--config", settings)
    assert (code, out) == (1, "")
    lines = err.rpartition("\r")[2].strip().splitlines()
    assert any("old.txt: read as windows-1252, detected" in line for line in lines)
    assert lines[-6] == "kqa: refused, and not in the index: 5; the others are in it (to stop instead: --strict)"
    assert [line.split()[1].rstrip(":,") for line in lines[-5:]] == REFUSED
    kqa.Index.load(tmp_path / "index", folder)
    before = folder_bytes(tmp_path / "index")
    code, out, err = run("build", folder, "--index", tmp_path / "index", "--config", settings, "--strict")
    assert (code, out) == (2, "")
    assert err == "kqa: empty.txt holds no text; put words into it, or leave it out\n"
    assert folder_bytes(tmp_path / "index") == before
    code, out, err = run("build", folder, "--index", tmp_path / "index", "--config", settings, "--json")
    assert code == 1
    assert [*json.loads(out)["refused"]] == REFUSED
