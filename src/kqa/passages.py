"""Split a document into passages and sentences, as spans; drop headings, teasers and site furniture, and say so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kqa.cite import FOOTNOTE
from kqa.config import Config
from kqa.errors import DocumentRefused
from kqa.types import Document, Passage, Span

_HEADING_WORDS = 12
_HEADING_LETTERS = 120
_ENDINGS = (*".!,;:*…。！؟।", "")  # what a sentence or a list ends with, and a heading does not
_LINE_IS_PARAGRAPH = 200  # characters: text files with longer lines have one paragraph a line
_LONGEST_SENTENCE = 1500  # characters; a longer “sentence” is a table or a dump, cut at blanks
_MARKDOWN_BLOCKS = {"heading_open", "paragraph_open", "tr_open", "fence", "code_block", "html_block"}
_TABLE_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-+:?[ \t]*\|[-:| \t]*$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^)\[\s]*\)")  # no “[” within: a million of them take no longer than other letters
_MARKS = re.compile(r"[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}|^\s{0,3}(?:[-*+>]|\d{1,3}[.)])\s+", re.MULTILINE)
_FURNITURE = re.compile(
    r"leave a (?:reply|comment)|your email address\b.*|required fields are marked.*|(?:read|see|view) more|click here\b.*"
    r"|(?:related|recent|more) (?:posts?|articles?|stories)|(?:previous|next) (?:post|article)|share (?:this|on).*"
    r"|(?:subscribe|sign up)\b.*|(?:posted|filed) (?:by|in|on)\b.*|(?:comments?|tags?|categories)(?: \(?\d+\)?)?"
    r"|all rights reserved.*|(?:©|\(c\)|copyright)\s.*|back to top|skip to content|table of contents|advertisement"
    r"|cookie policy|privacy policy|terms of (?:use|service)",
    re.IGNORECASE,
)
_TEASER = re.compile(
    r"\b(?:in )?this (?:article|post|blog|guide|breakdown|essay|section)(?:$|,| we\b| you\b| will\b| aims| explores?| covers)"
    r"|\bin this (?:breakdown|article|post|blog|guide)\b|\b(?:here['’]?s|here is|here are) (?:what|everything|all|some|a few)\b"
    r"|^(?:learn|find out|discover|read) (?:how|more|on|why|what|about)\b|\b(?:head over to|check out|visit) (?:our|the|us)\b"
    r"|\bdid you enjoy\b|\b(?:listed|found|outlined) below\b|^(?:keep|continue) reading\b|\byou can read (?:about|more)\b"
    r"|\b(?:can|will) find (?:more|out more|further) information\b|\bcontact us\b|\bcall us\b|\bbook (?:a|your)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A part of a document that is never a passage, and why."""

    span: Span
    reason: str


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph, list item or heading (``level`` > 0), trimmed to its ink."""

    span: Span
    level: int = 0


def split(document: Document, config: Config, first: int = 0) -> tuple[list[Passage], list[Dropped]]:
    """Split a document into passages numbered from ``first``, and list what was dropped.

    Passages and their sentences are in order and never overlap; a sentence that only teases is part of its passage
    but not one of its sentences. Raises DocumentRefused when the front matter lists questions for a section that is not there.
    """
    sections, dropped = _sections(document, keep_teasers=False)
    if not any(blocks for _, blocks in sections):
        # Nothing but teasers: then that is what the document says, and it may be quoted.
        sections, dropped = _sections(document, keep_teasers=True)
    passages: list[Passage] = []
    for section, blocks in sections:
        for group in _grouped(document.text, blocks, config):
            spans = [span for block in group for span in _sentences(document.text, block.span)]
            for part in _shares(document.text, spans, config.max_words):
                telling = tuple(span for span in part if not _teases(document.text[span.start : span.end]))
                at = part[0].start, part[-1].end
                passages.append(Passage(first + len(passages), document.path, *at, section, telling or tuple(part)))
    _check_asks(document, [section for section, _ in sections])
    return passages, dropped


def check_asks(document: Document) -> None:
    """Raise DocumentRefused when the front matter lists questions for a section that is not there."""
    if document.asks:
        _check_asks(document, [_heading(document, block) for block in _blocks(document) if block.level])


def _check_asks(document: Document, sections: Sequence[str]) -> None:
    known = sorted({slug(section) for section in sections} - {""})
    unknown = sorted(set(document.asks).difference(known))
    if unknown:
        listed = ", ".join(known)
        raise DocumentRefused(f"{document.path}: asks names a section “{unknown[0]}” that has no heading; known: {listed}")


def slug(heading: str) -> str:
    """Name a section by its heading: lower case, every run of other characters than a-z and 0-9 one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def plain(text: str) -> str:
    """Return text as a reader hears it, for retrieval only: no footnote marks, no Markdown, single blanks."""
    text = _LINK.sub(r"\1", FOOTNOTE.sub("", text))
    return " ".join(_MARKS.sub("", text).split())


