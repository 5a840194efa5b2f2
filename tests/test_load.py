"""A small crowd before a server of its own; what larger ones saw stands in docs/reliability.md."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from browser_server import small_index
from conftest import ROOT


def test_ten_people_are_answered_or_told_to_wait(tmp_path: Path) -> None:
    index = small_index(tmp_path)
    given = ("--users", "10", "--crowd", "30", "--seconds", "3", "--single", "1.5", "--index", str(index))
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "load.py"), *given], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout, done.stderr
    told = json.loads(done.stdout.rpartition("}\n")[0] + "}")
    for name in ("one", "many", "crowd", "one again"):
        assert told[name]["failed"] == {}, name
        assert told[name]["ms"]["answer"]["count"] > 0
    assert all(text.startswith(("429", "503")) for name in ("many", "crowd") for text in told[name]["refused"])
    assert told["many"]["ms"]["open"]["count"] == 10
    memory = next(value for name, value in told.items() if name.startswith("MB"))
    assert memory[-1] - memory[1] < 20
    assert done.stdout.splitlines()[-1].startswith("| 10 people for 3 s, then 30 |")
