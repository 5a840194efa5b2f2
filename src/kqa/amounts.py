"""Amounts of a drug in a text: a number with a unit that drugs are measured in."""

from __future__ import annotations

import re
import unicodedata

_NUMBER = (
    r"(?:\d[\d.,]*(?:\s*(?:-|–|to)\s*\d[\d.,]*)?"
    r"|half(?: an?)?|quarter(?: of an?)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|(?:a |one )?hundred|(?:a |one )?thousand|an?)"
)
_UNIT = (
    r"(?:mgs?|mcgs?|µgs?|μgs?|ugs?|mls?|cc|milligram(?:me)?s?|microgram(?:me)?s?|gram(?:me)?s?|(?-i:g)(?!-)|millilit(?:er|re)s?|iu|drops?"
    r"|syringes?|vials?|ampoules?)"
)
AMOUNT = re.compile(rf"(?<![\w.])(?<!\d,){_NUMBER}(?:[ \u00a0\u202f-]|(?<=\d))*{_UNIT}(?:/kg)?(?![\w])", re.IGNORECASE)
"""An amount in a text in plain letters and digits."""


def holds_amount(text: str) -> bool:
    """Whether a text states an amount of a drug: "0.5 mg/kg", "fifty milligrams", "2 ml"."""
    return bool(AMOUNT.search(unicodedata.normalize("NFKC", text)))
