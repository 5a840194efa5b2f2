"""The routes without a page: ``/ask`` for programs, ``/plain`` for browsers without scripts; no question is ever logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from kqa.admission import Admission
from kqa.countries import refuse_unknown, wanted_country
from kqa.errors import KqaError, LimitError, QuestionError, TooOften, UnusableIndex
from kqa.limits import THREADS
from kqa.question import LONGEST
from kqa.render import to_json
from kqa.serving import Serving
from kqa.sheets import plain_html
from kqa.types import Answer

if TYPE_CHECKING:
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response

_HISTORY = 20  # earlier questions that are handed back, at most
_PLAIN_CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_log = logging.getLogger(__name__)


def checked_question(data: Any) -> tuple[str, list[str]]:
    """Return the question and the earlier questions of a request; raises QuestionError for anything else."""
    question = data.get("question") if isinstance(data, Mapping) else None
    history = data.get("history", []) if isinstance(data, Mapping) else []
    if not isinstance(question, str) or not isinstance(history, list) or not all(isinstance(h, str) for h in history):
        raise QuestionError("send a question as text, and the earlier questions as a list of texts")
    return question, [earlier[:LONGEST] for earlier in history[-_HISTORY:]]


def ask_route(serving: Serving, admission: Admission, country: str | None = None) -> Any:
    """Return the endpoint that answers programs with JSON; ``country`` is the default for the order of help lines."""

    asked = _threads()

    async def endpoint(request: Request) -> Response:
        if request.method != "POST":  # a question in the address would be logged on its way
            return error_response(405, 'ask with POST and JSON: {"question": "…", "history": ["…"]}')
        try:
            data = _json(await request.body())
            question, history = checked_question(data)
            first, wrong = wanted_country(data.get("country"), country)
            answer = await asked(admission.ask, question, serving.now.index, history)
            refuse_unknown(wrong, answer.notices)
        except KqaError as error:
            return error_response(_status(error), told(error), _retry(error))
        except Exception as error:  # noqa: BLE001 - a traceback in the log could hold the question
            return error_response(500, _failed(error))
        return json_response(200, to_json(answer, first))

    return endpoint


def plain_route(serving: Serving, admission: Admission, country: str | None = None) -> Any:
    """Return the endpoint that answers browsers without scripts; ``country`` as above."""
    style, asked = css(), _threads()

    async def endpoint(request: Request) -> Response:
        sent = await request.body() if request.method == "POST" else request.scope["query_string"]
        form = parse_qs(sent.decode("utf-8", "replace"), keep_blank_values=True)
        question = form.get("q", [""])[0]
        first, wrong = wanted_country(form.get("country", [None])[0] or None, country)
        try:
            if "q" not in form:
                refuse_unknown(wrong)
                return page_response(200, plain_html(style, country=first))
            answer = await asked(admission.ask, question, serving.now.index, despite="despite" in form)
            refuse_unknown(wrong, answer.notices)
        except KqaError as error:
            return page_response(_status(error), plain_html(style, question, None, told(error), first), _retry(error))
        except Exception as error:  # noqa: BLE001 - as above
            return page_response(500, plain_html(style, question, None, _failed(error), first))
        return page_response(200, plain_html(style, question, answer, country=first))

    return endpoint


def _threads() -> Callable[..., Awaitable[Answer]]:
    """Return what runs a call in a thread; a crowd that asks takes none from what else is served."""
    import anyio

    limiter = anyio.CapacityLimiter(THREADS)

    async def run(work: Callable[..., Answer], *given: Any, **named: Any) -> Answer:
        return await anyio.to_thread.run_sync(partial(work, *given, **named), limiter=limiter)

    return run


def css() -> str:
    """Return the style of every page."""
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def _failed(error: Exception) -> str:
    _log.error("a request failed: %s", type(error).__name__)
    return "this question was not answered; try again"


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise QuestionError('the request is not JSON; send {"question": "…"}') from error
    if not isinstance(data, dict):
        raise QuestionError('the request is no JSON object; send {"question": "…"}')
    return data


def told(error: KqaError) -> str:
    """Return an error's words for strangers: of an index that cannot answer not where it is; the log has the kind alone."""
    if not isinstance(error, UnusableIndex):
        return str(error)
    _log.error("the index cannot answer: %s", type(error).__name__)
    return "the index cannot answer now; try again"


def _status(error: KqaError) -> int:
    return 400 if isinstance(error, QuestionError) else 429 if isinstance(error, TooOften) else 503


def _retry(error: KqaError) -> dict[str, str]:
    return {"retry-after": str(error.seconds)} if isinstance(error, LimitError) else {}


def refused(error: LimitError) -> HTTPException:
    """Return what ends a call of the page's script beyond a limit: its status, its words, and when to ask again."""
    from starlette.exceptions import HTTPException

    return HTTPException(_status(error), {"error": str(error)}, _retry(error))  # type: ignore[arg-type]


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error in words, as JSON."""
    return json_response(status, json.dumps({"error": message}, ensure_ascii=False), headers)


def json_response(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON that no cache keeps."""
    from starlette.responses import Response

    return Response(text, status, {"cache-control": "no-store", **(headers or {})}, "application/json")


def page_response(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a page that holds no script."""
    from starlette.responses import HTMLResponse

    own = {"cache-control": "no-store", "content-security-policy": _PLAIN_CSP}
    return HTMLResponse(text, status, {**own, **(headers or {})})


def text_response(text: str) -> Response:
    """Return plain text."""
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(text, headers={"cache-control": "no-store"})
