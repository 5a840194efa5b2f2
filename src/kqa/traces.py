"""What a process that answers leaves behind: no copy of its memory when it crashes, nothing of what other libraries log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_NOT_DUMPABLE = 4  # PR_SET_DUMPABLE of Linux's prctl


@contextmanager
def no_traces() -> Iterator[None]:
    """Keep questions out of logs and crash reports for a block, whatever level and handlers the process was started with.

    Below errors nothing is logged, for other libraries log what they are sent; kqa's own errors name a kind and no more.
    The system writes no core dump of this process from then on: it would hold every question in memory.
    """
    leave_no_dump()
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def leave_no_dump() -> None:
    """Forbid core dumps: by the limit that every POSIX system knows, and on Linux also where a program collects them."""
    import ctypes
    import resource

    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another libc: the limit has to do
            ctypes.CDLL(None).prctl(_NOT_DUMPABLE, 0, 0, 0, 0)
