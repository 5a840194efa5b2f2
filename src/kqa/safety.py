"""Questions that need help before an answer: what the reviewed phrases and the triage of messages make of them.

The same question always gets the same referral, offline and in a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kqa.question import leans
from kqa.rules import OUTCOMES, STANDING, Rule, load_rules
from kqa.types import Notice, Outcome

if TYPE_CHECKING:
    from kqa.triage import Triage, Weights

URGENT = 0.12
"""Probability of needing help from which the triage alone refers; chosen for misses first, see training/README.md."""
DOSING = 0.5
"""The same where it is most likely a question of doses, which puts nobody in danger while it is asked."""
ELSEWHERE = 0.7
"""The same for a message that has no word of the page's subject: a letter on some other illness, most likely."""
TOGETHER = 0.6
"""The same for two messages read as one."""
ASSENT = 0.08
"""Probability of needing help below which the triage silences a phrase: it read the whole message, the phrase a part."""
_DOSES = 0.3  # probability of a question about doses from which an urgent one shows no sources
_TRIAGE = "triage"
_ORDER = list(OUTCOMES)
_TURNS = 4  # how many earlier questions a follow-up can lean on, one through the next


@dataclass(frozen=True, slots=True)
class Referral:
    """What a question needs before an answer: ``outcome`` stops it, ``notice`` is shown, ``rule`` fired, ``doses`` asked.

    ``rule`` is the reviewed rule's id, or ``triage``.
    """

    outcome: Outcome | None = None
    notice: Notice | None = None
    rule: str | None = None
    doses: bool = False


def screen(question: str, history: Sequence[str] = (), triage: Triage | None = None) -> Referral:
    """Return what a question needs before it is answered; ``history`` holds the earlier questions, oldest first."""
    turns = history[-_TURNS:]
    phrase = load_rules().fired(question)
    found = _stop(question, turns, triage, phrase) or _advice(question, turns, phrase)
    if found is None:
        return Referral()
    name, rule = found
    urgent = name in (Outcome.EMERGENCY, Outcome.CRISIS)
    doses = name == Outcome.SELF_DOSING or (urgent and any(_asks_doses(text, triage) for text in (question, *turns)))
    return Referral(OUTCOMES[name], load_rules().notices[name], rule, doses)


def unreferred(history: Sequence[str], triage: Triage | None = None) -> list[str]:
    """Return the latest earlier questions that were not referred: what a later one may be read with and repeat."""
    first = max(0, len(history) - 2 * _TURNS)
    return [text for at, text in enumerate(history) if at >= first and not screen(text, history[:at], triage).outcome]


def standing_notice() -> Notice:
    """Return the notice that stands beside every answer."""
    return load_rules().notices[STANDING]


def _stop(question: str, history: Sequence[str], triage: Triage | None, phrase: Rule | None) -> tuple[str, str] | None:
    """Return the outcome that stops a question, alone or as a follow-up to the one before it, and what said so.

    ``phrase`` is the rule that fires on the question.
    """
    own = _alone(question, triage, phrase)
    if own or not history:
        return own
    rules, earlier = load_rules(), history[-1]
    said = rules.fired(earlier)
    if rules.goes_on(question) and (before := _stop(earlier, history[:-1], triage, said)):
        return before
    if (rule := rules.joined(earlier, question)) and OUTCOMES[rule.outcome]:
        return rule.outcome, rule.id
    if triage and leans(question) and not _alone(earlier, triage, said):
        return _triaged(triage.weigh(rules.plain(f"{earlier} {question}")), TOGETHER)
    return None


def _alone(question: str, triage: Triage | None, rule: Rule | None) -> tuple[str, str] | None:
    phrase = (rule.outcome, rule.id) if rule and OUTCOMES[rule.outcome] else None
    if triage is None:
        return phrase
    rules = load_rules()
    weights = triage.weigh(rules.plain(question))
    certain = URGENT if rules.names_subject(question) else ELSEWHERE
    found = [phrase if 1 - weights[None] >= ASSENT else None, _triaged(weights, certain)]
    return min((each for each in found if each), key=lambda each: _ORDER.index(each[0]), default=None)


def _triaged(weights: Weights, certain: float) -> tuple[str, str] | None:
    likeliest = max((outcome for outcome in weights if outcome), key=lambda outcome: weights[outcome])
    least = max(certain, DOSING) if likeliest is Outcome.SELF_DOSING else certain
    return (likeliest.value, _TRIAGE) if 1 - weights[None] >= least else None


def _advice(question: str, history: Sequence[str], phrase: Rule | None) -> tuple[str, str] | None:
    rules = load_rules()
    if phrase and OUTCOMES[phrase.outcome]:  # the triage silenced it, and with it nothing else
        said = rules.sentences(question)
        phrase = next((rule for rule in rules.rules if not OUTCOMES[rule.outcome] and rule.fires(said)), None)
    rule = phrase or (rules.joined(history[-1], question) if history else None)
    return (rule.outcome, rule.id) if rule and not OUTCOMES[rule.outcome] else None


def _asks_doses(text: str, triage: Triage | None) -> bool:
    rules = load_rules()
    said = rules.sentences(text)
    spoken = rules.asks_amounts(text) or any(rule.outcome == Outcome.SELF_DOSING and rule.fires(said) for rule in rules.rules)
    return spoken or (triage is not None and triage.weigh(rules.plain(text))[Outcome.SELF_DOSING] >= _DOSES)
