from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from conftest import DOCUMENTS, WEATHER, run_python
from kqa.corpus import read_noted
from kqa.errors import CorpusError
from kqa.folder import corpus_hashes, listed
from kqa.intake import take_in
from kqa.types import Kind, Reference, Source

MakeCorpus = Callable[[Mapping[str, str | bytes]], Path]


def test_readme_hidden_and_unknown_files_are_passed_over(lighthouse: Path) -> None:
    assert list(listed(lighthouse).paths) == DOCUMENTS
    assert [document.path for document in take_in(lighthouse, strict=True).documents] == DOCUMENTS


def test_front_matter_becomes_the_source(lighthouse: Path) -> None:
    document = read_noted(lighthouse, "rules/keeping.md")[0]
    assert document.source == Source(
        "Keeping the Harrow light", Kind.REFERENCE, "Harrow Trust", "2026-03-01", "Harrow Island", None, None, reviewed=True
    )
    assert document.references == (
        Reference("trust-1911", "Harrow Trust", "Standing orders", 1911, "regulator", "https://example.org/orders"),
        Reference("pilot-1998", "Pilot Office", "Notices to pilots", 1998, "guideline", "doi:10.1000/182"),
    )
    assert document.asks == {"the-lamp": ("When is the beacon switched on?", "Who winds the clockwork?")}
    assert document.text[document.body :].startswith("# Keeping the Harrow light")
    brochure = read_noted(lighthouse, "brochure.md")[0]
    assert brochure.source == Source(
        "A night at Harrow", Kind.CLINIC_MARKETING, "Harrow Inn", "2024-06-01", "", "https://example.org/inn", None
    )


def test_questions_need_no_quotation_marks(make_corpus: MakeCorpus) -> None:
    text = "---\nasks:\n  lamp: [When is it lit?, Who lights it?]\n---\n## Lamp\n\nIt is lit at sunset.\n"
    assert read_noted(make_corpus({"a.md": text}), "a.md")[0].asks == {"lamp": ("When is it lit?", "Who lights it?")}


def test_a_text_file_keeps_every_character(lighthouse: Path) -> None:
    document = read_noted(lighthouse, "weather.txt")[0]
    assert document.text == WEATHER
    assert document.sha256 == hashlib.sha256(WEATHER.encode()).hexdigest()
    assert document.source == Source("Reading the sky")
    assert document.body == 0


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "---\ntitle: '  Two   words '\n---\n# Other\n", "Two words"),
        ("a.md", "Preface.\n\n## The first heading ##\n\nText.\n", "The first heading"),
        ("a.md", "---\nkind: label\n---\n\n# Its heading\n", "Its heading"),
        ("a.md", "---\ntitle: Two * two, and *this*\n---\nText.\n", "Two * two, and *this*"),
        ("a.md", "\ufeff# Marked\n\nText.\n", "Marked"),
        ("a.md", "\ufeff---\ntitle: Marked\n---\nText.\n", "Marked"),
        ("a.md", "---\r\ntitle: Returned\r\n---\r\nText.\r\n", "Returned"),
        ("a.txt", "\n\n  The first line\nText, and more.\n", "The first line"),
        ("a.txt", "A sentence ends here.\nThe next line does not\n", "The next line does not"),
        ("a.txt", "A sentence.\nAnother, too.\n", "a"),
        ("plain-name.txt", "", "plain-name"),
        ("a.txt", "---\ntitle: not front matter in a text file\n---\n", "---"),
    ],
)
def test_titles(make_corpus: MakeCorpus, name: str, text: str, title: str) -> None:
    assert read_noted(make_corpus({name: text}), name)[0].source.title == title


FRONT = "---\ntitle: A\n{}\n---\nText.\n"
REFERENCE = "references:\n  r: {{org: O, title: T, {}locator: L}}"


