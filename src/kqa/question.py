"""A question before it is searched: cleaned, bounded, read with the one before it when it leans on that."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from kqa.errors import QuestionError
from kqa.lexical import terms, words

LONGEST = 2000  # characters of a question
_GOES_ON = re.compile(r"^(?:and|but|so|or|also|then|what about|how about|what if|why not|how so|how come)\b", re.IGNORECASE)
_POINTS = frozenset(
    """
    it its that this those these they them their he she him her one ones there then either both same other
    """.split()
)
_BARE_TERMS = 2  # a question with at most so many telling words may lean on the one before


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

    A question may lean when it points back (it, that, they), opens like a continuation, or says too little by itself. The
    latest earlier question that stands alone is the one it is read with; how far, the search decides.
    """
    earlier = [text for text in (" ".join(h.split()) for h in history) if words(text)]
    if not earlier or not _leans(question, _BARE_TERMS):
        return None
    standing = [text for text in earlier if not _leans(text, 0)]
    return (standing or earlier)[-1][:LONGEST]


def _leans(question: str, bare: int) -> bool:
    return bool(_POINTS & set(words(question)) or _GOES_ON.search(question)) or len(terms(question)) <= bare
