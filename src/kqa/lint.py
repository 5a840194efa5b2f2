"""Hold a corpus folder against its own rules: each breach with its line, and the corpus in numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from functools import partial
from pathlib import Path

from kqa.amounts import AMOUNT
from kqa.cite import FOOTNOTE
from kqa.config import Config
from kqa.copies import EXEMPT, Runs, bare_words, copies, read_texts, runs_of
from kqa.errors import RulesError
from kqa.folder import TABLE
from kqa.intake import take_in
from kqa.passages import plain, slug, split
from kqa.readability import reading_age, spoken
from kqa.trust import read_contradictions
from kqa.types import Document, Kind, Passage, Span

OLDEST_READER = 16  # years: a reference article that asks for more schooling than this is too hard
FEWEST_QUESTIONS = 4  # listed for each section of a reference article
LONGEST_TERM = 4  # words: a listed question of more words is no term, which must be the document's own
_SHOWN = 60  # characters of a text repeated in a message

_REFERENCE_TITLE = re.compile(r"""(?:[{,]|\n[ \t])\s*title:\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,}\r\n]*)""")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A breach of a rule: the document's path below the corpus folder, the line in that file, counted from 1."""

    document: str
    line: int
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Statistics:
    """A corpus in numbers; reading ages in years, of the reference articles alone, 0 where there are none.

    ``compared`` counts the texts of somebody else's that the documents were held against.
    """

    documents: int
    reference_articles: int
    words: int
    sentences: int
    sourced_sentences: int
    references: int
    listed_questions: int
    reading_age_mean: float
    reading_age_worst: float
    reading_age_worst_document: str
    compared: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a corpus breaks, in the order of its files and lines, and what it holds."""

    findings: tuple[Finding, ...]
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class _Read:
    """A document with what may be quoted of it; ``sentences`` are those that tease too."""

    document: Document
    passages: tuple[Passage, ...]
    sentences: tuple[Span, ...]

    def said(self, span: Span) -> str:
        return self.document.text[span.start : span.end]


_Breach = tuple[int, str]  # where in the document's text it starts, and what is wrong
_Rule = Callable[[_Read], Iterator[_Breach]]


def lint(corpus: Path, against: Path | None = None) -> Report:
    """Hold every document of a corpus against the rules, and against the texts of a folder where that is there.

    Raises CorpusError for a corpus that ``kqa build`` refuses as a whole, and where pyphen is missing.
    """
    intake = take_in(corpus)
    documents = intake.documents
    read = [_read(document) for document in documents]
    texts = read_texts(against) if against and against.is_dir() else {}
    rules: dict[str, _Rule] = {
        "no-source": _no_source,
        "dead-footnote": _dead_footnote,
        "duplicate": partial(_duplicate, first=_first_places(read)),
        "no-date": _no_date,
        "copied": partial(_copied, runs=runs_of(texts)),
        "reading-age": _too_hard,
        "amount": _amount,
        "asks": partial(_asks, heard=[(p.document, _heard(one.said(p.span))) for one in read for p in one.passages]),
    }
    findings = [
        Finding(one.document.path, _line(one.document, start), name, message)
        for one in read
        for name, rule in rules.items()
        for start, message in rule(one)
    ]
    findings += [Finding(path, 1, "refused", reason) for path, reason in intake.refused.items()]
    return Report(tuple(sorted(findings + _lost_spans(corpus, documents))), _statistics(read, len(texts)))


def to_table(report: Report) -> str:
    """Return a line for each finding, ``document:line: rule: message``, and the statistics in two columns."""
    lines = [f"{found.document}:{found.line}: {found.rule}: {found.message}" for found in report.findings]
    rows = {field.name.replace("_", " "): getattr(report.statistics, field.name) for field in fields(Statistics)}
    width = max(map(len, rows)) + 2
    return "".join(f"{line}\n" for line in [*lines, *(f"{name:<{width}}{value}".rstrip() for name, value in rows.items())])


def to_json(report: Report) -> str:
    """Return a report as JSON with sorted keys: the same corpus, the same bytes."""
    return json.dumps(asdict(report), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _read(document: Document) -> _Read:
    passages, _ = split(document, Config())
    return _Read(document, tuple(passages), tuple(span for passage in passages for span in _all_sentences(document, passage)))


def _all_sentences(document: Document, passage: Passage) -> Iterator[Span]:
    """Yield a passage's sentences in order, and what stands between them: a teaser is quoted along with the others."""
    at = passage.start
    for span in (*passage.sentences, Span(passage.end, passage.end)):
        if re.search(r"\w", document.text[at : span.start]):
            lead = re.match(r"\s*", document.text[at : span.start])
            yield Span(at + (lead.end() if lead else 0), span.start)
        if span.start < span.end:
            yield span
        at = span.end


def _line(document: Document, start: int) -> int:
    return document.text.count("\n", 0, start) + 1


def _short(text: str) -> str:
    words = " ".join(text.split())
    return f"“{words if len(words) <= _SHOWN else words[: _SHOWN - 1] + '…'}”"


def _key(document: Document, below: str, name: str = "") -> int:
    """Return where a setting of the front matter stands, or an entry below it; the start where it is written otherwise."""
    setting = re.compile(rf"^{below}\s*:", re.MULTILINE).search(document.text, 0, document.body)
    entry = re.compile(rf"^[ \t]+[\"']?{re.escape(name)}[\"']?\s*:", re.MULTILINE)
    found = entry.search(document.text, setting.end(), document.body) if setting and name else setting
    return found.start() if found else 0


