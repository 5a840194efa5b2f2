"""Notices as HTML: red panels of help that cannot wait, calm ones for the rest, numbers that are called with one touch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kqa.markup import esc
from kqa.types import HelpLine, Notice, Outcome

HEADINGS = {
    Outcome.CRISIS: "You do not have to go through this alone",
    Outcome.EMERGENCY: "Get help now",
    Outcome.SELF_DOSING: "No doses or ways to get it here",
}
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]*")
_SITE = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?:/[a-z0-9/-]*)?")  # may hold digits that are no number to call


def panel(notice: Notice) -> str:
    """Return a notice: red for help that cannot wait, calm for the rest."""
    urgent = notice.rule in (Outcome.CRISIS, Outcome.EMERGENCY)
    title = next((text for outcome, text in HEADINGS.items() if outcome == notice.rule), "Ask your own prescriber")
    first = [line for line in notice.lines if line.urgent] if urgent else []
    rest = [line for line in notice.lines if line not in first]
    groups = "".join(_country(name, [n for n in rest if n.country == name]) for name in dict.fromkeys(n.country for n in rest))
    listed = f'<div class="countries">{groups}</div>' if groups else ""
    look = "urgent" if urgent else "calm"
    return f'<section class="panel {look}"><h2>{title}</h2>{_at_once(first)}<p>{esc(notice.text)}</p>{listed}</section>'


def unanswered_help_html(notice: Notice) -> str:
    """Return the help that stands beside a question which could not be answered, and so could not be screened."""
    both = [line for line in notice.lines if not line.urgent and line.how == "call or text"]
    lines = "".join(f"<li>{_number(n)}<span>{esc(n.country)}, {esc(n.how)}: {esc(n.name)}</span></li>" for n in both)
    numbers = _at_once([line for line in notice.lines if line.urgent])
    return f'<p>In danger, or thinking of suicide? Do not wait for this page.</p>{numbers}<ul class="lines">{lines}</ul>'


def _at_once(lines: Sequence[HelpLine]) -> str:
    """Return the emergency numbers, to be called before anything is read."""
    items = "".join(f"<li><span>{esc(line.country)}</span> {_number(line)}</li>" for line in lines)
    return f'<ul class="at-once">{items}</ul>' if items else ""


def _country(name: str, lines: Sequence[HelpLine]) -> str:
    items = "".join(_line(line) for line in sorted(lines, key=lambda line: not line.urgent))
    return f'<div><h3>{esc(name[:1].upper() + name[1:])}</h3><ul class="lines">{items}</ul></div>'


def _line(line: HelpLine) -> str:
    return f"<li>{_number(line)}<span>{esc(line.how[:1].upper() + line.how[1:])}: {esc(line.name)}</span></li>"


def _number(line: HelpLine) -> str:
    """Return a number that is called, texted or opened with one touch."""
    address = ""
    if _PHONE.fullmatch(line.number):
        address = f"{'sms' if line.how == 'text' else 'tel'}:{re.sub(r'[^0-9+]', '', line.number)}"
    elif _SITE.fullmatch(line.number):
        address = f"https://{line.number}"
    number = esc(line.number)
    return f'<a class="call" href="{address}" rel="noreferrer">{number}</a>' if address else f"<b>{number}</b>"
