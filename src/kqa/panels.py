"""Notices as HTML: red panels of help that cannot wait, calm ones for the rest, numbers that are called with one touch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kqa.countries import countries, in_order
from kqa.markup import esc
from kqa.types import HelpLine, Notice, Outcome

HEADINGS = {
    Outcome.CRISIS: "You do not have to go through this alone",
    Outcome.EMERGENCY: "Get help now",
    Outcome.SELF_DOSING: "No doses or ways to get it here",
}
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]*")
_SITE = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?:/[a-z0-9/-]*)?")  # may hold digits that are no number to call


def panel(notice: Notice, country: str | None = None, *, live: bool = False) -> str:
    """Return a notice: red for help that cannot wait, calm for the rest; the numbers of one country come first.

    Emergency numbers are never folded, whatever the country: who is in danger abroad need not open anything. ``live`` folds
    the other lines of other countries, and lets another country be chosen, which needs the page's script.
    """
    title = next((text for outcome, text in HEADINGS.items() if outcome == notice.rule), "Ask your own prescriber")
    words, at_once, lead, others = f"<p>{esc(notice.text)}</p>", "", "", ""
    if notice.lines:
        at_once = _at_once(notice.lines, country)
        lead, others = _by_country(notice.lines, country, folded=live)
        lead = _choice(country, live) + lead
    urgent: dict[str, Sequence[str]] = {
        Outcome.CRISIS: (at_once, lead, words, others),  # people who listen are the help
        Outcome.EMERGENCY: (at_once, words, lead, others),  # what to do comes before who else to call
    }
    parts = urgent.get(notice.rule, (words, at_once, lead, others))
    look = "urgent" if notice.rule in urgent else "calm"
    return f'<section class="panel {look}"><h2>{title}</h2>{"".join(parts)}</section>'


def unanswered_help_html(notice: Notice, country: str | None = None) -> str:
    """Return the help that stands beside a question which could not be answered, and so could not be screened."""
    lead, others = _by_country(notice.lines, country, folded=True)
    numbers = _at_once(notice.lines, country) + lead + others
    return f"<p>In danger, or thinking of suicide? Do not wait for this page.</p>{numbers}"


def country_options(country: str | None) -> str:
    """Return the countries as options of a select, one of them selected."""
    chosen = country or countries()[0]
    return "".join(
        f'<option value="{esc(name)}"{" selected" if name == chosen else ""}>{_titled(name)}</option>' for name in countries()
    )


def _choice(country: str | None, live: bool) -> str:
    """Say whose numbers come first, and let the reader change it where a script can."""
    if not live:
        return f'<p class="first-country">Numbers for <b>{_titled(country or countries()[0])}</b> come first.</p>'
    label = f"<label>Numbers for <select data-first>{country_options(country)}</select></label>"
    return f'<p class="first-country">{label} <span>come first.</span></p>'


def _at_once(lines: Sequence[HelpLine], country: str | None) -> str:
    """Return the emergency numbers of all countries, to be called before anything is read."""
    urgent = in_order([line for line in lines if line.urgent], country)
    items = "".join(
        f'<li data-country="{esc(line.country)}"><span>{esc(line.country)}</span> {_number(line)}</li>' for line in urgent
    )
    return f'<ul class="at-once">{items}</ul>' if items else ""


def _by_country(lines: Sequence[HelpLine], country: str | None, *, folded: bool) -> tuple[str, str]:
    """Return the lines that are not at once: those of one country, then the others by country, in the usual order."""
    names = dict.fromkeys((*countries(), *(line.country for line in lines)))
    first = country or next(iter(names))
    lead, *others = (_country(name, lines) for name in sorted(names, key=lambda name: name != first))
    state = "" if folded else " open"
    listed = f'<summary>Other countries</summary><div class="countries">{"".join(others)}</div>'
    return f'<div class="lead">{lead}</div>', f'<details class="others"{state}>{listed}</details>'


def _country(name: str, lines: Sequence[HelpLine]) -> str:
    """Return the lines of a country; one without any says so, should it be the one that is shown first."""
    own = [line for line in lines if line.country == name]
    items = "".join(_line(line) for line in own if not line.urgent)
    bare = (
        "No other line stands here; the emergency number is above."
        if own
        else "No line stands here; in an emergency, call your local number."
    )
    listed = f'<ul class="lines">{items}</ul>' if items else f'<p class="bare">{bare}</p>'
    return f'<div data-country="{esc(name)}"><h3>{_titled(name)}</h3>{listed}</div>'


def _titled(name: str) -> str:
    return esc(name[:1].upper() + name[1:])


def _line(line: HelpLine) -> str:
    return f"<li>{_number(line)}<span>{esc(line.how[:1].upper() + line.how[1:])}: {esc(line.name)}</span></li>"


def _number(line: HelpLine) -> str:
    """Return a number that is called, texted or opened with one touch."""
    number = esc(line.number)
    name = f'aria-label="{number}, {"emergency" if line.urgent else esc(line.how)}, {esc(line.country)}"'
    if _PHONE.fullmatch(line.number):
        scheme = "sms" if line.how == "text" else "tel"
        return f'<a class="call" href="{scheme}:{re.sub(r"[^0-9+]", "", line.number)}" {name}>{number}</a>'
    if _SITE.fullmatch(line.number):  # beside this page: the numbers stay in sight
        return f'<a class="call" href="https://{line.number}" target="_blank" rel="noopener noreferrer" {name}>{number}</a>'
    return f"<b>{number}</b>"
