"""What stands before the page: logins, closed doors, headers, limits, and the plain routes; no question is ever logged."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from kqa.access import OPEN, Access, Doorkeeper, placed, without_claims
from kqa.admission import CLIENT, Admission
from kqa.countries import spoken_country
from kqa.limits import client_of
from kqa.metrics import Metrics
from kqa.openapi import description
from kqa.routes import ask_route, error_response, json_response, page_response, plain_route, text_response
from kqa.serving import Serving

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 64 * 1024  # bytes of a request
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
_NO_SCRIPT = (
    b'<noscript><p>This page needs JavaScript. The same answers without it: <a href="plain">plain pages</a></p></noscript>'
)
_HEADERS = {
    "content-security-policy": _CSP,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_READ, _SEND = ("/healthz", "/metrics", "/how-well", "/about", "/openapi.json"), ("/ask", "/plain")
_HASHED = re.compile(r"/assets/(?:.*/)?[\w.@-]+-[\w-]{8}\.\w+")  # a name that changes with the content
_YEAR = b"max-age=31536000, immutable"
_METHODS = dict.fromkeys(_READ, ("GET", "HEAD")) | dict.fromkeys(_SEND, ("GET", "HEAD", "POST"))


def guarded(
    page: gr.Blocks, serving: Serving, settings: Mapping[str, Any], country: str | None, *, access: Access, admission: Admission
) -> FastAPI:  # fmt: skip
    """Put the page and the plain routes behind the guard.

    ``settings`` are Gradio's, ``country`` is the one whose help lines come first.
    """
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.routing import BaseRoute, Route

    described = description()
    routes: list[BaseRoute] = [
        Route("/metrics", lambda request: text_response(admission.metrics.to_text())),
        Route("/healthz", lambda request: text_response(f"ok {serving.now.index.manifest}\n")),
        Route("/ask", ask_route(serving, admission, country), methods=["GET", "POST"]),
        Route("/plain", plain_route(serving, admission, country), methods=["GET", "POST"]),
        Route("/openapi.json", lambda request: json_response(200, described)),
        *(Route(path, _page(serving, path)) for path in serving.now.pages),
    ]
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, routes=routes)
    closed = {"docs_url": None, "redoc_url": None, "openapi_url": None}
    gr.mount_gradio_app(app, page, path="/", app_kwargs=closed, root_path=access.root, **settings)
    app.add_middleware(Guard, metrics=admission.metrics, access=access)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)  # outermost: the guard changes the page
    return app


def _page(serving: Serving, path: str) -> Callable[[Request], Response]:
    def shown(request: Request) -> Response:
        spoken = spoken_country(request.headers.get("accept-language", ""))
        return page_response(200, serving.now.pages[path](spoken), {"vary": "accept-language"})

    return shown


class Guard:
    """An ASGI layer that closes doors, asks for logins, bounds bodies, counts, and puts its headers on every response."""

    def __init__(self, app: ASGIApp, metrics: Metrics, access: Access) -> None:
        self.app = app
        self.metrics = metrics
        self._access = access
        self._doorkeeper = Doorkeeper(access)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            client = client_of(scope, self._access.proxies)
            CLIENT.set(client)
            scope, path = placed(without_claims(scope, self._access.proxies), self._access.root)
            send = _with_headers(_counted(send, path, self.metrics), path)
            refused = None if path == "/healthz" else await self._doorkeeper.refusal(scope, client)
            await self._pass(path, refused or _refusal(scope, path), (scope, receive, send))
        else:
            await send({"type": "websocket.close"})  # the page needs none, and none of the doors here would hold it

    async def _pass(self, path: str, answering: ASGIApp | None, asked: tuple[Scope, Receive, Send]) -> None:
        scope, receive, send = asked
        body = None
        if answering is None and scope["method"] == "POST":
            body = await _bounded_body(receive)
            answering = (
                error_response(413, f"the request is larger than {BODY_LIMIT:,} bytes; send less") if body is None else None
            )
        if answering is None:
            answering = self.app
            receive = receive if body is None else _replay(body, receive)
            send = _with_fallback(send) if path == "/" else send
        await answering(scope, receive, send)


def _counted(send: Send, path: str, metrics: Metrics) -> Send:
    started = time.perf_counter()

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            metrics.observe(path, message["status"], time.perf_counter() - started)
        await send(message)

    return sending


def _refusal(scope: Scope, path: str) -> ASGIApp | None:
    """Return the response that ends a request at once, or None to let it through."""
    from starlette.responses import RedirectResponse

    root = scope["root_path"]
    headers = {name.lower(): value for name, value in scope["headers"]}
    if path == "":
        return RedirectResponse(f"{root}/", 308)
    if path == "/":
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("q")
        # a question in the address would be logged by every proxy between: it moves into the fragment, which is never sent
        return RedirectResponse(f"{root}/#q={quote(asked[0])}", 303) if asked else None
    if not any(path == door or (path.startswith(door) and (door.endswith("/") or path[len(door)] == "/")) for door in OPEN):
        return error_response(404, "nothing is served here")
    if scope["method"] not in _METHODS.get(path, (scope["method"],)):
        return error_response(405, f"{scope['method']} is not answered here; use {' or '.join(_METHODS[path])}")
    if scope["method"] == "POST" and headers.get(b"sec-fetch-site") == b"cross-site":
        return error_response(403, "questions from other sites are not answered; open this page itself")
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


def _with_headers(send: Send, path: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            extra = [(n.encode(), v.encode()) for n, v in _HEADERS.items() if n.encode() not in given]
            if b"cache-control" not in given and (kept := _cache_control(path, message["status"])):
                extra.append((b"cache-control", kept))
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sending


def _cache_control(path: str, status: int) -> bytes:
    """Return how long a response may be kept: for good where its name has a hash, not at all where it may hold an answer."""
    if _HASHED.fullmatch(path):
        return _YEAR if status in (200, 206, 304) else b"no-store"
    if path.startswith("/gradio_api/"):
        return b"no-store"
    if path == "/favicon.ico":
        return b"max-age=86400"  # or every change of the address asks for it again
    return b"no-cache" if path in ("/", "/config") else b""
