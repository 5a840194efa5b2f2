"""The Gradio page: one question box, one place for answers."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kqa.about import about_html
from kqa.access import Access
from kqa.admission import Admission
from kqa.answer import ask
from kqa.cards import kept_html
from kqa.compared import compared_html
from kqa.countries import countries
from kqa.errors import KqaError, LimitError, QuestionError
from kqa.feedback import judgment_of, keep
from kqa.guard import guarded
from kqa.howwell import Record, how_well_html
from kqa.html import sources_html, turn_html
from kqa.index import Index
from kqa.limits import THREADS, Rate
from kqa.markup import esc
from kqa.panels import unanswered_help_html
from kqa.records import passages_of
from kqa.routes import checked_question, css, refused, told
from kqa.rules import load_rules
from kqa.serving import Served, Serving
from kqa.sheets import HEADER, NOTE, document_html, home_html
from kqa.suggest import completions, nearest, offers, related, starters
from kqa.trust import disagreements
from kqa.types import Outcome, Span

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

_HERE = Path(__file__).parent
_SCRIPTS = ("page", "suggest", "passage", "find")  # each with its style; the first is what the others build on
_SESSIONS = 50  # that Gradio remembers; they hold nothing here, and strangers can name any number
_log = logging.getLogger(__name__)
Reply = dict[str, Any]
"""What the page's script gets: ``html``, or ``error`` for people, ``final`` when asking again would not help."""


def build_app(
    index: Index, record: Record | None = None, feedback: Path | None = None, country: str | None = None, *,
    corpus: Path | None = None, access: Access | None = None,
) -> FastAPI:  # fmt: skip
    """Put the page behind its guard: with its last evaluation, file of judgments, country, and who may come how often.

    Quotes are verified against the index and, where it is named, the folder ``corpus``. ``state.serving`` of the result lets
    another index answer.
    """
    access = access or Access()
    judged = feedback is not None
    serving = serving_of(index, record, country, judged=judged)
    admission = Admission(Rate(access.rate), None, serving.metrics)
    page = build_page(serving, feedback, country, corpus=corpus, admission=admission)
    app = guarded(page, serving, launch_settings(judged=judged), country, access=access, admission=admission)
    app.state.serving = serving
    return app


def serving_of(index: Index, record: Record | None = None, country: str | None = None, *, judged: bool = False) -> Serving:
    """Serve an index, and those that come after it, with their pages; ``judged`` where readers may judge passages."""

    def prepare(index: Index) -> Served:
        def made(held: Index) -> Served:
            examples = starters(held)
            how_well, style, listed = how_well_html(css(), record, held.manifest), css(), held.catalogue
            pages = {
                "/how-well": lambda _: how_well,
                "/about": lambda spoken: about_html(style, listed, spoken or country, judged=judged),
            }
            return Served(index, examples, offers(held), _stage(held, examples, country), pages)

        return index.consistently(made)

    return Serving(index, prepare)


