"""Files whose parsers may crash, hang or swell are read in a process of their own, which ends without harm.

The process gets bytes and gives back text. It may use so much memory, so much time, and may write no file; where the system
has no such limits (Windows has none), the time alone is watched.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import IO

from kqa.errors import DocumentRefused
from kqa.pdf import read_pdf
from kqa.reading import Reading, check_text, reading_from_dict, reading_to_dict
from kqa.webpages import read_page
from kqa.word import read_word

SECONDS = 5
"""Of computing without a sign: for a page of a PDF, or any other file as a whole."""
SECONDS_ALL = 120
"""Of computing for one file."""
PATIENCE = 120
"""Seconds by the clock without a sign, for what waits instead of computing."""
MEMORY = 1_500_000_000
"""Bytes that the process may use."""

Step = Callable[[], None]
_Reader = Callable[[bytes, str, Step], Reading]
ISOLATED: Mapping[str, _Reader] = {
    ".docx": lambda data, path, step: read_word(data, path),
    ".htm": lambda data, path, step: read_page(data, path),
    ".html": lambda data, path, step: read_page(data, path),
    ".pdf": read_pdf,
}
"""What is read apart, by suffix."""

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from kqa.isolation import attend; attend()"
_SIGN = b".\n"


class Isolation:
    """A process that reads files one after another; started when first needed, and anew after a file that ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Isolation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def read(self, data: bytes, path: str) -> Reading:
        """Read one file, its format told by its suffix; raises DocumentRefused, also where the process did not survive it."""
        process = self._process or self._start()
        head = json.dumps({"path": path, "size": len(data)}).encode() + b"\n"
        waited, line = False, b""
        try:
            with suppress(BrokenPipeError):
                _pipe(process.stdin).write(head + data)
                _pipe(process.stdin).flush()
            line, waited = _answer(process)
        finally:
            if not line.endswith(b"\n"):  # it has ended, or this thread was interrupted
                code = self._end()
        if not line.endswith(b"\n"):
            raise DocumentRefused(f"{path} {_cause(code, waited)}; it is damaged or hostile: leave it out, or save it as text")
        answer = json.loads(line)
        if "refused" in answer:
            raise DocumentRefused(answer["refused"])
        return reading_from_dict(answer)

    def _start(self) -> subprocess.Popen[bytes]:
        places = json.dumps([os.path.abspath(place) for place in sys.path])
        command = [sys.executable, "-I", "-B", "-X", "utf8", "-c", _START, places]
        kept = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=kept, stdout=kept, stderr=subprocess.DEVNULL)
        return self._process

    def _end(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        with suppress(OSError):
            _pipe(process.stdin).close()
        _pipe(process.stdout).close()
        try:
            return process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _answer(process: subprocess.Popen[bytes]) -> tuple[bytes, bool]:
    """Return the line that is no sign of life, empty where the process ended, and whether it was ended for its silence."""
    while True:
        watch = Timer(PATIENCE, process.kill)
        watch.daemon = True
        watch.start()
        try:
            line = _pipe(process.stdout).readline()
        finally:
            waited = not watch.is_alive()
            watch.cancel()
        if line != _SIGN:
            return line, waited


def _cause(code: int, waited: bool) -> str:
    if waited:
        return f"gave no sign for {PATIENCE} seconds"
    if code == -getattr(signal, "SIGXCPU", 0):
        return f"took more than {SECONDS} seconds of computing for one page"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"exit code {code}"
    return f"ended the program that reads it ({name})"


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without its pipes")
    return pipe


def attend() -> None:
    """Read files from standard input and answer on standard output until the input ends: what the process does."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a parser prints stays out of the answers
    _limit_all()
    for head in sys.stdin.buffer:
        asked = json.loads(head)
        answer = _attempt(sys.stdin.buffer.read(asked["size"]), asked["path"], answers)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _attempt(data: bytes, path: str, answers: IO[bytes]) -> dict[str, object]:
    started = time.process_time()

    def step() -> None:
        answers.write(_SIGN)
        answers.flush()
        _limit_time()
        if time.process_time() - started > SECONDS_ALL:
            raise DocumentRefused(f"{path} took more than {SECONDS_ALL} seconds of computing; divide it")

    step()
    try:
        reading = ISOLATED[Path(path).suffix.lower()](data, path, step)
        check_text(reading.text, path)
        return reading_to_dict(reading)
    except DocumentRefused as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": f"{path} needs more than {MEMORY:,} bytes of memory to be read; divide it"}
    except Exception as error:  # noqa: BLE001 - whatever a parser stumbles over, it is this file that is refused
        return {"refused": f"{path} is damaged ({type(error).__name__}); save it anew, or leave it out"}


def _limit_all() -> None:
    with suppress(ImportError):
        import resource

        for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
            hard = resource.getrlimit(limit)[1]
            with suppress(ValueError, OSError):  # macOS knows some limits by name alone
                resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _limit_time() -> None:
    with suppress(ImportError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soon = int(time.process_time()) + 1 + SECONDS
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CPU, (soon if hard == resource.RLIM_INFINITY else min(soon, hard), hard))
