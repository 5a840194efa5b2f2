"""What stands before the page: headers, limits, closed doors, and the plain routes; no question is ever logged."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from kqa.answer import ask
from kqa.errors import KqaError, QuestionError
from kqa.howwell import Record, how_well_html
from kqa.index import Index
from kqa.metrics import Metrics
from kqa.question import LONGEST
from kqa.render import to_json
from kqa.sheets import plain_html

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 64 * 1024  # bytes of a request
_HISTORY = 20  # earlier questions that are handed back, at most
_CSP = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # Gradio's page starts inline; its gr.HTML compiles templates
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_log = logging.getLogger(__name__)
_PLAIN_CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_NO_SCRIPT = b'<noscript><p>This page needs JavaScript. The same answers without it: <a href="/plain">/plain</a></p></noscript>'
_HEADERS = {
    "content-security-policy": _CSP,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_OPEN = (
    "/assets/", "/static/", "/theme.css", "/config", "/favicon.ico", "/manifest.json", "/robots.txt", "/ask", "/plain",
    "/how-well", "/healthz", "/metrics", "/gradio_api/component_server", "/gradio_api/heartbeat/",
    "/gradio_api/info", "/gradio_api/startup-events", "/gradio_api/app_id", "/gradio_api/theme.css",
)  # fmt: skip
"""The only paths that are answered, besides ``/``: uploads, files, proxies, monitoring and run histories stay closed."""
_READ, _SEND = ("/healthz", "/metrics", "/how-well"), ("/ask", "/plain")
_METHODS = dict.fromkeys(_READ, ("GET", "HEAD")) | dict.fromkeys(_SEND, ("GET", "HEAD", "POST"))


def guarded(page: gr.Blocks, index: Index, settings: Mapping[str, Any], record: Record | None = None) -> FastAPI:
    """Put the page and the plain routes behind the guard; ``settings`` are Gradio's, ``record`` the last evaluation."""
    import gradio as gr
    from fastapi import FastAPI
    from starlette.routing import BaseRoute, Route

    metrics = Metrics()
    how_well = how_well_html(_css(), record, index.manifest)
    routes: list[BaseRoute] = [
        Route("/metrics", lambda request: _text(metrics.to_text())),
        Route("/healthz", lambda request: _text(f"ok {index.manifest}\n")),
        Route("/ask", _ask(index), methods=["GET", "POST"]),
        Route("/plain", _plain(index), methods=["GET", "POST"]),
        Route("/how-well", lambda request: _page(200, how_well)),
    ]
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, routes=routes)
    closed = {"docs_url": None, "redoc_url": None, "openapi_url": None}
    gr.mount_gradio_app(app, page, path="/", app_kwargs=closed, **settings)
    app.add_middleware(Guard, metrics=metrics)
    return app


