"""Serve the page: python app.py [--index DIR] [--corpus DIR] [--host NAME] [--port N] [--country NAME] [--feedback FILE]."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from kqa.errors import KqaError
from kqa.page import serve


def main() -> int:
    """Serve until interrupted; an index that cannot answer is one line on stderr and exit code 2."""
    parser = argparse.ArgumentParser(description="Serve the page of kqa.")
    parser.add_argument("--index", type=Path, default=Path("index"), help="the index folder (default: index)")
    parser.add_argument("--corpus", type=Path, default=Path("corpus"), help="the folder it was built from (default: corpus)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=7860, help="0 takes a free one (default: 7860)")
    parser.add_argument("--country", help="whose help lines come first (default: the first in safety.toml)")
    parser.add_argument("--feedback", type=Path, metavar="FILE", help="keep readers' judgments of passages here (default: no)")
    given = parser.parse_args()
    try:
        corpus = given.corpus if given.corpus.is_dir() else None
        serve(given.index, corpus, given.host, given.port, feedback=given.feedback, country=given.country)
    except KqaError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def __getattr__(name: str) -> Any:
    """Build ``demo``, the Gradio page, when it is first asked for."""
    if name != "demo":
        raise AttributeError(name)
    from kqa.index import Index
    from kqa.page import build_page

    return build_page(Index.load(Path("index")))


if __name__ == "__main__":
    sys.exit(main())
