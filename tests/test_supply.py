"""What is installed: pinned alike in three places, with hashes of files, under licences that are allowed."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from conftest import ROOT
from licences import allowed, installed

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)((?:\s*\\?\s*--hash=sha256:[0-9a-f]{64})*)", re.MULTILINE)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(file: str) -> dict[str, str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    return {canonical(name): pinned.partition("+")[0] for name, pinned, _ in _PIN.findall(text)}


def declared() -> Iterator[tuple[str, str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in [*project["dependencies"], *(one for group in project["optional-dependencies"].values() for one in group)]:
        found = re.match(r"([A-Za-z0-9._-]+)(?:\[[\w,]+\])?>=([\d.]+)", line)
        assert found, f"{line} has no lower bound"
        yield canonical(found[1]), found[2]


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def test_every_dependency_is_pinned_at_its_lower_bound_or_above() -> None:
    pinned = pins("constraints.txt")
    assert [name for name, _ in declared() if name not in pinned] == []
    assert [name for name, least in declared() if numbers(pinned[name]) < numbers(least)] == []


def test_lock_and_constraints_agree() -> None:
    locked, pinned = pins("requirements.lock"), pins("constraints.txt")
    assert {name: (at, pinned.get(name)) for name, at in locked.items() if pinned.get(name) != at} == {}
    assert sorted(set(pinned).difference(locked)) == [], "run make lock"


def test_every_locked_version_has_hashes_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert [name for name, _, hashes in _PIN.findall(text) if not hashes] == []
    assert re.findall(r"\S*(?://|file:|find-links|index-url|trusted-host)\S*", text) == []
    named = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(named) == len(_PIN.findall(text))


def test_what_the_pinned_packages_need_is_pinned_too() -> None:
    pinned = pins("constraints.txt")
    lacking = {}
    for package in distributions():
        name = canonical(package.metadata["Name"])
        if name not in pinned or name == "torch":  # whose other builds need CUDA
            continue
        needs = [Requirement(line) for line in package.requires or []]
        needed = {canonical(need.name) for need in needs if not need.marker or need.marker.evaluate({"extra": ""})}
        if missing := sorted(needed.difference(pinned)):
            lacking[name] = missing
    assert lacking == {}


def test_what_is_installed_is_what_is_pinned() -> None:
    found = {}
    for name, pinned in pins("constraints.txt").items():
        try:
            found[name] = (version(name).partition("+")[0], pinned)
        except PackageNotFoundError:
            continue  # of an extra, or for another system
    assert {name: both for name, both in found.items() if both[0] != both[1]} == {}
    assert len(found) > 50


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-2.0-only AND (Apache-2.0 OR MIT)", False),
        ("AGPL-3.0-or-later", False),
        ("not stated", False),
        ("", False),
    ],
)
def test_expressions_of_licences(licence: str, expected: bool) -> None:
    assert allowed(licence) is expected


def test_every_dependency_has_an_allowed_licence() -> None:
    known = set(pins("constraints.txt"))
    listed = {name: licence for name, (_, licence) in installed().items() if canonical(name) in known}
    assert {name: licence for name, licence in listed.items() if not allowed(licence)} == {}
    assert len(listed) > 50


@pytest.mark.parametrize(("code", "served"), [(0, True), (1, True), (2, False)])
def test_make_serve_goes_on_where_a_document_was_refused(tmp_path: Path, code: int, served: bool) -> None:
    """Exit 1 of the build says that the others are in the index; after another there may be none."""
    (tmp_path / "bin").mkdir()
    for name in ("bin/python", ".installed"):
        (tmp_path / name).touch()
    command = tmp_path / "bin" / "kqa"
    command.write_text(f'#!/bin/sh\necho "kqa $1"\n[ "$1" = serve ] || exit {code}\n', encoding="utf-8")
    command.chmod(0o755)
    surroundings = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        ["make", "serve", f"VENV={tmp_path}"], cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False
    )
    assert ("\nkqa serve\n" in done.stdout, done.returncode == 0) == (served, served)