class Guard:
    """An ASGI layer that closes doors, bounds bodies, counts, and puts the security headers on every response."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        send = _with_headers(_counted(send, scope["path"], self.metrics))
        body = None
        answering = _refusal(scope)
        if answering is None and scope["method"] == "POST":
            body = await _bounded_body(receive)
            answering = _error(413, f"the request is larger than {BODY_LIMIT:,} bytes; send less") if body is None else None
        if answering is None:
            answering = self.app
            receive = receive if body is None else _replay(body, receive)
            send = _with_fallback(send) if scope["path"] == "/" else send
        await answering(scope, receive, send)


def _counted(send: Send, path: str, metrics: Metrics) -> Send:
    started = time.perf_counter()

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            metrics.observe(path, message["status"], time.perf_counter() - started)
        await send(message)

    return sending


def checked_question(data: Any) -> tuple[str, list[str]]:
    """Return the question and the earlier questions of a request; raises QuestionError for anything else."""
    question = data.get("question") if isinstance(data, Mapping) else None
    history = data.get("history", []) if isinstance(data, Mapping) else []
    if not isinstance(question, str) or not isinstance(history, list) or not all(isinstance(h, str) for h in history):
        raise QuestionError("send a question as text, and the earlier questions as a list of texts")
    return question, [earlier[:LONGEST] for earlier in history[-_HISTORY:]]


def _refusal(scope: Scope) -> ASGIApp | None:
    """Return the response that ends a request at once, or None to let it through."""
    from starlette.responses import RedirectResponse

    path = scope["path"]
    headers = {name.lower(): value for name, value in scope["headers"]}
    if path == "/":
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("q")
        # a question in the address would be logged by every proxy between: it moves into the fragment, which is never sent
        return RedirectResponse(f"/#q={quote(asked[0])}", 303) if asked else None
    if not any(path == door or (path.startswith(door) and (door.endswith("/") or path[len(door)] == "/")) for door in _OPEN):
        return _error(404, "nothing is served here")
    if scope["method"] not in _METHODS.get(path, (scope["method"],)):
        return _error(405, f"{scope['method']} is not answered here; use {' or '.join(_METHODS[path])}")
    if scope["method"] == "POST" and headers.get(b"sec-fetch-site") == b"cross-site":
        return _error(403, "questions from other sites are not answered; open this page itself")
    return None


def _with_fallback(send: Send) -> Send:
    """Tell a browser without scripts, for which Gradio's page is empty, where the same answers are."""
    start: Message = {}
    body = bytearray()

    async def sending(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
            return
        if message["type"] != "http.response.body":
            await send(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body", False):
            return
        page = bytes(body).replace(b"</body>", _NO_SCRIPT + b"</body>", 1)
        headers = [(n, str(len(page)).encode() if n.lower() == b"content-length" else v) for n, v in start["headers"]]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": page})

    return sending


async def _bounded_body(receive: Receive) -> bytes | None:
    """Read a body, or return None as soon as it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            return None
        if message["type"] != "http.request" or not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand a body on that was already read, then whatever the connection says next."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            extra = [(n.encode(), v.encode()) for n, v in _HEADERS.items() if n.encode() not in given]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sending


def _ask(index: Index) -> Any:
    async def endpoint(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        if request.method != "POST":  # a question in the address would be logged on its way
            return _error(405, 'ask with POST and JSON: {"question": "…", "history": ["…"]}')
        try:
            question, history = checked_question(_json(await request.body()))
            answer = await run_in_threadpool(ask, question, index, history)
        except KqaError as error:
            return _error(400 if isinstance(error, QuestionError) else 503, str(error))
        except Exception as error:  # noqa: BLE001 - a traceback in the log could hold the question
            return _error(500, _failed(error))
        return _json_response(200, to_json(answer))

    return endpoint


def _plain(index: Index) -> Any:
    css = _css()

    async def endpoint(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        sent = (await request.body()).decode("utf-8", "replace") if request.method == "POST" else request.url.query
        form = parse_qs(sent, keep_blank_values=True)
        question = form.get("q", [""])[0]
        if "q" not in form:
            return _page(200, plain_html(css))
        try:
            answer = await run_in_threadpool(ask, question, index, despite="despite" in form)
        except KqaError as error:
            return _page(400 if isinstance(error, QuestionError) else 503, plain_html(css, question, problem=str(error)))
        except Exception as error:  # noqa: BLE001 - as above
            return _page(500, plain_html(css, question, problem=_failed(error)))
        return _page(200, plain_html(css, question, answer))

    return endpoint


def _css() -> str:
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


def _error(status: int, message: str) -> Response:
    return _json_response(status, json.dumps({"error": message}, ensure_ascii=False))


def _json_response(status: int, text: str) -> Response:
    from starlette.responses import Response

    return Response(text, status, {"cache-control": "no-store"}, "application/json")


def _page(status: int, text: str) -> Response:
    from starlette.responses import HTMLResponse

    return HTMLResponse(text, status, {"cache-control": "no-store", "content-security-policy": _PLAIN_CSP})


def _text(text: str) -> Response:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(text, headers={"cache-control": "no-store"})
