from __future__ import annotations

import io
import zipfile

import pytest

from kqa.errors import DocumentRefused
from kqa.word import read_word
from papers import word, word_with

ORDERS = (
    ("Title", "Standing orders"),
    ("Heading 1", "The lamp"),
    ("Normal", "The lamp is lit at sunset.\nIt is put out at sunrise."),
    ("List Bullet", "A spare mantle hangs there."),
    ("Table", "Season|Hours\nSummer|ten until six"),
    ("Heading 2", "Fog"),
    ("Normal", "The horn sounds\ttwice."),
)
TEXT = """Standing orders

The lamp

The lamp is lit at sunset.
It is put out at sunrise.

A spare mantle hangs there.

Season\tHours

Summer\tten until six

Fog

The horn sounds\ttwice."""


def test_text_headings_and_title() -> None:
    reading = read_word(word(*ORDERS, title="Orders of the light"), "a.docx")
    assert reading.text == TEXT
    assert [reading.text[span.start : span.end] for span in reading.headings or ()] == ["Standing orders", "The lamp", "Fog"]
    assert (reading.title, reading.pages, reading.notes) == ("Orders of the light", (), ())


@pytest.mark.parametrize("title", ["", " ", "Word Document", "Microsoft Word - a", "draft.docx", "Document1"])
def test_a_title_that_a_program_made_is_none(title: str) -> None:
    assert read_word(word(("Normal", "Text."), title=title), "a.docx").title == ""


MC = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<w:p><w:r><w:t>in</w:t></w:r><w:ins><w:r><w:t>serted</w:t></w:r></w:ins></w:p>", "inserted"),
        ("<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:r><w:t>new</w:t></w:r></w:p>", "new"),
        ("<w:p><w:moveFrom><w:r><w:t>there</w:t></w:r></w:moveFrom><w:r><w:t>here</w:t></w:r></w:p>", "here"),
        ("<w:sdt><w:sdtContent><w:p><w:r><w:t>control</w:t></w:r></w:p></w:sdtContent></w:sdt>", "control"),
        ("<w:p><w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink></w:p>", "link"),
        ("<w:p><w:r><w:t>a</w:t><w:br/><w:t>b</w:t><w:noBreakHyphen/><w:t>c</w:t></w:r></w:p>", "a\nb\u2011c"),
        (
            f"<w:p><w:r><mc:AlternateContent {MC}><mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p>"
            "</w:txbxContent></mc:Choice><mc:Fallback><w:p><w:r><w:t>box</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent></w:r>"
            "<w:r><w:t>around</w:t></w:r></w:p>",
            "box\n\naround",
        ),
    ],
)
def test_revisions_controls_and_boxes(body: str, text: str) -> None:
    assert read_word(word_with(body), "a.docx").text == text


def _zip(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as container:
        for name, data in files.items():
            container.writestr(name, data)
    return made.getvalue()


def _locked() -> bytes:
    data = bytearray(word(("Normal", "x")))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"a\.docx is no Word document \(.*\); save it as \.docx"),
        (b"PK\x03\x04" + b"\0" * 99, r"a\.docx is no Word document"),
        (word(("Normal", "x"))[:-30], r"a\.docx is no Word document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 999, r"a\.docx is encrypted, or of Word 97; save a copy as \.docx"),
        (_locked(), r"a\.docx is encrypted; save a copy without a password"),
        (_zip({"a": b"b"}), r"a\.docx is damaged \(.*\); open it in Word and save it anew"),
        (word_with("", {"word/document.xml": b"<w:document"}), r"a\.docx is damaged"),
        (word_with("", {"word/bomb.xml": b"\0" * 20_000_000}), r"a\.docx is a zip bomb \(a file in it grows 1,\d\d\d times\)"),
        (word_with("", {f"word/{n}": b"" for n in range(10_001)}), r"a\.docx expands to more than 200,000,000 bytes or 10,000"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(data: bytes, message: str) -> None:
    with pytest.raises(DocumentRefused, match=message) as caught:
        read_word(data, "a.docx")
    assert "\n" not in str(caught.value)


def test_entities_are_never_expanded() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    head = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "ha"><!ENTITY file SYSTEM "file:///etc/passwd">{laughs}]>'
    body = "<w:body><w:p><w:r><w:t>a&l11;&file;z</w:t></w:r></w:p></w:body></w:document>"
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    data = word_with("", {"word/document.xml": f"{head}<w:document {space}>{body}".encode()})
    try:
        text = read_word(data, "a.docx").text
    except DocumentRefused:
        return
    assert "haha" not in text
    assert "root" not in text
