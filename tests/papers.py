"""PDF, Word and zip files, made for tests byte by byte or with libraries that kqa does not read them with."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from itertools import count

Words = tuple[float, float, float, str]
"""Where a line stands, from the left and the bottom in points, the size of its letters, and its words."""


def pdf(*pages: Sequence[Words], title: str = "", extra: str = "", image: Sequence[int] = ()) -> bytes:
    """Write a PDF in Helvetica, each page a list of lines; pages whose number is in ``image`` show a picture."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "", f"<</Title({title})>>", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    objects.append(
        "<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>stream\n0\nendstream"
    )
    kids = []
    for number, lines in enumerate(pages, 1):
        shown = "q 200 0 0 200 50 50 cm /I Do Q\n" if number in image else ""
        words = "".join(f"BT /F {size} Tf 1 0 0 1 {x} {y} Tm ({_escaped(text)}) Tj ET\n" for x, y, size, text in lines)
        kids.append(f"{len(objects) + 1} 0 R")
        resources = "<</Font<</F 4 0 R>>/XObject<</I 5 0 R>>>>"
        page = f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources {resources}/Contents {len(objects) + 2} 0 R{extra}>>"
        objects += [page, f"<</Length {len(shown + words)}>>stream\n{shown}{words}\nendstream"]
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(kids)}]>>"
    return assembled(objects)


def assembled(objects: Sequence[str]) -> bytes:
    """Write numbered objects as a PDF with its table of places; the first is the catalogue, the third the information."""
    data = b"%PDF-1.7\n"
    places = []
    for number, text in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"trailer<</Size {len(objects) + 1}/Root 1 0 R/Info 3 0 R>>\nstartxref\n{len(data)}\n%%EOF"
    return data + (table + end).encode("latin-1")


def page(*lines: str, top: float = 700, size: float = 12, left: float = 50) -> list[Words]:
    """Return lines one below the other, 14 points apart; an empty one leaves a gap."""
    heights = count(top, -14)
    return [(left, y, size, text) for y, text in zip(heights, lines, strict=False) if text]


def encrypted_pdf() -> bytes:
    from fpdf import FPDF

    paper = FPDF()
    paper.set_encryption(owner_password="o", user_password="u")
    paper.add_page()
    paper.set_font("Times", size=12)
    paper.cell(text="Nobody may read this.")
    return bytes(paper.output())


def squeezed_pdf(size: int) -> bytes:
    """Return a PDF whose page swells to many bytes when it is opened."""
    data = zlib.compress(b"BT /F 12 Tf 1 0 0 1 50 50 Tm (a) Tj ET\n" * (size // 40), 9).decode("latin-1")
    page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F 4 0 R>>>>/Contents 6 0 R>>"
    font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    stream = f"<</Filter/FlateDecode/Length {len(data)}>>stream\n{data}\nendstream"
    return assembled(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[5 0 R]>>", "<<>>", font, page, stream])


def word(*blocks: tuple[str, str], title: str = "") -> bytes:
    """Write a Word document: each block its style and its words; style "Table" has cells apart by bars, rows by newlines."""
    import docx

    document = docx.Document()
    document.core_properties.title = title
    for style, text in blocks:
        if style == "Table":
            rows = [row.split("|") for row in text.split("\n")]
            table = document.add_table(len(rows), len(rows[0]))
            for at, row in enumerate(rows):
                for column, cell in enumerate(row):
                    table.cell(at, column).text = cell
        else:
            document.add_paragraph(text, style=style)
    return _saved(document)


def word_with(body: str, parts: Mapping[str, bytes] | None = None) -> bytes:
    """Write a Word document with this XML in its body, and with these files of its container replaced or added."""
    whole = io.BytesIO(word(("Normal", "x")))
    made = io.BytesIO()
    parts = parts or {}
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in {*old.namelist(), *parts}:
            data = parts[name] if name in parts else old.read(name)
            if name == "word/document.xml" and name not in parts:
                start, end = data.index(b"<w:body>") + 8, data.index(b"<w:sectPr")
                data = data[:start] + body.encode() + data[end:]
            new.writestr(name, data)
    return made.getvalue()


def _saved(document: object) -> bytes:
    made = io.BytesIO()
    document.save(made)  # type: ignore[attr-defined]
    return made.getvalue()


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
