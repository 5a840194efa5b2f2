from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kqa.errors import DocumentRefused
from kqa.folder import corpus_hashes, fingerprint, listed, passed_over, read_bytes
from kqa.reading import LARGEST_FILE

MakeCorpus = Callable[[Mapping[str, str | bytes]], Path]


def test_what_is_passed_over_is_named_with_the_reason(make_corpus: MakeCorpus, lighthouse: Path) -> None:
    assert list(passed_over(lighthouse)) == ["map.png"]
    assert passed_over(lighthouse)["map.png"].startswith("kqa reads .docx, .htm, .html, .md, .pdf, .txt; convert it")
    folder = make_corpus({"a.md": "Text.", "b/c.pages": "x", ".d.pages": "x", "readme.txt": "x", "disagreements.toml": ""})
    (folder / "linked").symlink_to(folder / "b")
    assert passed_over(folder).keys() == {"b/c.pages", "linked"}
    assert passed_over(folder)["linked"] == "a link to a folder; put the folder there, or leave it"


def test_a_link_is_followed_within_the_folder_only(make_corpus: MakeCorpus) -> None:
    folder = make_corpus({"a.md": "Text."})
    (folder.parent / "secret.md").write_text("Nobody asked for this.", encoding="utf-8")
    (folder / "in.md").symlink_to("a.md")
    (folder / "out.md").symlink_to(folder.parent / "secret.md")
    (folder / "turn.md").symlink_to("turn.md")
    assert read_bytes(folder, "in.md") == b"Text."
    with pytest.raises(DocumentRefused, match=r"out\.md is a link out of the corpus folder; put a copy there instead"):
        read_bytes(folder, "out.md")
    with pytest.raises(DocumentRefused, match=r"turn\.md cannot be read"):
        read_bytes(folder, "turn.md")


def test_a_pipe_or_socket_is_refused_at_once(make_corpus: MakeCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_corpus({"a.md": "Text."})
    os.mkfifo(folder / "pipe.md")
    with pytest.raises(DocumentRefused, match=r"pipe\.md is a pipe, socket or device, not a file; take it away"):
        read_bytes(folder, "pipe.md")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.md")
        with pytest.raises(DocumentRefused, match=r"socket\.md (?:is a pipe|cannot be read)"):
            read_bytes(folder, "socket.md")


def test_an_enormous_file_is_refused_unread(make_corpus: MakeCorpus) -> None:
    folder = make_corpus({"a.md": ""})
    os.truncate(folder / "a.md", LARGEST_FILE + 1)
    with pytest.raises(DocumentRefused, match=r"a\.md has 100,000,001 bytes, more than 100,000,000; divide it"):
        read_bytes(folder, "a.md")
    assert fingerprint(folder, "a.md") == "a.md has 100,000,001 bytes, more than 100,000,000; divide it"


def test_hashes_do_not_depend_on_how_the_folder_is_named(make_corpus: MakeCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_corpus({"a.md": "Text."})
    (folder / "b.md").symlink_to("gone.md")
    monkeypatch.chdir(folder.parent)
    assert corpus_hashes(Path("corpus")) == corpus_hashes(folder)
    assert corpus_hashes(folder)["b.md"] == "b.md cannot be read (No such file or directory); allow it or move it away"


def test_names_that_are_no_text_are_refused_by_a_name_that_can_be_shown(make_corpus: MakeCorpus) -> None:
    folder = make_corpus({"a.md": "Text.", "b\u202etxt.md": "Text."})
    listing = listed(folder)
    assert listing.paths == ("a.md",)
    assert [*listing.refused] == ["'b\\u202etxt.md'"]
