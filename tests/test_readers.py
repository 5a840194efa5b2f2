from __future__ import annotations

import pytest

from kqa.errors import CorpusError
from kqa.readers import READERS, Reading, read_text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "a\r\nb\rc\nd",
        "“curly”\u00a0blank",
        "🌊 é e\u0301",
        "\ufeffmarked",
        "nul \0 inside",
        "line\u2028separator\x85\x0c",
    ],
)
def test_text_is_decoded_and_nothing_else(text: str) -> None:
    assert read_text(text.encode(), "a.txt") == Reading(text, ())


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"\xffabc", r"byte 0 is 0xff"),
        (b"caf\xe9 au lait", r"byte 3 is 0xe9"),
        ("né".encode() + b"\x93", r"byte 3 is 0x93"),  # bytes are counted, not characters
        (b"\xed\xa0\x80", r"byte 0 is 0xed"),  # a surrogate is no character
    ],
)
def test_what_is_not_utf_8_names_its_byte(data: bytes, place: str) -> None:
    with pytest.raises(
        CorpusError, match=rf"docs/a\.txt is not UTF-8 \({place}\), and no other encoding can be told; save it as UTF-8"
    ):
        read_text(data, "docs/a.txt")


def test_suffixes() -> None:
    assert {".md", ".txt"} <= set(READERS)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in READERS)
