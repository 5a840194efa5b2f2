from __future__ import annotations

import random

import pytest

from kqa.encodings import decode, decode_page
from kqa.errors import DocumentRefused

ENGLISH = "The keeper’s lamp is lit at sunset — “put out at sunrise”. Fog costs £40 a night, and the café closes at eight. "
GERMAN = "Für die Wärter gilt: Die Lampe wird bei Sonnenuntergang angezündet. Größe und Höhe der Türme prüfen wir später. "
RUSSIAN = "Маяк зажигают на закате и гасят на рассвете. Смотритель заводит часовой механизм каждые четыре часа. "
JAPANESE = "灯台は日没に点灯し、日の出に消灯する。霧の日は一分間に二回ホーンが鳴る。灯台守は毎日働く。"


@pytest.mark.parametrize("text", ["", "plain", "a\r\nb\rc", "\ufeffmarked", "🌊 é e\u0301", "nul \0 inside"])
def test_utf_8_is_decoded_and_nothing_said(text: str) -> None:
    assert decode(text.encode(), "a.txt") == (text, ())
    assert decode_page(text.encode(), "a.html") == (text, ())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_is_believed(encoding: str) -> None:
    mark = "" if encoding in ("utf-16", "utf-32") else "\ufeff"
    assert decode((mark + ENGLISH).encode(encoding), "a.txt") == (ENGLISH, ())


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [
        (ENGLISH, "cp1252", "windows-1252"),
        (GERMAN, "latin-1", "windows-1252"),
        (RUSSIAN * 3, "cp1251", "cp1251"),
        (RUSSIAN * 9, "koi8-r", "koi8-r"),
        (JAPANESE, "shift_jis", "cp932"),
        (ENGLISH, "utf-16-le", "utf-16-le"),
    ],
)
def test_what_is_detected_is_said(text: str, encoding: str, name: str) -> None:
    said = f"read as {name}, detected (it declares none); if that is wrong, save it as UTF-8"
    assert decode(text.encode(encoding), "a.txt") == (text, (said,))


@pytest.mark.parametrize(
    ("head", "encoding", "text"),
    [
        ("# -*- coding: cp1251 -*-\n", "cp1251", "Да"),
        ("Notes\n% vim: set fileencoding=latin-1 :\n", "latin-1", "é"),
        ("charset: iso-8859-1\n", "cp1252", "“"),  # on the web this label means Windows's
        ("coding: shift_jis\n", "shift_jis", "灯台"),
    ],
)
def test_a_text_may_declare_its_encoding_in_its_first_lines(head: str, encoding: str, text: str) -> None:
    assert decode((head + text).encode(encoding), "a.txt") == (head + text, ())


@pytest.mark.parametrize(
    ("head", "encoding", "text"),
    [
        ('<html><head><meta charset="windows-1251">', "cp1251", "Да"),
        ("<meta charset=koi8-r>", "koi8-r", "Маяк"),
        ('<META http-equiv="Content-Type" content="text/html; charset=ISO-8859-1">', "cp1252", "“quoted”"),
        ('<?xml version="1.0" encoding="shift_jis"?><html>', "shift_jis", "灯台"),
    ],
)
def test_a_page_declares_its_encoding(head: str, encoding: str, text: str) -> None:
    assert decode_page((head + text).encode(encoding), "a.html") == (head + text, ())


@pytest.mark.parametrize("label", ["unicode_escape", "punycode", "idna", "rot13", "zip", "utf-7", "no-such", "x" * 40, "..."])
def test_a_label_that_is_no_text_encoding_is_not_followed(label: str) -> None:
    text, (note,) = decode_page(f"<meta charset='{label}'>{ENGLISH}".encode("cp1252"), "a.html")
    assert text.endswith(ENGLISH)
    assert f"it declares {label}, which does not fit" in note


def test_a_false_label_does_not_hide_utf_8() -> None:
    assert decode_page(f"<meta charset=latin-1>{GERMAN}".encode(), "a.html")[0].endswith(GERMAN)


@pytest.mark.parametrize(
    "data",
    [
        b"caf\xe9",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9,
        random.Random(1).randbytes(9000),
        b"\xff\xfe\x00",
    ],
)
def test_what_cannot_be_told_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentRefused, match=r"a/b\.txt is not UTF-8 \(byte \d+ is 0x..\), and no other encoding can be told"):
        decode(data, "a/b.txt")


@pytest.mark.parametrize("label", ["utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "cp037"])
@pytest.mark.parametrize("more", range(4))
def test_a_label_that_stands_there_in_ascii_is_of_no_encoding_that_ascii_is_no_part_of(label: str, more: int) -> None:
    text, (note,) = decode_page(f"<meta charset='{label}'>{ENGLISH}{'x' * more}".encode("cp1252"), "a.html")
    assert ENGLISH in text
    assert f"it declares {label}, which does not fit" in note
