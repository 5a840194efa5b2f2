"""The process: its port, and what it still does when it is told to stop."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from browser_server import small_index
from conftest import ROOT
from kqa.errors import ConfigError
from kqa.server import _listen, serve, shown_host

_SLOW = """
import sys, time
from pathlib import Path
import kqa.admission
from kqa.access import Access
from kqa.server import serve
at_once = kqa.admission.ask
def slowly(*given, **named):
    sys.stderr.write("answering\\n")
    sys.stderr.flush()
    time.sleep(2)
    return at_once(*given, **named)
kqa.admission.ask = slowly
serve(Path(sys.argv[1]), None, port=0, access=Access(60))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_index(tmp_path_factory.mktemp("server"))


def test_an_address_in_use_is_a_failed_start(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="--port"):
            serve(folder, None, port=taken.getsockname()[1])


def test_an_answer_under_way_at_sigterm_is_delivered(folder: Path) -> None:
    command = [sys.executable, "-c", _SLOW, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        port = int(next(line for line in process.stderr if "kqa answers at" in line).rpartition(":")[2])
        replies: list[tuple[int, str]] = []
        asking = threading.Thread(target=lambda: replies.append(asked(port)))
        asking.start()
        assert next(line for line in process.stderr if "answering" in line)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset, by the system
            asked(port)
        asking.join(20)
        code = process.wait(20)
        said = process.stderr.read()
    assert [(status, json.loads(text)["outcome"]) for status, text in replies] == [(200, "answered")]
    assert (code, "Traceback" in said) == (0, False)


def asked(port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/ask", json.dumps({"question": "Is ketamine addictive?"}))
    reply = connection.getresponse()
    return reply.status, reply.read().decode()


def test_an_address_of_six_is_shown_as_an_address_bar_takes_it() -> None:
    with pytest.raises(ConfigError, match=r"\[::1\]:99999 cannot be served"):
        _listen("::1", 99999)
    assert (shown_host("::1"), shown_host("127.0.0.1"), shown_host("localhost")) == ("[::1]", "127.0.0.1", "localhost")