def _sections(document: Document, *, keep_teasers: bool) -> tuple[list[tuple[str, list[_Block]]], list[Dropped]]:
    """Return each heading with the blocks below it that may be quoted, and what may not."""
    sections: list[tuple[str, list[_Block]]] = [("", [])]
    dropped: list[Dropped] = []
    for block in _blocks(document):
        reason = _unquotable(document.text, block, keep_teasers)
        if block.level:
            sections.append((_heading(document, block), []))
        elif not reason:
            sections[-1][1].append(block)
        if reason:
            dropped.append(Dropped(block.span, reason))
    return sections, dropped


def _heading(document: Document, block: _Block) -> str:
    """Return a heading's words; nothing for one that repeats the title."""
    heading = document.text[block.span.start : block.span.end].strip("# \t\r\n=-")
    return "" if heading.casefold() == document.source.title.casefold() else heading


def _unquotable(text: str, block: _Block, keep_teasers: bool) -> str:
    """Return why a block is no text to quote, or nothing."""
    words = plain(text[block.span.start : block.span.end])
    if block.level:
        return "heading"
    if words.startswith("<!--") or not re.search(r"\w{2}|[^\W\d_]", words):
        return "comment" if words.startswith("<!--") else "site furniture"
    if _is_furniture(words):
        return "site furniture"
    sentences = (plain(text[span.start : span.end]) for span in _sentences(text, block.span))
    return "teaser" if not keep_teasers and all(map(_teases, sentences)) else ""


def _is_furniture(words: str) -> bool:
    return len(words) <= _HEADING_LETTERS and bool(_FURNITURE.fullmatch(words.rstrip(".!*: ")))


def _teases(sentence: str) -> bool:
    return bool(_TEASER.search(plain(sentence))) or sentence.rstrip().endswith("?")


def _blocks(document: Document) -> list[_Block]:
    """Return a document's blocks, lines of site furniture set apart from the lines beside them."""
    if document.headings is not None:
        blocks = _declared_blocks(document.text, document.headings)
    elif document.path.lower().endswith(".md"):
        blocks = _markdown_blocks(document.text, document.body)
    else:
        blocks = _text_blocks(document.text)
    return [part for block in blocks for part in _set_apart(document.text, block)]


def _set_apart(text: str, block: _Block) -> Iterator[_Block]:
    start = block.span.start
    if not block.level:
        for line in re.finditer(r"[^\r\n]+", text[block.span.start : block.span.end]):
            if not _is_furniture(plain(line.group())):
                continue
            at = block.span.start + line.start(), block.span.start + line.end()
            yield from (_Block(span) for span in (_trim(text, start, at[0]), _trim(text, *at)) if span)
            start = at[1]
    rest = _trim(text, start, block.span.end)
    if rest:
        yield _Block(rest, block.level)


def _markdown_blocks(text: str, body: int) -> list[_Block]:
    from markdown_it import MarkdownIt

    starts = [body, *(m.end() for m in re.finditer(r"\r\n|\n|\r", text[body:]))]
    starts = [body, *(body + s for s in starts[1:]), len(text)]
    blocks: list[_Block] = []
    parser = MarkdownIt("commonmark").enable("table").disable("inline")  # which is not looked at, and slow on hostile text
    for token in parser.parse(text[body:].replace("\0", " ")):
        if token.map is None or token.type not in _MARKDOWN_BLOCKS:
            continue
        span = _trim(text, starts[token.map[0]], starts[min(token.map[1], len(starts) - 1)])
        if span and (not blocks or span.start >= blocks[-1].span.end):
            blocks.append(_Block(span, int(token.tag[1]) if token.type == "heading_open" else 0))
    return blocks