def build_page(
    serving: Serving, feedback: Path | None = None, country: str | None = None,
    *, corpus: Path | None = None, admission: Admission | None = None,
) -> gr.Blocks:  # fmt: skip
    """Build the page over what is served; who opens it later gets it over what is served then.

    Where ``feedback`` names a file, readers may judge passages; the help lines of ``country`` come first. Quotes are
    verified against the index and, where it is named, the folder ``corpus``. ``admission`` is the server's, which the page
    shares with the other routes.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # the import itself calls out
    import gradio as gr

    page: gr.Blocks
    with gr.Blocks(title="Ketamine therapy: what the sources say", analytics_enabled=False, fill_width=True) as page:
        page.state_session_capacity, page.max_threads = _SESSIONS, THREADS
        gr.HTML(HEADER, apply_default_css=False, js_on_load=None)
        box = gr.Textbox(
            label="Your question", placeholder=_placeholder(serving.now), max_lines=6,
            elem_id="question", min_width=0, lines=1,
            html_attributes=gr.InputHTMLAttributes(autocomplete="off"),  # or a reload may bring a question back
        )  # fmt: skip
        stage = gr.HTML(
            serving.now.stage, elem_id="stage", apply_default_css=False,
            js_on_load=_own("js", feedback is not None),
            server_functions=server_functions(serving, feedback, country, corpus=corpus, admission=admission),
        )  # fmt: skip
        asking = "question => window.kqa.ask(question)"
        box.submit(None, box, js=asking, queue=False, api_visibility="private")

    def renew(served: Served) -> None:
        stage.value, box.placeholder = served.stage, _placeholder(served)
        page.config = page.get_config_file()  # what Gradio sends to who opens the page; the parts keep their numbers

    serving.tell(renew)
    return page


def _placeholder(served: Served) -> str:
    return min(served.examples, key=len, default="")


def launch_settings(*, judged: bool = False) -> dict[str, Any]:
    """Return the settings of Gradio that keep everything on this machine and its own furniture off the page."""
    import gradio as gr

    sans = ["system-ui", "sans-serif"]
    return {
        "theme": gr.themes.Base(font=sans, font_mono=["ui-monospace", "monospace"]),
        "head": f"<style>{_own('css', judged)}</style>",
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
        "max_file_size": "1kb",
        "show_error": False,
    }


def server_functions(
    serving: Serving, feedback: Path | None = None, country: str | None = None,
    *, corpus: Path | None = None, admission: Admission | None = None,
) -> list[Callable[[Any], Reply]]:  # fmt: skip
    """Return what the page's script calls; each takes one object, trusts nothing in it and shares nothing with another call.

    Only where ``feedback`` names a file is there one to keep judgments. A call beyond a limit of ``admission`` raises
    starlette's HTTPException: 429 or 503, an ``error`` for people, and Retry-After.
    """
    limits = admission or Admission()

    def turn(data: Any) -> Reply:
        shown = {"judged": feedback is not None, "country": country}
        return _reply(lambda: _turn(serving.now, data, limits, **shown))

    def sources(data: Any) -> Reply:
        return _reply(lambda: _sources(serving.now.index, data), limits)

    def document(data: Any) -> Reply:
        return _reply(lambda: serving.now.index.consistently(lambda held: _document(held, data)), limits)

    def verify(data: Any) -> Reply:
        return _reply(lambda: compared_html(data, serving.now.index.documents, corpus), limits, "nothing was compared")

    return [turn, sources, document, verify, *([_judge(serving, feedback, limits)] if feedback else [])]


def _judge(serving: Serving, feedback: Path, limits: Admission) -> Callable[[Any], Reply]:
    def kept(data: Any) -> str:
        judgment = judgment_of(data, serving.now.index)
        keep(judgment, feedback)
        return kept_html(judgment.verdict)

    def judge(data: Any) -> Reply:
        return _reply(lambda: kept(data), limits, "this judgment was not kept")

    return judge


def _turn(served: Served, data: Any, limits: Admission, **shown: Any) -> str:
    question, history = checked_question(data)
    answer = limits.ask(question, served.index, history)
    if answer.outcome is Outcome.SELF_DOSING:
        offered = served.safer
    elif answer.outcome is Outcome.ABSTAINED:
        offered = served.index.consistently(lambda held: nearest(answer, held, served.examples))
    else:
        offered = served.index.consistently(lambda held: related(answer, held)) or served.examples
    return turn_html(answer, _number(data), examples=offered, **shown)


def _sources(index: Index, data: Any) -> str:
    question, history = checked_question(data)
    answer = ask(question, index, history, despite=True)
    return sources_html(answer, _number(data), linked=False) or "<p>No source here answers that.</p>"


def _document(index: Index, data: Any) -> str:
    """Return the sheet that a card or a link opens; no contradicted sentence stands alone there."""
    path = data.get("path") if isinstance(data, Mapping) else None
    document = index.documents.get(path) if isinstance(path, str) else None
    if document is None:
        linked = isinstance(data, Mapping) and data.get("linked")
        raise QuestionError(
            "the document of this link is not here" if linked else "this document is not in the index; reload the page"
        )
    passage, answer = _spans(data.get("span"), len(document.text))
    if data.get("sha256", document.sha256) != document.sha256:  # an answer of an earlier index still stands on the page
        return document_html(document, changed=True)
    gone = False
    if data.get("linked"):
        stands = any(p.span == passage for p in passages_of(index.passages, document.path))
        passage, answer, gone = passage if stands else None, None, data.get("span") is not None and not stands
    off = [document.cut(passage, "", answer)] if passage else []
    contested = disagreements(off, index.contradictions, index.documents, index.passages)
    return document_html(document, passage, answer, contested, gone=gone)


def _spans(places: Any, length: int) -> tuple[Span | None, Span | None]:
    known = isinstance(places, list) and len(places) == 4 and all(type(p) is int and 0 <= p <= length for p in places)
    if not known or places[0] >= places[1]:
        return None, None
    return Span(places[0], places[1]), Span(places[2], places[3])


def _number(data: Mapping[str, Any]) -> int:
    turn = data.get("turn", 0)
    return turn if type(turn) is int and 0 <= turn < 1_000_000 else 0


def _reply(work: Callable[[], str], limits: Admission | None = None, undone: str = "this question was not answered") -> Reply:
    """Answer the page's script, within ``limits`` where the work does not keep to them itself.

    A failure that is not for people is logged by its kind alone: it may hold the question.
    """
    try:
        with limits.admitted() if limits else nullcontext():
            return {"html": work()}
    except LimitError as error:
        raise refused(error) from None
    except KqaError as error:
        return {"error": told(error), "final": isinstance(error, QuestionError)}
    except Exception as error:  # noqa: BLE001 - the page must say so, whatever it was
        _log.error("a request failed: %s", type(error).__name__)
        return {"error": f"Something went wrong here, and {undone}. Try again."}


def _own(suffix: str, judged: bool) -> str:
    """Return the page's own script or style; what judges passages is no part of a page where nobody may."""
    names = (*_SCRIPTS, "judge") if judged else _SCRIPTS
    return "\n".join((_HERE / f"{name}.{suffix}").read_text(encoding="utf-8") for name in names)


def _stage(index: Index, examples: Sequence[str], country: str | None) -> str:
    """Return everything below the question box; the script moves turns about in it, and numbers by their country."""
    offered = esc(json.dumps(completions(index), ensure_ascii=False))
    known = esc(json.dumps(countries()))
    unanswered = unanswered_help_html(load_rules().notices["crisis"], country)
    new = '<button type="button" class="link" data-new>New conversation</button>'
    return (
        '<button type="button" id="ask-button">Ask</button>'  # Gradio's own brings eight more files with it
        f'<ul id="kqa-suggestions" role="listbox" aria-label="Suggested questions" data-questions="{offered}" hidden></ul>'
        '<p id="kqa-status" role="status"></p><div id="kqa-problem" role="alert"></div>'
        f'<div id="kqa-help" data-countries="{known}" hidden>{unanswered}</div>'
        f'<div id="kqa-turn"><div id="kqa-bar" hidden>{new}</div></div>'
        '<section id="kqa-earlier" aria-label="Earlier in this conversation" hidden></section>'
        f'<div id="kqa-home">{home_html(index.catalogue, examples)}</div>'
        '<dialog id="kqa-sheet" aria-labelledby="sheet-title"></dialog>'
        f'<div class="note" role="note"><p>{NOTE}</p></div>'
    )
