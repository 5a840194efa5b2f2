"""Small pieces of HTML that every page is made of; the only place where text is escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from kqa.cite import FOOTNOTE, kind_label
from kqa.types import Reference, Source

_ENTITIES = str.maketrans(
    {c: f"&#{ord(c)};" for c in "&<>\"'`{}$"}  # the last four would be live in the templates of Gradio
)
_UNSHOWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_MEANT_LINES = re.compile(r"\n[ \t\r]*\n|\n[ \t]*(?:[-*+>|]|\d{1,3}[.)])")  # blank lines, lists, quotations, tables
_LINK = re.compile(r"(?:doi:)?(10\.\d{4,9}/[^\s<>\"]+)|(https?://[^\s<>\"()]+)|\b(PMC\d{4,9})\b|\bPMID:\s?(\d{4,9})\b", re.I)


def esc(text: str) -> str:
    """Make any text inert in HTML, in attributes and in Gradio's templates; what cannot be shown becomes U+FFFD."""
    return showable(text).translate(_ENTITIES)


def showable(text: str) -> str:
    """Replace by U+FFFD what cannot stand in HTML or XML: controls and halves of surrogate pairs."""
    return _UNSHOWABLE.sub("\ufffd", text)


def verbatim(text: str, notes: Mapping[str, str]) -> str:
    """Escape the words of a document; ``notes`` holds the HTML that stands for a footnote's mark, an unknown mark vanishes."""
    parts, at = [], 0
    for mark in FOOTNOTE.finditer(text):
        parts += [esc(text[at : mark.start()]), notes.get(mark[1], "")]
        at = mark.end()
    return "".join([*parts, esc(text[at:])])


def words_class(path: str, text: str, paged: bool) -> str:
    """Return the class of a piece of a document: lines are kept where they mean something, not where a file merely wraps."""
    wraps = paged or (path.lower().endswith(".md") and not _MEANT_LINES.search(text))
    return "words" if wraps else "words lines-kept"


def badge(source: Source) -> str:
    """Return the badge of a source's kind."""
    return f'<span class="badge {source.kind}">{esc(kind_label(source))}</span>'


def notes_html(references: Sequence[Reference], prefix: str) -> dict[str, str]:
    """Map each reference to its small number, a link to its entry in the list of ``references_html``."""
    return {
        r.id: f'<sup><a href="#{prefix}{n}" data-jump="{prefix}{n}" aria-label="Source {n}">{n}</a></sup>'
        for n, r in enumerate(references, 1)
    }


def references_html(references: Sequence[Reference], prefix: str) -> str:
    """Return the numbered list of references, each with its link where it has one."""
    items = "".join(
        f'<li id="{prefix}{n}" tabindex="-1"><bdi>{esc(r.org)}</bdi> ({r.year}). <cite><bdi>{esc(r.title)}</bdi></cite>. '
        f"<bdi>{_locator(r.locator)}</bdi></li>"
        for n, r in enumerate(references, 1)
    )
    return f'<ol class="references">{items}</ol>' if items else ""


def chips(label: str, questions: Sequence[str]) -> str:
    """Return questions that can be asked with one click."""
    items = "".join(f'<li><button type="button" class="chip" data-ask="{esc(q)}">{esc(q)}</button></li>' for q in questions)
    return f'<div class="chips"><p>{label}</p><ul>{items}</ul></div>' if items else ""


def _locator(locator: str) -> str:
    """Return where a reference is found; linked only when it holds a web address, a DOI or a number of PubMed."""
    found = _LINK.search(locator)
    if not found:
        return esc(locator)
    doi, url, pmc, pmid = (part and part.rstrip(".,;") for part in found.groups())
    address = url or (
        f"https://doi.org/{doi}"
        if doi
        else f"https://pmc.ncbi.nlm.nih.gov/articles/{pmc.upper()}/"
        if pmc
        else f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/"
    )
    return f'<a href="{esc(address)}" target="_blank" rel="noopener noreferrer">{esc(locator)}</a>'
