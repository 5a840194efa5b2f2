"""Help lines by country: whose come first. All the others stay, in the order of the reviewed file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kqa.errors import ConfigError, QuestionError
from kqa.rules import load_rules
from kqa.types import HelpLine, Notice

_REGION = re.compile(r"[A-Za-z]{2}|[0-9]{3}")
_REGIONS = {"US": "US", "GB": "UK", "CA": "Canada", "AU": "Australia"}
_UNION = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())


def countries() -> tuple[str, ...]:
    """Return the countries that have help lines, in the order of the reviewed file; the first is everybody's default."""
    return load_rules().countries


def known_country(name: Any) -> str | None:
    """Return a country as the reviewed file writes it, whatever its case, and None for None; raises ConfigError otherwise."""
    if name is None:
        return None
    choices = countries()
    found = next((c for c in choices if isinstance(name, str) and c.casefold() == name.strip().casefold()), None)
    if found is None:
        said = f"the country '{name[:40]}' has no help lines" if isinstance(name, str) else "a country is text"
        raise ConfigError(f"{said}; choose {', '.join(choices[:-1])} or {choices[-1]}")
    return found


def wanted_country(name: Any, default: str | None = None) -> tuple[str | None, str]:
    """Return whose lines come first, and what is wrong with a name that has none: the default's come first then."""
    try:
        return known_country(name) or default, ""
    except ConfigError as error:
        return default, str(error)


def spoken_country(languages: str) -> str | None:
    """Return whose lines come first for a browser's Accept-Language; only the region of its first language counts."""
    tags = [tag.split(";")[0].strip().split("-") for tag in languages.split(",")]
    regions = (
        part.upper() for tag in tags if tag[0].lower() == tags[0][0].lower() for part in tag[1:] if _REGION.fullmatch(part)
    )
    region = next(regions, None)
    known = (_REGIONS.get(region, "EU" if region in _UNION else "elsewhere"), "elsewhere") if region else ()
    return next((name for name in known if name in countries()), None)


def refuse_unknown(wrong: str, notices: Sequence[Notice] = ()) -> None:
    """Raise QuestionError for what is wrong with a country; but nothing stands between help lines and who needs them."""
    if wrong and not any(notice.lines for notice in notices):
        raise QuestionError(wrong)


def in_order(lines: Sequence[HelpLine], country: str | None) -> tuple[HelpLine, ...]:
    """Return all the lines, those of one country first; None leaves them as they are."""
    return tuple(sorted(lines, key=lambda line: line.country != country))
