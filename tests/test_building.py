"""The same bytes from the same documents, whatever an earlier index held; nothing lost when a build fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import kqa
from conftest import KEEPING, LIGHTHOUSE, folder_bytes, write_files
from kqa import store
from kqa.errors import CorpusError, RulesError
from kqa.store import open_generation
from kqa.vectors import JOURNAL

MakeCorpus = Callable[[Mapping[str, str | bytes]], Path]
QUERY = "When does the horn sound in fog?"


def test_two_builds_are_the_same_byte_for_byte(
    lighthouse: Path, index_folder: Path, config: kqa.Config, tmp_path: Path
) -> None:
    moved = shutil.copytree(lighthouse, tmp_path / "other place" / "corpus")
    kqa.build(Path(moved), tmp_path / "index", config)
    assert folder_bytes(tmp_path / "index") == folder_bytes(index_folder)
    built = kqa.build(Path(moved), tmp_path / "index", config)
    assert (built.encoded, built.reused > 0) == (0, True)
    assert folder_bytes(tmp_path / "index") == folder_bytes(index_folder)


def test_a_build_that_reused_is_the_same_as_one_from_nothing(own_lighthouse: Path, config: kqa.Config, tmp_path: Path) -> None:
    first = kqa.build(own_lighthouse, tmp_path / "reused", config)
    (own_lighthouse / "brochure.md").unlink()
    (own_lighthouse / "disagreements.toml").unlink()
    write_files(
        own_lighthouse, {"rules/keeping.md": KEEPING.replace("twice", "three times"), "a.md": "A new rule is here to stay."}
    )
    again = kqa.build(own_lighthouse, tmp_path / "reused", config)
    fresh = kqa.build(own_lighthouse, tmp_path / "fresh", config)
    assert 0 < again.encoded < fresh.encoded == again.encoded + again.reused
    assert first.reused == fresh.reused == 0
    assert folder_bytes(tmp_path / "reused") == folder_bytes(tmp_path / "fresh")
    kqa.Index.load(tmp_path / "reused", own_lighthouse)


def test_other_settings_reuse_vectors_and_give_the_bytes_of_a_fresh_build(
    own_lighthouse: Path, config: kqa.Config, tmp_path: Path
) -> None:
    kqa.build(own_lighthouse, tmp_path / "reused", config)
    other = replace(config, max_words=25, min_words=3)
    kqa.build(own_lighthouse, tmp_path / "reused", other)
    kqa.build(own_lighthouse, tmp_path / "fresh", other)
    assert folder_bytes(tmp_path / "reused") == folder_bytes(tmp_path / "fresh")


def test_a_damaged_index_is_built_anew(own_lighthouse: Path, own_index: Path, config: kqa.Config, index_folder: Path) -> None:
    (open_generation(own_index).folder / "dense.faiss").write_bytes(b"damaged")
    built = kqa.build(own_lighthouse, own_index, config)
    assert built.reused == 0
    assert folder_bytes(own_index) == folder_bytes(index_folder)


def test_progress_counts_up_to_all(own_lighthouse: Path, config: kqa.Config, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    built = kqa.build(own_lighthouse, tmp_path / "index", config, lambda done, total: seen.append((done, total)))
    assert seen == [(n, built.encoded) for n in range(1, built.encoded + 1)]


def test_what_was_dropped_is_said(own_lighthouse: Path, config: kqa.Config, tmp_path: Path) -> None:
    built = kqa.build(own_lighthouse, tmp_path / "index", config)
    text = LIGHTHOUSE["ferry.txt"]
    gone = {str(text)[d.span.start : d.span.end]: d.reason for d in built.dropped["ferry.txt"]}
    assert gone == {
        "Leave a Reply": "site furniture",
        "The Harrow Ferry": "heading",
        "Related Posts\nYour email address stays private. Required fields are marked *": "site furniture",
    } or gone == {
        "Leave a Reply": "site furniture",
        "The Harrow Ferry": "heading",
        "Related Posts": "site furniture",
        "Your email address stays private. Required fields are marked *": "site furniture",
    }


def test_a_build_that_fails_leaves_the_old_index(own_lighthouse: Path, own_index: Path, config: kqa.Config) -> None:
    before = folder_bytes(own_index)
    write_files(own_lighthouse, {"disagreements.toml": "[[disagreement]]\n"})
    with pytest.raises(RulesError):
        kqa.build(own_lighthouse, own_index, config)
    write_files(own_lighthouse, {"disagreements.toml": "", "bad.txt": b"\xff"})
    with pytest.raises(CorpusError):
        kqa.build(own_lighthouse, own_index, config, strict=True)
    assert folder_bytes(own_index) == before


@pytest.mark.parametrize(
    "files",
    [
        {"a.txt": "The only sentence there is."},
        {"a.txt": "Same words here.", "b.txt": "Different\n\nSame words here."},
        {"a b/ü “c”.md": "# Ü\n\nThe file has an odd name."},
        {"a.txt": "नमस्ते दुनिया। यह एक वाक्य है।"},
    ],
)
def test_small_and_odd_corpora(
    make_corpus: MakeCorpus, files: dict[str, str | bytes], config: kqa.Config, tmp_path: Path
) -> None:
    corpus = make_corpus(files)
    kqa.build(corpus, tmp_path / "index", config)
    found = kqa.Index.load(tmp_path / "index", corpus)
    for query in ("only words here", "zzz", "odd name?"):
        hits = found.search(query, 5)
        assert 0 < len(hits) <= len(found.passages)
        assert [h.passage.number for h in hits] == [h.passage.number for h in found.search(query, 5)]


def test_what_a_build_encoded_is_taken_away_while_no_other_build_can_begin(
    own_lighthouse: Path, config: kqa.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[bool] = []
    point = store._point

    def pointing(folder: Path, name: str) -> None:
        there.append((folder / JOURNAL).exists())
        point(folder, name)

    monkeypatch.setattr(store, "_point", pointing)
    kqa.build(own_lighthouse, tmp_path / "index", config)
    assert there == [False]
