"""Nothing is fetched: building and asking work with every connection refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import kqa
from conftest import CALIBRATION, folder_bytes, run_python
from kqa.store import open_generation

OFFLINE = """
import socket, sys
from pathlib import Path

def refuse(self, address, *_):
    raise SystemExit(f"connects to {address}")

def look_up(*arguments, **_):
    raise SystemExit(f"looks up {arguments}")

socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refuse
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = look_up
import kqa

corpus, index = Path(sys.argv[1]), Path(sys.argv[2])
if sys.argv[3:] == ["ask"]:
    pass
else:
    kqa.build(corpus, index, %s)
answer = kqa.ask("When does the horn sound in fog?", kqa.Index.load(index, corpus))
sys.stdout.write(answer.outcome)
"""


def test_the_sockets_of_this_test_are_shut(tmp_path: Path) -> None:
    code = OFFLINE.partition("import kqa\n")[0] + "socket.create_connection(('192.0.2.1', 80))"
    assert "looks up" in run_python(code).stderr


def test_hashing_builds_and_asks_offline(lighthouse: Path, tmp_path: Path) -> None:
    code = OFFLINE % f"kqa.Config(encoder='hashing', calibration={CALIBRATION})"
    done = run_python(code, lighthouse, tmp_path / "index")
    assert (done.returncode, done.stdout, done.stderr) == (0, "answered", "")


@pytest.mark.weights
def test_the_real_encoder_asks_offline(real_folder: Path, lighthouse: Path) -> None:
    done = run_python(OFFLINE % "None", lighthouse, real_folder, "ask")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.weights
def test_the_real_encoder_builds_offline_from_nothing_the_same_bytes(
    real_folder: Path, lighthouse: Path, tmp_path: Path
) -> None:
    done = run_python(OFFLINE % "None", lighthouse, tmp_path / "index")
    assert done.returncode == 0, done.stderr
    assert done.stdout in set(kqa.Outcome)
    fresh, reused = (folder_bytes(open_generation(folder).folder) for folder in (tmp_path / "index", real_folder))
    assert sorted(name for name in {*fresh, *reused} if fresh.get(name) != reused.get(name)) == []
