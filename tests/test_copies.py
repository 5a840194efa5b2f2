from __future__ import annotations

from pathlib import Path

import pytest

from conftest import write_files
from kqa.copies import EXEMPT, RUN, Copy, bare_words, copies, read_texts, runs_of

EIGHT = "the lamp burns low when the oil is"
NINE = EIGHT + " old"


def test_words_are_bare() -> None:
    assert bare_words("The *Low-dose* keeper’s Ärger_7!") == ["the", "low", "dose", "keeper", "s", "ärger", "7"]
    assert (len(EIGHT.split()), len(NINE.split())) == (RUN, RUN + 1)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (EIGHT, [(EIGHT, 8)]),
        (EIGHT.upper(), [(EIGHT.upper(), 8)]),
        (f"He said: “The lamp-burns low, when the oil is…”, {NINE}.", [("The lamp-burns low, when the oil is", 8), (NINE, 9)]),
        (f"x {NINE} y", [(NINE, 9)]),
        (EIGHT.rsplit(" ", 1)[0], []),  # seven
        (EIGHT.replace("low", "bright"), []),
        (EIGHT.replace("low", EXEMPT * 3), []),
        ("", []),
    ],
)
def test_runs_that_are_shared(text: str, found: list[tuple[str, int]]) -> None:
    runs = runs_of({"a.txt": f"At dusk {NINE}.", "b.txt": EIGHT})
    copied = list(copies(text, runs))
    assert [(text[copy.start : copy.end], copy.words) for copy in copied] == found
    assert {copy.source for copy in copied} <= {"a.txt"}  # the first that holds it


def test_where_a_copy_stands() -> None:
    assert list(copies(f"x {NINE} y", runs_of({"b.txt": NINE}))) == [Copy(2, 2 + len(NINE), 9, "b.txt")]


def test_texts_are_read_in_order_and_files_that_are_none_are_passed_over(tmp_path: Path) -> None:
    folder = write_files(tmp_path, {"b.txt": "two", "a/c.html": "one", "map.png": b"\x89\0", "old.txt": b"caf\xe9"})
    assert list(read_texts(folder).items()) == [("a/c.html", "one"), ("b.txt", "two"), ("old.txt", "caf\ufffd")]
