"""Questions that need help before an answer.

Everything here is plain text matching: the same question always gets the same referral, offline and well under a
millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kqa.rules import OUTCOMES, STANDING, load_rules
from kqa.types import Notice, Outcome

_DOSES = "self_dosing"
_TURNS = 4  # how many earlier questions a follow-up can lean on, one through the next


@dataclass(frozen=True, slots=True)
class Referral:
    """What a question needs before an answer: ``outcome`` stops it, ``notice`` is shown, ``rule`` fired, ``doses`` asked."""

    outcome: Outcome | None = None
    notice: Notice | None = None
    rule: str | None = None
    doses: bool = False


def screen(question: str, history: Sequence[str] = ()) -> Referral:
    """Return what a question needs before it is answered; ``history`` holds the earlier questions, oldest first."""
    rules, turns = load_rules(), history[-_TURNS:]
    if not (rule := rules.fired(question, turns)):
        return Referral()
    doses = any(r.outcome == _DOSES and r.fires(rules.sentences(text)) for r in rules.rules for text in (question, *turns))
    return Referral(OUTCOMES[rule.outcome], rules.notices[rule.outcome], rule.id, doses or rule.outcome == _DOSES)


def standing_notice() -> Notice:
    """Return the notice that stands beside every answer."""
    return load_rules().notices[STANDING]
