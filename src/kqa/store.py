"""Named files on disk: immutable generations, published atomically, verified before anything in them is parsed.

``CURRENT`` names the generation in force; ``gen-<hash of its manifest>/`` never changes once it has that name. A reader that
opened one generation keeps it while another is published.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kqa.errors import IndexCorrupt, IndexMissing, IndexStale, IndexUnwritable, UnusableIndex

FORMAT = 3
_MANIFEST = "manifest.json"
_POINTER = "CURRENT"
_BUILDING = ".building-"
_RETRIES = 3  # a generation may be cleaned away between reading the pointer and opening it


@dataclass(frozen=True, slots=True)
class Generation:
    """A verified generation: its folder, its manifest and the manifest's SHA-256."""

    folder: Path
    manifest: dict[str, Any]
    sha256: str


def publish(folder: Path, write: Callable[[Path], dict[str, Any]]) -> Generation:
    """Write a new generation beside the others and make it the one in force, atomically.

    ``write`` fills an empty folder and returns the facts for the manifest; equal files and facts give an equal name. Old
    generations are removed after the pointer has moved. A second builder waits. Raises IndexUnwritable when the disk refuses.
    """
    from filelock import FileLock

    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)  # a second builder may have been faster
            folder.chmod(0o755)
        with FileLock(folder / ".lock", mode=0o644):
            for left in folder.glob(f"{_BUILDING}*"):
                shutil.rmtree(left, ignore_errors=True)
            building = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=folder))
            try:
                generation = _seal(building, write(building))
                _point(folder, generation.folder.name)
            finally:
                shutil.rmtree(building, ignore_errors=True)
            for old in folder.glob("gen-*"):
                if old.name != generation.folder.name:
                    shutil.rmtree(old, ignore_errors=True)
            return generation
    except OSError as error:
        what = error.strerror or error
        raise IndexUnwritable(f"{folder} cannot be written ({what}); free or allow it, then: kqa build") from error


def open_generation(folder: Path) -> Generation:
    """Open the generation in force and check the size and hash of every file in it."""
    for attempt in range(_RETRIES):
        name = _current(folder)
        try:
            return _verified(folder / name)
        except FileNotFoundError as error:
            if attempt == _RETRIES - 1 or _current(folder) == name:
                raise IndexCorrupt(f"{error.filename} is missing; rebuild with: kqa build --index {folder}") from error
        except OSError as error:
            raise IndexCorrupt(f"{error.filename} cannot be read ({error.strerror}); allow it, or: kqa build") from error
    raise IndexCorrupt(f"{folder} changes too fast to be opened; try again")


def _seal(building: Path, facts: dict[str, Any]) -> Generation:
    files = {}
    for path in sorted(p for p in building.rglob("*") if p.is_file()):
        size, digest = _size_and_hash(path)
        files[path.relative_to(building).as_posix()] = {"size": size, "sha256": digest}
        path.chmod(0o644)
        _sync(path)
    manifest = {"format": FORMAT, **facts, "files": files}
    data = (json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    (building / _MANIFEST).write_bytes(data)
    (building / _MANIFEST).chmod(0o644)
    for directory in [building, *(p for p in building.rglob("*") if p.is_dir())]:
        directory.chmod(0o755)  # mkdtemp's 0700 would keep another user from serving it
    _sync(building / _MANIFEST)
    sha256 = hashlib.sha256(data).hexdigest()
    final = building.parent / f"gen-{sha256[:16]}"
    if final.exists():
        try:
            return _verified(final)
        except (UnusableIndex, OSError):
            shutil.rmtree(final)
    building.rename(final)
    _sync(final.parent)
    return Generation(final, manifest, sha256)


def _point(folder: Path, name: str) -> None:
    pointer = folder / f"{_POINTER}.new"
    pointer.write_text(name + "\n", encoding="ascii")
    pointer.chmod(0o644)
    _sync(pointer)
    os.replace(pointer, folder / _POINTER)
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _current(folder: Path) -> str:
    try:
        name = (folder / _POINTER).read_text(encoding="ascii").strip()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexMissing(f"no index in {folder}/; build one with: kqa build --index {folder}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise IndexCorrupt(f"{folder / _POINTER} cannot be read; rebuild with: kqa build --index {folder}") from error
    if not re.fullmatch(r"gen-[0-9a-f]{16}", name):
        raise IndexCorrupt(f"{folder / _POINTER} names no generation; rebuild with: kqa build --index {folder}")
    return name


def _verified(generation: Path) -> Generation:
    data = (generation / _MANIFEST).read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    if generation.name != f"gen-{sha256[:16]}":
        raise IndexCorrupt(f"{generation / _MANIFEST} is not what was built; rebuild with: kqa build")
    manifest = _parsed(data, generation)
    files = manifest["files"]
    paths = [generation / name for name in files]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets other threads run
        for path, found, expected in zip(paths, pool.map(_size_and_hash, paths), files.values(), strict=True):
            if found != (expected["size"], expected["sha256"]):
                raise IndexCorrupt(f"{path} is not what was built; rebuild with: kqa build")
    return Generation(generation, manifest, sha256)


def _size_and_hash(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return os.fstat(file.fileno()).st_size, digest


def _parsed(data: bytes, generation: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(data)
        if manifest["format"] != FORMAT:
            found = f"{generation} has format {manifest['format']}, this kqa reads {FORMAT}"
            raise IndexStale(f"{found}; rebuild with: kqa build")
        files = {str(name): (int(entry["size"]), str(entry["sha256"])) for name, entry in manifest["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexCorrupt(f"{generation / _MANIFEST} is no manifest; rebuild with: kqa build") from error
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
        raise IndexCorrupt(f"{generation / _MANIFEST} names a file outside; rebuild with: kqa build")
    return manifest


def is_current(generation: Generation) -> bool:
    """Whether a generation is still the one in force; one that is not may be cleaned away while it is read."""
    return _current(generation.folder.parent) == generation.folder.name