@pytest.mark.parametrize(
    ("front", "message"),
    [
        ("publisher: Trust: Harrow", r"a\.md, line 3: front matter is not YAML \(.*\); quote values with a colon"),
        ("kind: [", r"a\.md, line \d: front matter is not YAML"),
        ("date: 2026-13-45", r"a\.md.*: front matter is not YAML \(.*\)"),
        ("tilte: B", r"a\.md: front matter has unknown keys tilte; known: asks, date, jurisdiction, kind"),
        ("tags: [b]\nauthor: C", r"a\.md: front matter has unknown keys author, tags; known: "),
        ("kind: rumour", r"a\.md: kind “rumour” is not known; use one of reference, "),
        ("kind: [label]", r"a\.md: kind is no text; put it in quotation marks"),
        ("references: [r]", r"a\.md: references must be “id: \{org, title, year, class, locator\}”"),
        (REFERENCE.format("year: 1911, "), r"a\.md: reference r needs exactly class, locator, org, title, year"),
        (REFERENCE.format("class: label, "), r"a\.md: reference r needs exactly class, locator, org, title, year"),
        (REFERENCE.format("year: 1911, class: label, isbn: 3, "), r"a\.md: reference r needs exactly"),
        (REFERENCE.format("year: soon, class: label, "), r"a\.md: reference r: year 'soon' is no number"),
        (REFERENCE.format("year: [1], class: label, "), r"a\.md: reference r: year is no text"),
        (REFERENCE.format("year: .inf, class: label, "), r"a\.md: reference r: year 'inf' is no number"),
        ("references: {r: cited}", r"a\.md: reference r needs exactly"),
        ("asks: What is it?", r"a\.md: asks must be “section: \[question, …\]”"),
        ("asks: {lamp: 'What is it?'}", r"a\.md: asks must be “section: \[question, …\]”"),
    ],
)
def test_front_matter_that_does_not_hold(make_corpus: MakeCorpus, front: str, message: str) -> None:
    folder = make_corpus({"a.md": FRONT.format(front.replace("{{", "{").replace("}}", "}"))})
    with pytest.raises(CorpusError, match=message) as caught:
        take_in(folder, strict=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\n- a\n- b\n---\nText.\n", r"a\.md: front matter is no list of settings; write “title: …” and so on"),
        ("---\njust words\n---\nText.\n", r"a\.md: front matter is no list of settings"),
        ("---\na: &a [*a]\n---\nText.\n", r"a\.md: front matter holds an alias \(\*…\); write out what it stands for"),
        (
            "---\ntitle: &t A\nasks: {s: [*t, *t]}\n---\nText.\n",
            r"a\.md: front matter holds an alias \(\*…\); write out what it stands for",
        ),
        ("---\ntitle: \x07\n---\nText.\n", r"a\.md.*: front matter is not YAML"),
        ("---\ntitle: !!bool x\n---\nText.\n", r"a\.md: front matter is not YAML"),
        ("---\ntitle: !!int ''\n---\nText.\n", r"a\.md: front matter is not YAML"),
        ('---\ntitle: "\\UFFFFFFFF"\n---\nText.\n', r"a\.md: front matter is not YAML"),
        (
            '---\ntitle: "a\\ud83d"\n---\nText.\n',
            r"a\.md: front matter holds \\ud83d, half a character; write the character itself",
        ),
    ],
)
def test_front_matter_that_is_no_table(make_corpus: MakeCorpus, text: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        take_in(make_corpus({"a.md": text}), strict=True)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"no document in .*corpus; put .*\.md.*\.txt files there"),
        ({"README.md": "About.", ".a.md": "Hidden.", "map.png": b"\x89"}, r"no document in .*corpus; put "),
        (
            {"a.md": "Text.", "b.txt": b"caf\xe9"},
            r"b\.txt is not UTF-8 \(byte 3 is 0xe9\), and no other encoding can be told; save it",
        ),
        (
            {"a.md": "# Same\n\nOne.", "b/c.md": "# same\n\nTwo."},
            r"b/c\.md and a\.md have the same title “same”; give one of them another \(front matter: title\)",
        ),
        ({"a.md": "# A {b}\n\nOne.", "b.md": "# A {b}\n\nTwo."}, r"have the same title “A \{b\}”"),
        ({"a.md": "---\ntitle: A  b\n---\nOne.", "b.md": "---\ntitle: a b\n---\nTwo."}, r"b\.md and a\.md have the same title"),
    ],
)
def test_folders_that_cannot_be_read(make_corpus: MakeCorpus, files: dict[str, str | bytes], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        take_in(make_corpus(files), strict=True)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no corpus folder .*nowhere; name one with: kqa build FOLDER"):
        take_in(tmp_path / "nowhere", strict=True)


def test_a_link_to_nothing(make_corpus: MakeCorpus) -> None:
    folder = make_corpus({"a.md": "Text."})
    (folder / "b.md").symlink_to(folder / "gone.md")
    with pytest.raises(CorpusError, match=r"b\.md cannot be read \(No such file or directory\); allow it or move it away"):
        take_in(folder, strict=True)


@pytest.mark.parametrize("name", ["shut.md", "shut"])
def test_what_may_not_be_read(make_corpus: MakeCorpus, powerless: tuple[str, ...], name: str) -> None:
    folder = make_corpus({"a.md": "Text.", name if name.endswith(".md") else f"{name}/b.md": "More text."})
    os.chmod(folder / name, 0)
    try:
        code = "import sys; from pathlib import Path; from kqa.cli import main; sys.exit(main(['build', *sys.argv[1:]]))"
        done = run_python(code, folder, "--strict", "--index", folder.parent / "index", prefix=powerless)
    finally:
        os.chmod(folder / name, 0o755)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"kqa: {folder / name} cannot be read (Permission denied); allow it or move it away\n"
    assert not (folder.parent / "index").exists()


def test_a_file_name_that_is_not_utf_8(make_corpus: MakeCorpus) -> None:
    folder = make_corpus({"a.md": "Text."})
    try:
        Path(os.fsdecode(bytes(folder) + b"/\xff.md")).write_text("Words in a file of a bad name.", encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(CorpusError, match="rename"):
        take_in(folder, strict=True)


def test_hashes_are_those_of_the_bytes(lighthouse: Path) -> None:
    expected = {path: hashlib.sha256((lighthouse / path).read_bytes()).hexdigest() for path in DOCUMENTS}
    assert corpus_hashes(lighthouse) == expected
    assert {d.path: d.sha256 for d in take_in(lighthouse, strict=True).documents} == expected
