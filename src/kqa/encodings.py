"""Bytes → text: UTF-8, what a byte order mark or the file itself declares, or what is detected, and then said."""

from __future__ import annotations

import codecs
import re

from kqa.errors import DocumentRefused

_MARKS = (  # UTF-32 first: its mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"(?:coding|charset)[ \t]*[:=][ \t]*[\"']?([A-Za-z0-9_.:-]{2,40})")
_DECLARATION = 2  # lines at the top of a text in which editors declare an encoding
_META = re.compile(rb"<meta\b[^>]{0,400}?charset[ \t\r\n]*=[ \t\r\n]*[\"']?[ \t]*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_XML = re.compile(rb"\A\s*<\?xml[^>]{0,200}?encoding[ \t]*=[ \t]*[\"']([A-Za-z0-9_.:-]{2,40})")
_HEAD = 4096  # bytes in which a page declares its encoding; the HTML standard looks at 1024
_AS_WINDOWS = {"ascii", "latin_1", "iso8859_1"}  # what these labels mean on the web
_FEWEST = 64  # bytes: less says too little of its encoding
_SAMPLE = 1_000_000  # bytes that the detection looks at
_WESTERN = "cp1252"


def decode(data: bytes, path: str) -> tuple[str, tuple[str, ...]]:
    """Return a text file's text, line endings untouched, and what should be said of its encoding.

    Raises DocumentRefused for bytes that are no text, or whose encoding cannot be told.
    """
    lines = b"\n".join(data[:_HEAD].splitlines()[:_DECLARATION])
    found = _DECLARED.search(lines)
    return _decode(data, path, found[1].decode("ascii") if found else "")


def decode_page(data: bytes, path: str) -> tuple[str, tuple[str, ...]]:
    """Return the source of an HTML page, decoded as its ``meta`` element or XML declaration says; otherwise as above."""
    found = _XML.search(data[:_HEAD]) or _META.search(data[:_HEAD])
    return _decode(data, path, found[1].decode("ascii") if found else "")


def _decode(data: bytes, path: str, declared: str) -> tuple[str, tuple[str, ...]]:
    for mark, encoding in _MARKS:
        if data.startswith(mark) and (text := _strict(data, encoding)) is not None:
            return text, ()
    if (text := _strict(data, "utf-8")) is not None:
        return text, ()  # first, for what is UTF-8 by chance in another encoding is rare, and false labels are not
    known = _known(declared)
    if known and (text := _strict(data, known)) is not None:
        return text, ()
    text, encoding = _detected(data, path)
    why = f"it declares {declared}, which does not fit" if declared else "it declares none"
    return text, (f"read as {encoding}, detected ({why}); if that is wrong, save it as UTF-8",)


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeError:
        return None


def _known(label: str) -> str:
    """Return Python's name of an encoding that texts are written in, or nothing; never a codec that is none of these."""
    from charset_normalizer.constant import IANA_SUPPORTED

    try:
        name = codecs.lookup(label).name.replace("-", "_") if label else ""
    except (LookupError, ValueError):
        return ""
    if name in _AS_WINDOWS:
        return _WESTERN
    if name not in IANA_SUPPORTED or name == "utf_7":
        return ""
    return name if _strict(label.encode("ascii"), name) == label else ""  # the label itself was found as ASCII


def _detected(data: bytes, path: str) -> tuple[str, str]:
    """Detect an encoding; Windows's Western one wins where it fits as well as the best, for kqa reads English."""
    from charset_normalizer import from_bytes

    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f"byte {error.start} is 0x{data[error.start]:02x}"
    if len(data) >= _FEWEST:
        matches = list(from_bytes(data[:_SAMPLE]))
        fitting = [match for match in matches if match.chaos <= matches[0].chaos]  # the first fits best
        western = any(_WESTERN in (match.encoding, *match.could_be_from_charset) for match in fitting)
        for encoding in [_WESTERN] * western + [match.encoding for match in matches[:1]]:
            text = _strict(data, encoding)
            if text is not None and text.count("\0") * 100 <= len(text):
                return text, {"cp1252": "windows-1252"}.get(encoding, encoding.replace("_", "-"))
    raise DocumentRefused(f"{path} is not UTF-8 ({place}), and no other encoding can be told; save it as UTF-8 or move it away")
