"""The nouns of kqa, frozen: what is read, what is found, what is shown.

Every place is a span of Unicode code points ``[start, end)`` into a document's decoded text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from kqa.errors import QuoteMismatch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    """Unit vectors, shape (n, dimensions)."""


class Kind(StrEnum):
    """What kind of source a document is, in the words of its front matter."""

    REFERENCE = "reference"
    REGULATOR = "regulator"
    GUIDELINE = "guideline"
    LABEL = "label"
    REVIEW = "review"
    TRIAL = "trial"
    UNSTATED = "unstated"
    CLINIC_MARKETING = "clinic-marketing"


class Outcome(StrEnum):
    """How a question ended; ``personal_advice`` is a notice on an answered question, not an outcome."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"
    EMERGENCY = "emergency"
    CRISIS = "crisis"
    SELF_DOSING = "self_dosing"


class ReaderVerdict(StrEnum):
    """What a reader says of a passage that was quoted for a question."""

    ANSWERS = "answers"
    PART = "part"
    WRONG = "wrong"
    HARMFUL = "harmful"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Code points ``[start, end)`` of a document's text."""

    start: int
    end: int

    def covers(self, other: Span) -> bool:
        """Whether more than half of another span lies in this one."""
        common = min(self.end, other.end) - max(self.start, other.start)
        return common * 2 > other.end - other.start


@dataclass(frozen=True, slots=True)
class Reference:
    """A primary source that a document names: who said it, where to find it."""

    id: str
    org: str
    title: str
    year: int
    evidence: str
    locator: str


@dataclass(frozen=True, slots=True)
class Source:
    """Who published a document, when, of what kind; ``restates`` names the article that it puts into other words.

    ``date`` is the day of its last review where ``reviewed``, else of its publication.
    """

    title: str
    kind: Kind = Kind.UNSTATED
    publisher: str = ""
    date: str = ""
    jurisdiction: str = ""
    url: str | None = None
    restates: str | None = None
    reviewed: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the corpus: its path below the corpus folder, its text and the SHA-256 of its bytes.

    ``pages`` holds the offset at which each page starts (empty where there are none); ``asks`` the questions
    that a section, named by its heading's slug, answers: found with, never shown as quotes. ``headings`` are those that the
    format declares, None where they are told by their looks or by Markdown.
    """

    path: str
    text: str
    sha256: str
    source: Source
    body: int = 0
    references: tuple[Reference, ...] = ()
    asks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pages: tuple[int, ...] = ()
    headings: tuple[Span, ...] | None = None

    def cut(self, span: Span, section: str = "", answer: Span | None = None, hit: Hit | None = None) -> Quote:
        """Cut a quote out of this document: the only way to make one."""
        if not 0 <= span.start < span.end <= len(self.text):
            raise QuoteMismatch(f"{self.path} has no text at [{span.start}, {span.end}); rebuild with: kqa build")
        text = self.text[span.start : span.end]
        cited = tuple(r for r in self.references if f"[^{r.id}]" in text)
        page = sum(start <= span.start for start in self.pages) or None
        return Quote(text, Citation(self.path, self.sha256, span, page, section, self.source, cited), answer or span, hit)


@dataclass(frozen=True, slots=True)
class Passage:
    """What is indexed and quoted: a span of a document, its section's heading and its sentences as spans."""

    number: int
    document: str
    start: int
    end: int
    section: str
    sentences: tuple[Span, ...]

    @property
    def span(self) -> Span:
        """The passage's place in its document."""
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where one retriever ranked a passage (from 1) and with which score."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found: its fused score, what each retriever said of it, and its best sentence."""

    passage: Passage
    score: float
    evidence: Mapping[str, Evidence]
    answer: Span


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a quote stands, and who says it."""

    document: str
    sha256: str
    span: Span
    page: int | None
    section: str
    source: Source
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """Words cut from a document by ``Document.cut``; ``answer`` is the span of the sentence in it that answers."""

    text: str
    citation: Citation
    answer: Span
    hit: Hit | None = None

    @property
    def answer_text(self) -> str:
        """The answering sentence, cut from the quote."""
        at = self.citation.span.start
        return self.text[self.answer.start - at : self.answer.end - at]


@dataclass(frozen=True, slots=True)
class HelpLine:
    """Where to get help: a number to call or text, for which country, and who answers."""

    country: str
    name: str
    number: str
    how: str
    urgent: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A fixed message from the reviewed rules file, by the rule's name, with the help lines that belong to it."""

    rule: str
    text: str
    lines: tuple[HelpLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two quotes that contradict each other, the better supported first; ``better_supported`` is 1, or 0 for neither."""

    topic: str
    sides: tuple[Quote, Quote]
    better_supported: int
    why: str


class Gathering(StrEnum):
    """What a question asks to see together."""

    DURATIONS = "durations"
    NUMBERS = "numbers"
    EXCLUSIONS = "exclusions"


@dataclass(frozen=True, slots=True)
class Gathered:
    """The sentences, nearest first, that hold what a question asks to see together."""

    what: Gathering
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Quotes and notices, and no other words but the asker's own.

    ``follows`` is the earlier question that this one was read with; ``closest`` are passages shown with an
    abstention, labelled as not answering; ``gathered`` are single sentences, also of passages beyond the first k.
    """

    question: str
    outcome: Outcome
    confidence: float
    notices: tuple[Notice, ...]
    quotes: tuple[Quote, ...]
    disagreements: tuple[Disagreement, ...]
    unsupported: tuple[str, ...]
    manifest: str
    follows: str | None = None
    closest: tuple[Quote, ...] = ()
    gathered: Gathered | None = None


class Encoder(Protocol):
    """Text to unit vectors."""

    identity: str
    """Names the weights and every setting that changes what ``encode`` returns."""
    dimensions: int

    def knows(self, word: str) -> bool:
        """Whether a lower-case word is one of the encoder's own, so no misspelling."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector for each text, shape (len(texts), dimensions)."""
        ...

    def encode_query(self, text: str) -> Vectors:
        """Return the unit vector of what is asked, shape (dimensions,); it may be less exact than ``encode``, and sooner."""
        ...
