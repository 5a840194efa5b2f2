"""Serve the page: python app.py, with the options of kqa serve."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from kqa.cli import main


def __getattr__(name: str) -> Any:
    """Build ``demo``, the Gradio page, when it is first asked for."""
    if name != "demo":
        raise AttributeError(name)
    from kqa.index import Index
    from kqa.page import build_page, serving_of

    return build_page(serving_of(Index.load(Path("index"))))


if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
