"""The README's commands do what it says: those in shell blocks marked ``<!-- tested -->`` are run, in order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

MARKED = re.compile(r"<!-- tested -->\s*\n```(?:sh|bash|shell|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)")


def readme() -> str:
    path = ROOT / "README.md"
    if not path.is_file():
        pytest.skip("there is no README.md yet")
    return path.read_text(encoding="utf-8")


def blocks() -> list[str]:
    path = ROOT / "README.md"
    return MARKED.findall(path.read_text(encoding="utf-8")) if path.is_file() else []


def commands(block: str) -> str:
    """Drop prompts and the output that follows them, where a block shows both."""
    lines = block.splitlines()
    prompted = [line[2:] for line in lines if line.startswith("$ ")]
    return "\n".join(prompted or lines)


def shown(block: str) -> str:
    """Return a pattern of what a block shows as printed: any white space for any, and anything for a line “…”."""
    printed = "\n".join(line for line in block.splitlines() if not line.startswith("$ "))
    return r"\s*".join(".*" if word == "…" else re.escape(word) for word in printed.split())


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what a reader has after building: corpus, questions, index."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("corpus", "evaluation", "index"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
    return folder


@pytest.mark.weights
@pytest.mark.parametrize("number", range(max(1, len(blocks()))))
def test_the_commands_run(checkout: Path, number: int) -> None:
    found = MARKED.findall(readme())
    if not found:
        pytest.skip("README.md marks no shell block with <!-- tested -->")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = f"set -eo pipefail\n{commands(found[number])}\n"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=checkout,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{found[number]}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    if "\n$ " in f"\n{found[number]}":
        assert re.fullmatch(rf"\s*{shown(found[number])}\s*", done.stdout, re.DOTALL), done.stdout


def test_links_lead_to_files_that_are_there() -> None:
    assert [link for link in LINK.findall(readme()) if not (ROOT / link).exists()] == []
