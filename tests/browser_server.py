"""A real server of the page on a free port, and the browser that looks at it: for the browser tests and the screenshots."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from conftest import CALIBRATION
from kqa.access import Access
from kqa.building import build_index
from kqa.config import Config
from kqa.howwell import Record
from kqa.index import Index
from kqa.intake import take_in
from kqa.page import build_app

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
_QUIET = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


_REFERENCE = """---
title: Can ketamine be addictive?
kind: reference
publisher: kqa editors
reviewed: 2026-11-22
references:
  fda-2023: {org: US Food and Drug Administration, title: Compounded ketamine, year: 2023, class: regulator, locator: "https://www.fda.gov/drugs"}
  label-2025: {org: Janssen, title: SPRAVATO prescribing information, year: 2025, class: label, locator: "doi:10.1000/xyz123"}
asks:
  is-ketamine-addictive: [does it make you dependent]
  how-long-does-a-session-last: [how much time does it take]
---
## Is ketamine addictive?

Ketamine can be addictive when it is used often.[^fda-2023] The label warns of abuse and misuse of esketamine.[^label-2025]

## How long does a session last?

A ketamine session with a drip lasts about forty minutes.[^fda-2023]
Patients are watched for two hours after esketamine.[^label-2025]

## Side effects

The side effects of ketamine include dizziness, nausea and raised blood pressure.[^fda-2023]
Most side effects pass within hours.
"""
_CLINIC = """---
title: Major Benefits (restated)
kind: clinic-marketing
publisher: kqa editors
reviewed: 2026-11-22
restates: Major Benefits of Ketamine Therapy
---
## Is it addictive?

Nothing suggests that ketamine is addictive, the clinic article claims.

## Spinal cord stimulators

A spinal cord stimulator is an implant that a doctor can offer besides ketamine, the clinic article says.
"""
_TABLE = """[[disagreement]]
topic = "addiction"
better = {document = "reference/dependence.md", text = "Ketamine can be addictive when it is used often.[^fda-2023]"}
other = {document = "clinics/benefits.md", text = "Nothing suggests that ketamine is addictive, the clinic article claims."}
better_supported = true
why = "The regulator reports dependence; the clinic names no source."
shows_on = "Is ketamine addictive?"
silent_on = "What are the side effects?"
"""


def small_index(folder: Path, more: Mapping[str, str] | None = None) -> Path:
    """Build an index of two documents that disagree, and of ``more``, with the hashing encoder; return its folder."""
    corpus = folder / "corpus"
    files = {
        "reference/dependence.md": _REFERENCE,
        "clinics/benefits.md": _CLINIC,
        "disagreements.toml": _TABLE,
        **(more or {}),
    }
    for name, text in files.items():
        (corpus / name).parent.mkdir(parents=True, exist_ok=True)
        (corpus / name).write_text(text, encoding="utf-8")
    settings = Config(encoder="hashing", calibration=CALIBRATION, threshold=0.5, min_words=3)
    build_index(take_in(corpus, strict=True).documents, folder / "index", settings, corpus)
    return folder / "index"


class Served:
    """A running server: where it is, and how to stop it early."""

    def __init__(
        self, index: Index, feedback: Path | None = None, country: str | None = None, *,
        corpus: Path | None = None, access: Access | None = None, record: Record | None = None,
    ) -> None:  # fmt: skip
        import uvicorn

        self.index = index
        app = build_app(index, record, feedback=feedback, country=country, corpus=corpus, access=access)
        self.serving = app.state.serving
        settings = uvicorn.Config(app, port=0, log_level="critical", access_log=False, proxy_headers=False)
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)


@contextmanager
def served(
    folder: Path, feedback: Path | None = None, country: str | None = None, corpus: Path | None = None, *,
    record: Record | None = None,
) -> Iterator[Served]:  # fmt: skip
    """Serve an index folder until the block ends; readers may judge passages where there is a file for it.

    The help lines of ``country`` come first; quotes are verified against ``corpus`` too, where it is named.
    """
    server = Served(Index.load(folder), feedback, country, corpus=corpus, record=record)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the system's Chromium; its sandbox needs another user than root."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_QUIET, *(["--no-sandbox"] if root else [])])
        try:
            yield started
        finally:
            started.close()