def _declared_blocks(text: str, headings: Sequence[Span]) -> list[_Block]:
    """Return the blocks of a text whose reader set them one blank line apart and knows its headings."""
    known = set(headings)
    spans = (_trim(text, *found.span()) for found in re.finditer(r"(?:(?!\n\n).)+", text, re.DOTALL))
    return [_Block(span, int(span in known)) for span in spans if span]


def _text_blocks(text: str) -> list[_Block]:
    blocks = []
    for paragraph in re.finditer(r"[^\r\n]+(?:\r?\n(?![ \t]*\r?\n)[^\r\n]+)*", text):
        lines = [(paragraph.start(), paragraph.end())]
        if any(len(line) > _LINE_IS_PARAGRAPH for line in paragraph.group().splitlines()):
            within = re.finditer(r"[^\r\n]+", paragraph.group())
            lines = [(paragraph.start() + line.start(), paragraph.start() + line.end()) for line in within]
        for start, end in lines:
            span = _trim(text, start, end)
            if span:
                blocks.append(_Block(span, int(_looks_like_heading(text[span.start : span.end]))))
    return blocks


def _looks_like_heading(text: str) -> bool:
    bare = plain(text)
    words, last = bare.split(), bare.rstrip("\"'”’»)]")[-1:]
    too_long = len(words) > _HEADING_WORDS or len(bare) > _HEADING_LETTERS
    if not words or too_long or "\n" in text or last in _ENDINGS or _FURNITURE.fullmatch(bare):
        return False
    capitals = sum(word[0].isupper() or not word[0].isalpha() for word in words)
    return last != "?" or capitals * 2 > len(words)


def _trim(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    lead = len(piece) - len(piece.lstrip())
    inked = piece.strip()
    return Span(start + lead, start + lead + len(inked)) if inked else None


def _grouped(text: str, blocks: list[_Block], config: Config) -> Iterator[list[_Block]]:
    """Join short blocks with their neighbours, never beyond ``max_words``."""
    group: list[_Block] = []
    count = 0
    for block in blocks:
        words = len(text[block.span.start : block.span.end].split())
        enough = count >= config.min_words <= words or count + words > config.max_words
        if group and (enough or _ink_between(text, group[-1], block)):
            yield group
            group, count = [], 0
        group.append(block)
        count += words
    if group:
        yield group


def _ink_between(text: str, left: _Block, right: _Block) -> bool:
    return bool(_TABLE_RULE.sub("", text[left.span.end : right.span.start]).strip())


def _sentences(text: str, span: Span) -> list[Span]:
    """Cut a block into sentences with sentencex; footnote marks belong to the sentence before them."""
    import sentencex

    block = text[span.start : span.end]
    marks = [place for mark in FOOTNOTE.finditer(block) for place in range(mark.start(), mark.end())]
    # sentencex never sees the marks, each cut is mapped back
    origin: Sequence[int] = sorted(set(range(len(block))).difference(marks)) if marks else range(len(block))
    bare = ("".join(block[place] for place in origin) if marks else block).replace("\0", " ")
    cuts, at = [0], 0
    for sentence in sentencex.segment("en", bare):
        at += len(sentence)
        cuts.append(origin[at] if at < len(origin) else len(block))
    cuts[-1] = len(block)
    pieces = zip(cuts, cuts[1:], strict=False)
    return [piece for start, end in pieces for piece in _pieces(text, span.start + start, span.start + end)]


def _pieces(text: str, start: int, end: int) -> Iterator[Span]:
    """Trim a sentence; cut one of unreasonable length at blanks, or anywhere when it has none."""
    while end - start > _LONGEST_SENTENCE:
        cut = text.rfind(" ", start + 1, start + _LONGEST_SENTENCE)
        cut = cut if cut > start else start + _LONGEST_SENTENCE
        piece = _trim(text, start, cut)
        if piece:
            yield piece
        start = cut
    piece = _trim(text, start, end)
    if piece:
        yield piece


def _shares(text: str, spans: list[Span], max_words: int) -> Iterator[list[Span]]:
    """Share sentences out to as few passages as fit ``max_words``, of about the same length."""
    words = [len(text[span.start : span.end].split()) for span in spans]
    share = sum(words) / max(1, -(-sum(words) // max_words))
    part: list[Span] = []
    filled = 0
    for span, count in zip(spans, words, strict=True):
        if part and (filled + count / 2 > share or filled + count > max_words):
            yield part
            part, filled = [], 0
        part.append(span)
        filled += count
    if part:
        yield part
