"""The page about this site: who wrote what is searched, what kqa does and cannot do, what is sent and what is kept."""

from __future__ import annotations

from kqa.catalogue import Catalogue
from kqa.cite import kind_meaning
from kqa.markup import badge, esc
from kqa.panels import unanswered_help_html
from kqa.rules import load_rules
from kqa.sheets import page_html

_DOES = (
    "It finds the passages that fit your question and shows them word for word, each with its source.",
    "It writes no sentence of its own. No language model runs here.",
    "When sources contradict each other, it shows both sides.",
    "When a question sounds like danger, it shows where to find help before anything else.",
)
_CANNOT = (
    "It gives no medical advice. It does not know you, and cannot say what is right for you.",
    "It knows only the documents listed on the first page. What they leave out, it cannot tell.",
    "It can pick the wrong passage. Read the words, not the rank.",
    "It can miss that somebody is in danger. Do not rely on it for that.",
)
_HOW = (
    "For each question kqa works out how sure it is that a passage here answers it.",
    "If it is not sure enough, it says that no source here answers, and shows no answer.",
    "It can be wrong both ways: it may hold back an answer, or show passages that do not answer.",
)
_VERIFY = (
    "Press “Verify” on a passage. The server holds it against its document and says in numbers what it compared.",
    "Press “Open in document” and read the words in their place.",
    "Press “Copy as JSON”, and run <code>kqa verify</code> on your own copy of the documents.",
)


def about_html(css: str, catalogue: Catalogue, country: str | None = None, *, judged: bool = False) -> str:
    """Return the page; the help lines of ``country`` come first, ``judged`` says that readers' judgments are kept."""
    help_lines = unanswered_help_html(load_rules().notices["crisis"], country)
    inner = (
        '<article class="how-well"><h2>About and privacy</h2>'
        f'<section class="panel urgent">{help_lines}</section>{_wrote(catalogue)}'
        f"<h3>What kqa does</h3>{_list(_DOES)}<h3>What it does not do</h3>{_list(_CANNOT)}"
        f'<h3>How sure it is</h3><p>{" ".join(_HOW)} <a href="how-well">How well does this work?</a></p>'
        f"<h3>How to check a quote</h3>{_list(_VERIFY)}<h3>Privacy</h3>{_list(_privacy(judged))}"
        "<h3>Licence</h3><p>kqa is free software under the Apache License 2.0. The sources that a document names belong to "
        "those who published them.</p>"
        '<p><a href="./">Ask a question</a> · <a href="plain">Ask without JavaScript</a></p></article>'
    )
    return page_html("About and privacy", css, inner)


def _wrote(catalogue: Catalogue) -> str:
    """Return the kinds of sources with how many documents each has, and who published them."""
    kinds = "".join(
        f"<li><b>{group.count:,}</b> {badge(group.source)} {esc(kind_meaning(group.source))}</li>" for group in catalogue.groups
    )
    shown = ", ".join(f"<bdi>{esc(name)}</bdi> ({count:,})" for name, count in catalogue.publishers)
    more = f" and {catalogue.unnamed:,} more" if catalogue.unnamed else ""
    published = f"<p>Published by: {shown}{more}.</p>" if shown else ""
    return f"<h3>Who wrote what is searched</h3><ul>{kinds}</ul>{published}"


def _privacy(judged: bool) -> tuple[str, ...]:
    kept = (
        "Kept: only what you send with a button under “Judge this passage”, which first says what that is. Nothing else."
        if judged
        else "Kept: nothing. Your question is answered and forgotten."
    )
    return (
        "Sent to the server of this page: your question with the earlier ones of your conversation, and which passage you open "
        "or verify. Nothing goes to anybody else.",
        kept,
        "There is no log of questions. Nothing else of a question, an answer or an address goes into a log, a count, a file or "
        "a crash report.",
        "There are no cookies, and nothing is stored in your browser.",
        "While you type, nothing is sent: the suggested questions came with the page.",
        "Your browser's own history holds the questions you ask here, but none that was answered with help lines.",
    )


def _list(lines: tuple[str, ...]) -> str:
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"
