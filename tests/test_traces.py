"""What a process leaves behind: no core dump, no log of another library."""

from __future__ import annotations

import logging
import sys

import pytest

from conftest import run_python
from kqa.traces import no_traces


def test_nothing_below_an_error_is_logged_for_a_block(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(1)
    log = logging.getLogger("other.package")
    monkeypatch.setattr("kqa.traces.leave_no_dump", lambda: None)  # the process that runs the tests keeps its own
    with no_traces():
        log.debug("secretword")
        log.warning("secretword")
        log.error("a request failed")
    log.warning("after")
    assert [record.getMessage() for record in caplog.records] == ["a request failed", "after"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_system_may_not_dump_the_process() -> None:
    code = (
        "import ctypes, resource, sys\nfrom kqa.traces import no_traces\nwith no_traces(): pass\n"
        "sys.stdout.write(f'{resource.getrlimit(resource.RLIMIT_CORE)} {ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)}')"
    )
    done = run_python(code)
    assert (done.stdout, done.stderr) == ("(0, 0) 0", "")
