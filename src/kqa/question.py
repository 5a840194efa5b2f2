"""A question before it is searched: cleaned, bounded, read with the one before it when it leans on that."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from kqa.errors import QuestionError
from kqa.lexical import terms, words

LONGEST = 2000  # characters of a question
_LEANS = re.compile(
    r"^(?:and|but|so|or|also|then|what about|how about|why|why not|how so|how come|since when|for how long|how long|how often"
    r"|how much|how many|when|where|who|is that|is it|are they|does it|do they|did it|can it|will it|would it|was it)\b",
    re.IGNORECASE,
)
_POINTS = frozenset(
    """
    it its that this those these they them their he she him her one ones there then either both same other
    """.split()
)
_BARE_TERMS = 2  # a question with at most so many telling words may be an ellipsis


def clean(question: str) -> str:
    """Return the question with single blanks; refuses control characters and what holds no word."""
    if not isinstance(question, str):
        raise QuestionError(f"a question is text, not {type(question).__name__}; pass a string")
    if any(unicodedata.category(c) in ("Cc", "Cs") and not c.isspace() for c in question):
        raise QuestionError("the question holds control characters; type it again as plain text")
    text = " ".join(question.split())
    if not text:
        raise QuestionError("the question is empty; type what you want to know")
    if not words(text):
        raise QuestionError("the question holds no word; say in words what you want to know")
    return text


def bounded(question: str) -> str:
    """Return the question, or refuse one that is too long to be one."""
    if len(question) > LONGEST:
        raise QuestionError(f"the question has {len(question):,} characters; ask in at most {LONGEST:,}")
    return question


def earlier_question(question: str, history: Sequence[str]) -> str | None:
    """Return the earlier question that this one leans on, or None when it stands alone.

    A question leans when it points back (it, that, they), opens like a continuation, or says too little by itself. It is
    read with the latest earlier question that stands alone.
    """
    earlier = [text for text in (" ".join(h.split()) for h in history) if words(text)]
    if not earlier or not _leans(question):
        return None
    standing = [text for text in earlier if not _leans(text)]
    return (standing or earlier)[-1][:LONGEST]


def searched(question: str, history: Sequence[str]) -> tuple[str, str | None]:
    """Return what is searched for a question, and the earlier question that it is read with, if any."""
    follows = earlier_question(question, history)
    return (f"{follows} {question}" if follows else question), follows


def _leans(question: str) -> bool:
    if _POINTS & set(words(question)):
        return True
    return len(terms(question)) <= _BARE_TERMS and bool(_LEANS.search(question))
