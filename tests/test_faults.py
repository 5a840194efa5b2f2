"""Faults in their small forms; ``python tests/faults.py`` has them at full length, docs/reliability.md what they showed."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

import kqa
from conftest import LIGHTHOUSE, ROOT, run_python, write_files
from faults import ANSWER, CONFIG, QUESTION, Outcome, crammed, crowd, damage, filled, kills, limited, small_disk, space
from kqa.serving import Follower, Serving
from kqa.store import open_generation


def test_every_kind_of_damage_to_every_file_is_refused_by_name(own_index: Path, tmp_path: Path) -> None:
    kqa.build(
        write_files(tmp_path / "theirs", LIGHTHOUSE | {"gulls.txt": "Gulls nest on the pier.\n"}), tmp_path / "other", CONFIG
    )
    found = damage(own_index, tmp_path / "other", flips=10, cuts=5)
    assert found.failed == []
    assert set(found.refused) == {
        "one flipped bit", "truncated", "one byte more", "missing", "a folder in its place", "two files swapped",
        "a file of another index", "another format number",
    }  # fmt: skip


def test_builds_killed_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    outcome = kills(tmp_path, 20)
    assert outcome.wrong == []
    assert outcome.facts["answers"]


def test_servers_builders_and_a_deleter_on_one_folder(tmp_path: Path) -> None:
    outcome = crowd(tmp_path, 8.0, servers=2)
    assert outcome.wrong == []
    assert outcome.facts["answers"]


def held(outcome: Outcome, reason: str) -> None:
    assert outcome.wrong == []
    assert any(re.search(reason, str(key)) for key in outcome.facts)


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    held(space(tmp_path, 6, limited), "not written whole|File too large")


@pytest.mark.parametrize(("size", "how"), [("size=4m", filled), ("nr_inodes=200", crammed)])
def test_a_full_disk(size: str, how: object) -> None:
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(size))
        except OSError as error:
            pytest.skip(f"no disk may be mounted here: {error}")
        held(space(disk, 6, how(disk)), "not written whole|No space left on device")  # type: ignore[operator]


_READ_ONLY = """
import json, sys
from pathlib import Path
import kqa
from faults import CONFIG, QUESTION
folder, corpus = map(Path, sys.argv[1:])
index = kqa.Index.load(folder)
told = {"answer": kqa.ask(QUESTION, index).quotes[0].text}
try:
    kqa.build(corpus, folder, CONFIG)
except kqa.errors.KqaError as error:
    told["refused"] = str(error)
sys.stdout.write(json.dumps(told))
"""


def test_a_folder_that_may_only_be_read_is_served_and_not_built(
    own_index: Path, own_lighthouse: Path, powerless: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]))
    (own_lighthouse / "log.txt").write_text("One more entry stands here.\n", encoding="utf-8")
    (own_index / ".lock").unlink(missing_ok=True)
    for path in [*own_index.rglob("*"), own_index]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = run_python(_READ_ONLY, own_index, own_lighthouse, prefix=powerless)
    for path in [own_index, *own_index.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert ANSWER in told["answer"]
    assert "cannot be written (Permission denied); free or allow it, then: kqa build" in told["refused"]


def test_files_that_are_gone_from_the_disk_are_still_answered_from(own_index: Path) -> None:
    index = kqa.Index.load(own_index)
    before = kqa.to_json(kqa.ask(QUESTION, index))
    shutil.rmtree(own_index)
    assert kqa.to_json(kqa.ask(QUESTION, index)) == before


@pytest.mark.parametrize("clock", [0, 2**32])
def test_the_clock_decides_nothing(own_index: Path, own_lighthouse: Path, clock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of files from another century, and a clock that runs backwards: the newest index is the one that CURRENT names."""
    follower = Follower(own_index, serving := Serving(kqa.Index.load(own_index)))
    monkeypatch.setattr(time, "time", lambda: float(clock) - time.monotonic())
    for entry in range(3):
        (own_lighthouse / "log.txt").write_text(f"Entry {entry} of the log stands here.\n", encoding="utf-8")
        kqa.build(own_lighthouse, own_index, CONFIG)
        for path in [own_index, *own_index.rglob("*")]:
            os.utime(path, (clock, clock))
        follower.look()
        assert serving.now.index.manifest == open_generation(own_index).sha256


def test_the_table_names_commands_and_tests_that_exist() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    for name, test in re.findall(r"`(tests/\w+\.py)::(\w+)`", text):
        assert f"def {test}(" in (ROOT / name).read_text(encoding="utf-8"), test
    code = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, *sys.argv[1].split(), '--help']).returncode)"
    for command in sorted(set(re.findall(r"`python (tests/\w+\.py \w+)", text))):
        assert run_python(code, command).returncode == 0, command
