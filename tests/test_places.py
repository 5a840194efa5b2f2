"""Lines of entries, keys and texts of a TOML file, with known answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from kqa.errors import RulesError
from kqa.places import Place, read_toml

TEXT = r'''# [[gull]] in a remark
name = "one [[gull]] in a text"
[sea]
depth = 3
"quoted key" = 4
[[gull]]
name = "Ann"
says = """
[sand]
  [[gull]] and more
"""
calls = [
  "kee \"aow\"",
  'mew', ["mew"],
]
[gull.nest]
name = "on the roof"
[[ gull ]] # the second
	name	= "Bob"
calls = ["mew"]
[pier]
'''


def placed(folder: Path, text: str = TEXT) -> Place:
    path = folder / "birds.toml"
    path.write_bytes(text.encode())
    return read_toml(path)[1]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_of_tables_keys_and_texts(tmp_path: Path, newline: str) -> None:
    top = placed(tmp_path, TEXT.replace("\n", newline))
    ann, bob = top.table("gull"), top.table("gull", 1)
    assert [place.line for place in (top, top.table("sea"), ann, bob, top.table("pier"))] == [1, 3, 6, 18, 21]
    assert [(ann.line, ann.end), (bob.line, bob.end)] == [(6, 18), (18, 21)]
    assert [ann.key(name).line for name in ("name", "says", "calls", "nest", "beak")] == [7, 8, 12, 16, 6]
    assert [bob.key(name).line for name in ("name", "calls", "says")] == [19, 20, 18]
    assert top.table("sea").key("quoted key").line == 5
    assert ann.key("calls").text('kee "aow"').line == 13
    assert [ann.text(text).line for text in ("mew", "Ann", "roof", "Bob")] == [14, 7, 17, 6]
    assert bob.text("nowhere", "mew").line == 20
    assert top.table("gull", 2).line == 6, "one more than there are: where they begin"


def test_a_place_begins_a_sentence(tmp_path: Path) -> None:
    bob = placed(tmp_path).table("gull", 1)
    assert str(bob.key("calls")) == f"{tmp_path / 'birds.toml'}, line 20"
    assert str(bob.named("gull 'Bob'").key("calls")) == f"{tmp_path / 'birds.toml'}, line 20: gull 'Bob'"


def test_tables_without_a_header_are_found_by_their_key(tmp_path: Path) -> None:
    top = placed(tmp_path, 'x = 1\ngull = [{name = "Ann"},\n{name = "Bob"}]\n')
    assert (top.table("gull").line, top.table("gull", 1).text("Bob").line) == (2, 3)


def test_what_a_file_holds_is_returned(tmp_path: Path) -> None:
    placed(tmp_path)
    raw, _ = read_toml(tmp_path / "birds.toml")
    assert [gull["name"] for gull in raw["gull"]] == ["Ann", "Bob"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('a = 1\nb = """\nmore', 'line 2: the text that opens here is not closed; put """ after its last line'),
        ('a = 1\nb = """\nx\n[[c]]\ny = """\nz\n"""\n', "line 2: the text that opens here is not closed"),
        ('a = "x', "line 1: a closing quote is missing"),
        ("a = 1\n\na = 2\n\n", "line 3, column 6: the key on this line stands twice"),
        ("a = 1\na = 2", "line 2: the key on this line stands twice"),
        ('a = ["x",\n"y”,\n"z"]', 'line 2, column 5: use straight quotes (")'),
        ('a = "it’s “fine”"\nb = yes', "line 2, column 5: a text needs straight quotes"),
        ('a = "“fine”"\na = "“fine”"\n', "line 2, column 13: the key on this line"),
        ("[[c]\n", "line 1, column 4: the name of a table is not closed"),
        ("a = 2026-13-01", "line 1, column 9: something follows the value"),
        ("a = 1\nb = " + "[" * 5000, "line 2: this goes deeper than kqa reads"),
        ("a = 1\nb = " + "{c = " * 2000, "line 2: this goes deeper than kqa reads"),
        ("a = 1\n" + ".".join("b" * 5000) + " = 1", "line 2: this goes deeper than kqa reads"),
        ("a = 1\nb = 0x" + "1" * 5000, "line 2: this number is longer than kqa reads"),
        ("a = 1\nb = 1\nc = " + "1" * 5000, "line 3: this number is longer than kqa reads"),
    ],
)
def test_faults_of_toml_in_plain_words(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RulesError) as caught:
        placed(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'birds.toml'}, {said}")
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="cannot be read .*; name a file that is there"):
        read_toml(tmp_path)
