"""A question before it is searched: cleaned, bounded, read with the one before it when it leans on that."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from kqa.errors import QuestionError
from kqa.lexical import terms, words

_UNREADABLE = ("Cc", "Cs")  # control characters and half characters
LONGEST = 2000  # characters of a question
_GOES_ON = re.compile(r"^(?:and|but|so|or|also|then|what about|how about|what if|why not|how so|how come)\b", re.IGNORECASE)
_POINTS = frozenset(
    """
    it its that this those these they them their he she him her one ones there then either both same other
    """.split()
)
_BARE_TERMS = 2  # a question with at most so many telling words may lean on the one before


def clean(question: str) -> str:
    """Return the question as a reader sees it: single blanks, no control characters; refuses what holds no word."""
    if not isinstance(question, str):
        raise QuestionError(f"a question is text, not {type(question).__name__}; pass a string")
    text = _readable(question)
    if not text:
        raise QuestionError("the question is empty; type what you want to know")
    if not words(text):
        raise QuestionError("the question holds no word; say in words what you want to know")
    return text


def bounded(question: str) -> str:
    """Return the question clean, or refuse one that is too long to be one, or not plain text.

    Asked only after the question was screened: whoever is in danger gets help whatever the question holds.
    """
    text = clean(question)
    if len(text) > LONGEST:
        raise QuestionError(f"the question has {len(text):,} characters; ask in at most {LONGEST:,}")
    if any(unicodedata.category(c) in _UNREADABLE and not c.isspace() for c in question):
        raise QuestionError("the question holds control characters; type it again as plain text")
    return text


def _readable(text: str) -> str:
    return " ".join("".join(" " if unicodedata.category(c) in _UNREADABLE else c for c in text).split())


def earlier_question(question: str, history: Sequence[str]) -> str | None:
    """Return the earlier question that this one leans on, or None when it stands alone.

    A question may lean when it points back (it, that, they), opens like a continuation, or says too little by itself. The
    latest earlier question that stands alone is the one it is read with; how far, the search decides. Asked once more, it
    does not lean on itself.
    """
    asked = words(question)
    earlier = [text for text in map(_readable, history) if words(text) not in ([], asked)]
    if not earlier or not leans(question):
        return None
    standing = [text for text in earlier if not leans(text, 0)]
    return (standing or earlier)[-1][:LONGEST]


def leans(question: str, bare: int = _BARE_TERMS) -> bool:
    """Whether a question may lean on the one before: it points back, goes on, or has at most ``bare`` telling words."""
    return bool(_POINTS & set(words(question)) or _GOES_ON.search(question)) or len(terms(question)) <= bare