def _no_source(read: _Read) -> Iterator[_Breach]:
    if read.document.source.kind is Kind.REFERENCE:
        for span in read.sentences:
            if not FOOTNOTE.search(read.said(span)):
                yield span.start, f"{_short(read.said(span))} has no source; put its footnote behind the full stop"


def _dead_footnote(read: _Read) -> Iterator[_Breach]:
    document = read.document
    used: dict[str, int] = {}
    for mark in FOOTNOTE.finditer(document.text, document.body):
        used.setdefault(mark[1], mark.start())
    known = {reference.id for reference in document.references}
    for name in used.keys() - known:
        yield used[name], f"[^{name}] is no reference of this document; add it to the front matter or correct its name"
    for name in known - used.keys():
        yield _key(document, "references", name), f"no sentence uses the reference {name}; cite it or take it out"


def _first_places(read: Sequence[_Read]) -> dict[str, tuple[Document, Span]]:
    first: dict[str, tuple[Document, Span]] = {}
    for one in read:
        for span in one.sentences:
            first.setdefault(plain(one.said(span)).casefold(), (one.document, span))
    return first


def _duplicate(read: _Read, first: Mapping[str, tuple[Document, Span]]) -> Iterator[_Breach]:
    for span in read.sentences:
        document, earlier = first[plain(read.said(span)).casefold()]
        if (document, earlier) != (read.document, span):
            where = f"{document.path}:{_line(document, earlier.start)}"
            yield span.start, f"{_short(read.said(span))} stands in {where} already; say it once, or in other words"


def _no_date(read: _Read) -> Iterator[_Breach]:
    document, when = read.document, read.document.source.date
    if document.body and not when:
        yield 0, "the front matter has no date; add “reviewed: YYYY-MM-DD”, or “date: YYYY-MM-DD” of its publication"
    elif document.body and not _is_iso_date(when):
        key = _key(document, "reviewed") or _key(document, "date")
        yield key, f"“{when}” is no date; write it as YYYY-MM-DD"


def _is_iso_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _copied(read: _Read, runs: Runs) -> Iterator[_Breach]:
    text, body = read.document.text, read.document.body
    front = _REFERENCE_TITLE.sub(lambda title: EXEMPT * len(title[0]), text[:body])
    for copy in copies(front + _blank_footnotes(text[body:]), runs):
        what = _short(text[copy.start : copy.end])
        yield copy.start, f"{copy.words} words as in {copy.source}, {what}; say it in other words"


def _blank_footnotes(text: str) -> str:
    return FOOTNOTE.sub(lambda mark: " " * len(mark[0]), text)


def _too_hard(read: _Read) -> Iterator[_Breach]:
    if read.document.source.kind is Kind.REFERENCE and (age := _age(read)) > OLDEST_READER:
        yield read.document.body, f"reading age {age} years, above {OLDEST_READER}; use shorter sentences and plainer words"


def _age(read: _Read) -> float:
    return round(reading_age([plain(read.said(span)) for span in read.sentences]), 2)


def _amount(read: _Read) -> Iterator[_Breach]:
    for amount in AMOUNT.finditer(_blank_footnotes(read.document.text[read.document.body :])):
        yield read.document.body + amount.start(), f"“{amount[0]}” is an amount of a drug; leave it out"


def _heard(text: str) -> str:
    return f" {' '.join(bare_words(plain(text)))} "


def _asks(read: _Read, heard: Sequence[tuple[str, str]]) -> Iterator[_Breach]:
    document = read.document
    sections = {slug(passage.section): passage for passage in reversed(read.passages) if passage.section}
    for name, passage in sections.items() if document.source.kind is Kind.REFERENCE else ():
        count = len({_heard(question) for question in document.asks.get(name, ())})
        if count < FEWEST_QUESTIONS:
            start = _key(document, "asks", name) if name in document.asks else passage.start
            yield start, f"“{name}” lists {count} questions; list at least {FEWEST_QUESTIONS} under asks"
    for name, questions in document.asks.items():
        for question in (q for q in questions if len(_heard(q).split()) > LONGEST_TERM):
            where = next((path for path, words in heard if _heard(question) in words), None)
            if where:
                key = _key(document, "asks", name)
                start = document.text.find(question, key, document.body)
                yield max(key, start), f"“{question}” stands word for word in {where}; ask it in other words"


def _lost_spans(corpus: Path, documents: Sequence[Document]) -> list[Finding]:
    """Return the first entry of the table of disagreements that does not hold."""
    try:
        read_contradictions(corpus, documents)
    except RulesError as error:
        message = str(error).removeprefix(str(corpus / TABLE)).strip(", ")
        place = re.match(r"line (\d+)(?:, column \d+)?: ", message)
        return [
            Finding(TABLE, int(place[1]), "lost-span", message[place.end() :])
            if place
            else Finding(TABLE, 1, "lost-span", message)
        ]
    return []


def _statistics(read: Sequence[_Read], compared: int) -> Statistics:
    ages = {one.document.path: _age(one) for one in read if one.document.source.kind is Kind.REFERENCE}
    said = [one.said(span) for one in read for span in one.sentences]
    worst = max(ages, key=lambda path: ages[path], default="")
    return Statistics(
        documents=len(read),
        reference_articles=len(ages),
        words=sum(len(spoken(plain(sentence))) for sentence in said),
        sentences=len(said),
        sourced_sentences=sum(bool(FOOTNOTE.search(sentence)) for sentence in said),
        references=sum(len(one.document.references) for one in read),
        listed_questions=sum(len(questions) for one in read for questions in one.document.asks.values()),
        reading_age_mean=round(sum(ages.values()) / len(ages), 2) if ages else 0.0,
        reading_age_worst=ages.get(worst, 0.0),
        reading_age_worst_document=worst,
        compared=compared,
    )
