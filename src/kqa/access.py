"""From where the server is reached and by whom: the path before its own, the proxies before it, the logins it asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kqa.errors import ConfigError
from kqa.limits import Network, Rate, is_trusted, read_networks, read_rate
from kqa.login import Logins, read_logins

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Scope

RATE = "60/minute"
_FAILURES = 10  # wrong logins of one client within a minute
_ROOT = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
OPEN = (
    "/assets/", "/static/", "/theme.css", "/config", "/favicon.ico", "/manifest.json", "/robots.txt", "/ask", "/plain",
    "/how-well", "/about", "/healthz", "/metrics", "/openapi.json", "/gradio_api/component_server",
    "/gradio_api/info", "/gradio_api/startup-events", "/gradio_api/app_id", "/gradio_api/theme.css",
)  # fmt: skip
"""The only paths that are answered, besides ``/``: uploads, files, proxies, monitoring and run histories stay closed, and so
does Gradio's heartbeat, which the page does not use and which never ends: it would hold up a server that is to stop."""
_OWN = {path.split("/")[1] for path in OPEN}
_CLAIMS = (b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-for", b"forwarded")


@dataclass(frozen=True, slots=True)
class Access:
    """Checked settings: questions a client may ask in a minute (0: any), trusted proxies, logins, and the root path."""

    rate: int = 0
    proxies: tuple[Network, ...] = ()
    logins: Logins | None = None
    root: str = ""
    failures: Rate = field(default_factory=lambda: Rate(_FAILURES))


def read_access(rate: str = RATE, proxies: Sequence[str] = (), login: Path | None = None, root: str = "") -> Access:
    """Check what an operator wrote; raises ConfigError, in words that name the option."""
    root = root.rstrip("/")
    if root and not _ROOT.fullmatch(root):
        raise ConfigError(f"--root-path {root!r} is no path; write for example /kqa")
    if root.split("/")[1:2] and root.split("/")[1] in _OWN:
        raise ConfigError(f"--root-path {root!r} begins like a path of kqa's own; choose another, for example /kqa")
    return Access(read_rate(rate), read_networks(proxies), read_logins(login) if login else None, root)


def placed(scope: Scope, root: str) -> tuple[Scope, str]:
    """Return the scope with its root path, and the path below it, whether the proxy stripped the root path or not."""
    path: str = scope["path"]
    below = path.removeprefix(root) if path == root or path.startswith(f"{root}/") else path
    full = root + below
    return {**scope, "root_path": root, "path": full, "raw_path": full.encode()}, below


def without_claims(scope: Scope, proxies: Sequence[Network]) -> Scope:
    """Drop what only a trusted proxy may say of a request's sender and address: Gradio would believe it of anyone."""
    dropped = (b"x-gradio-server", *(() if is_trusted(scope, proxies) else _CLAIMS))
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name.lower() not in dropped]}


class Doorkeeper:
    """Asks for a login over HTTP Basic, and slows down who guesses."""

    def __init__(self, access: Access) -> None:
        import anyio

        self._access = access
        self._one = anyio.CapacityLimiter(1)  # one guess at a time, and none of them holds a thread while it waits

    async def refusal(self, scope: Scope, client: bytes) -> ASGIApp | None:
        """Return the response to a request that bears no right login, or None to let it through."""
        import anyio

        logins = self._access.logins
        given = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"")
        if logins is None or (given and logins.remembers(given)):
            return None
        if not given:
            return _ask_login("this site asks for a name and a password")
        async with self._one:  # also looked at and charged within: guesses sent at once are slowed down as those in turn
            if logins.remembers(given):
                return None
            if seconds := self._access.failures.wait(client):
                return _ask_login("too many wrong logins; try again later", 429, {"retry-after": str(seconds)})
            if await anyio.to_thread.run_sync(logins.admits, given):
                return None
            self._access.failures.charge(client)
        return _ask_login("this name and password do not fit")


def _ask_login(words: str, status: int = 401, headers: dict[str, Any] | None = None) -> ASGIApp:
    from starlette.responses import PlainTextResponse

    asked = {"www-authenticate": 'Basic realm="kqa", charset="UTF-8"'} if status == 401 else {}
    return PlainTextResponse(f"{words}\n", status, {**asked, "cache-control": "no-store", **(headers or {})})
