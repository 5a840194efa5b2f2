"""The process that serves the page: its port, its signals, its last answers."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from kqa.access import Access
from kqa.connections import KEPT, bounded_protocol, share_memory
from kqa.countries import known_country
from kqa.errors import ConfigError
from kqa.feedback import check_writable
from kqa.howwell import read_record
from kqa.index import Index
from kqa.page import build_app
from kqa.serving import following
from kqa.traces import no_traces

_LAST_SECONDS = 10  # that answers under way get when the server is stopped
_RECORD = Path("evaluation/baseline.json")


def serve(
    index: Path | str, corpus: Path | None, host: str = "127.0.0.1", port: int = 7860, *,
    feedback: Path | None = None, country: str | None = None, access: Access | None = None,
) -> None:  # fmt: skip
    """Serve the page until SIGINT or SIGTERM; answers under way are still delivered.

    ``feedback`` is the file that readers' judgments go to; without one there are none. The help lines of ``country`` come
    first where neither the reader nor the browser says otherwise; ``access`` says who may come how often. The index is read
    while Gradio is imported; one that is published later takes its place. Raises UnusableIndex when the first cannot answer,
    ConfigError for an address in use, a file that cannot be written or an unknown country.
    """
    first = known_country(country)
    if feedback:
        check_writable(feedback)
    evaluated = read_record(_RECORD)
    share_memory()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # the import itself calls out
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(Index.load, index, corpus)
        import gradio  # noqa: F401 - takes seconds, meanwhile the index is read
        import uvicorn

        loaded = loading.result()
    listener = _listen(host, port)
    app = build_app(loaded, evaluated, feedback, first, corpus=corpus, access=access)
    root = access.root if access else ""
    sys.stderr.write(f"kqa answers at http://{shown_host(host)}:{listener.getsockname()[1]}{root}\n")
    if feedback:
        sys.stderr.write(f"readers may judge passages; what they send is kept in {feedback}\n")
    settings = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=_LAST_SECONDS, timeout_keep_alive=KEPT, http=bounded_protocol(), ws="none",
    )  # fmt: skip
    with suppress(KeyboardInterrupt), _asked_to_stop(), no_traces(), following(index, app.state.serving):
        uvicorn.Server(settings).run(sockets=[listener])


@contextmanager
def _asked_to_stop() -> Iterator[None]:
    """End with code 0 at SIGTERM: after its last answer uvicorn raises the signal again, for the handler before its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def shown_host(host: str) -> str:
    """Return a host as it stands in an address, an IPv6 one in brackets."""
    return f"[{host}]" if ":" in host else host


def _listen(host: str, port: int) -> socket.socket:
    """Bind the address before anything is promised; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # who comes as soon as the address is told waits, and is not refused
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(
            f"{shown_host(host)}:{port} cannot be served ({error}); choose another with --host or --port"
        ) from error
    return listener
