"""Progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Progress = Callable[[int, int], None]
"""Called with what is done and what there is."""


def progress_bar(unit: str) -> Progress:
    """Return a function that, called with what is done and what there is, draws a bar; each new total is a bar of its own."""
    bar: Any = None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None or bar.total != total:
            from tqdm import tqdm

            if bar is not None:
                bar.close()
            bar = tqdm(
                total=total, unit=f" {unit}", file=sys.stderr, mininterval=0.5 if sys.stderr.isatty() else 10, leave=False
            )
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
            bar = None

    return show
