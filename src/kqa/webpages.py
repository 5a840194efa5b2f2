"""HTML → its main text with headings: what the page says, without navigation, scripts and the site around it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kqa.encodings import decode_page
from kqa.errors import DocumentRefused
from kqa.reading import Reading, joined

LARGEST_PAGE = 20_000_000
"""Bytes of one HTML file, where its extractor stops as well."""
_BLOCKS = {"head", "p", "item", "list", "row", "table", "quote", "code", "div", "fn"}
_SETTINGS = {"MIN_EXTRACTED_SIZE": "1", "MIN_OUTPUT_SIZE": "1", "MIN_OUTPUT_COMM_SIZE": "1"}  # a short page is a page
_PROLOGUE = re.compile(r"\A\ufeff?\s*<\?xml[^>]*>")


def read_page(data: bytes, path: str) -> Reading:
    """Return a page's main text: a paragraph, list item or table row a block, cells apart by tabs, runs of blanks one blank.

    Raises DocumentRefused where nothing but a site's furniture is found.
    """
    if len(data) > LARGEST_PAGE:
        raise DocumentRefused(f"{path} has {len(data):,} bytes, more than the {LARGEST_PAGE:,} of a page; divide it")
    source, notes = decode_page(data, path)
    source = _PROLOGUE.sub("", source).replace("\0", "\ufffd")
    body, title = _extracted(source)
    reading = joined(_blocks(body), title, notes) if body is not None else Reading("")
    if not reading.text:
        raise DocumentRefused(f"{path} has no main text that can be told from the site around it; save its text as .txt")
    return reading


def _extracted(source: str) -> tuple[Any, str]:
    """Return the tree of a page's main text and the words of its ``title`` element."""
    from lxml.html import HTMLParser, fromstring
    from trafilatura import bare_extraction
    from trafilatura.settings import use_config

    config = use_config()
    for key, value in _SETTINGS.items():
        config.set("DEFAULT", key, value)
    found = bare_extraction(source, fast=False, include_comments=False, include_tables=True, deduplicate=False, config=config)
    body = getattr(found, "body", None)
    if body is None:
        return None, ""
    tree = fromstring(source.encode("utf-8", "replace"), parser=HTMLParser(encoding="utf-8"))
    title = tree.findtext(".//head/title") or ""
    return body, " ".join(title.split())


def _blocks(body: Any) -> Iterator[tuple[str, bool]]:
    """Yield the blocks of trafilatura's tree and whether each is a heading; its tail belongs to what is around an element."""
    from lxml.etree import iterwalk

    words: list[str] = []
    heads = 0
    for event, element in iterwalk(body, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        if tag in _BLOCKS:
            yield _tidy(words), heads > 0
            words = []
        heads += (tag == "head") * (1 if event == "start" else -1)
        if event == "start":
            words += ["\n"] if tag == "lb" else []
            words.append(_run(element.text, tag))
        elif element is not body:
            words += ["\t"] if tag == "cell" else []
            words.append(_run(element.tail, ""))
    yield _tidy(words), False


def _run(text: str | None, tag: str) -> str:
    return (text or "") if tag == "code" else re.sub(r"\s+", " ", text or "")


def _tidy(words: list[str]) -> str:
    return re.sub(r" *([\n\t]) *", r"\1", re.sub(r" {2,}", " ", "".join(words)))
