"""Named files on disk: immutable generations, published atomically, verified before anything in them is parsed.

``CURRENT`` names the generation in force; ``gen-<hash of its manifest>/`` never changes once it has that name. A reader that
opened one generation holds it, and it stays in place while others are published, until nobody reads it any more.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kqa.errors import IndexCorrupt, IndexMissing, IndexStale, IndexUnwritable, UnusableIndex

FORMAT = 6
_MANIFEST = "manifest.json"
_POINTER = "CURRENT"
_BUILDING = ".building-"
_ASIDE = ".damaged-"
_NAME = re.compile(rb"(gen-[0-9a-f]{16})\n")
_RETRIES = 5  # a generation may be cleaned away between reading the pointer and opening it, and be published again
_PAUSE = 0.02  # seconds between two of them


class Hold:
    """Keeps a generation in place for as long as this object lives: a shared lock on its manifest, which writes nothing."""

    def __init__(self, file: int) -> None:
        weakref.finalize(self, os.close, file)


@dataclass(frozen=True, slots=True)
class Generation:
    """A verified generation: its folder, its manifest and the manifest's SHA-256.

    Its files stay in place while ``hold`` lives; whoever opens them later, or maps them, keeps it.
    """

    folder: Path
    manifest: dict[str, Any]
    sha256: str
    hold: Hold | None = field(default=None, compare=False, repr=False)


def publish(
    folder: Path, write: Callable[[Path], dict[str, Any]], prove: Callable[[Generation], object] | None = None
) -> Generation:
    """Write a new generation beside the others and make it the one in force, atomically.

    ``write`` fills an empty folder and returns the facts for the manifest; equal files and facts give an equal name.
    ``prove`` raises for a generation that cannot answer, which is then not put in force. Old generations are removed before
    and after, but for those that somebody reads: they wait for a later build. A second builder waits. Raises
    IndexUnwritable when the disk refuses.
    """
    from filelock import FileLock

    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)  # a second builder may have been faster
            folder.chmod(0o755)
        with FileLock(folder / ".lock", mode=0o644):
            _clean(folder)
            building = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=folder))
            try:
                generation = _seal(building, write(building))
                if prove:
                    prove(generation)
                _point(folder, generation.folder.name)
            finally:
                shutil.rmtree(building, ignore_errors=True)
            _clean(folder)
            return generation
    except OSError as error:
        raise IndexUnwritable(f"{folder} cannot be written ({_reason(error)}); free or allow it, then: kqa build") from error


def _reason(error: OSError) -> str:
    if isinstance(error, shutil.Error) and error.args and error.args[0]:
        return str(error.args[0][0][-1])  # the first of the files that could not be copied
    return error.strerror or f"a file was not written whole: {error}"  # numpy's own have no number and no reason


def open_generation(folder: Path) -> Generation:
    """Open the generation in force, hold it, and check the size and hash of every file in it.

    Raises IndexMissing, IndexStale for another format, IndexCorrupt naming the file.
    """
    gone = FileNotFoundError()
    for _ in range(_RETRIES):
        name = _current(folder)
        try:
            return _opened(folder / name)
        except FileNotFoundError as error:
            gone = error
            time.sleep(_PAUSE)
        except OSError as error:
            raise IndexCorrupt(f"{error.filename} cannot be read ({error.strerror}); allow it, or: kqa build") from error
    which = gone.filename if (folder / name).is_dir() else f"{folder / _POINTER} names {name}/, whose {_MANIFEST}"
    raise IndexCorrupt(f"{which} is missing; rebuild with: kqa build --index {folder}") from gone


def pointed(folder: Path) -> tuple[str, ...]:
    """Return what tells one publication from the next; raises UnusableIndex where nothing is published."""
    name = _current(folder)
    with suppress(OSError):
        now = (folder / _POINTER).stat()
        return name, str(now.st_ino), str(now.st_mtime_ns)  # the same name is published again where it was damaged
    return (name,)


def _seal(building: Path, facts: dict[str, Any]) -> Generation:
    files = {}
    for path in sorted(p for p in building.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            size, digest = os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()
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
            final.rename(tempfile.mkdtemp(prefix=_ASIDE, dir=final.parent))  # who reads it keeps what is open
    building.rename(final)
    _sync(final.parent)
    return Generation(final, manifest, sha256)


def _clean(folder: Path) -> None:
    """Remove what killed builders left, and generations that are neither in force nor read."""
    for left in folder.glob(f"{_BUILDING}*"):
        shutil.rmtree(left, ignore_errors=True)
    for damaged in folder.glob(f"{_ASIDE}*"):
        _remove_unread(damaged)
    with suppress(UnusableIndex):  # without a pointer nobody knows which is still good
        kept = _current(folder)
        for old in folder.glob("gen-*"):
            if old.name != kept:
                _remove_unread(old)


def _remove_unread(generation: Path) -> None:
    """Remove a generation, unless a reader holds it; a reader that comes meanwhile is told that it is gone."""
    from fcntl import LOCK_EX, LOCK_NB, flock

    try:
        file = os.open(generation / _MANIFEST, os.O_RDWR)  # for writing: some network disks ask that of who wants it alone
    except FileNotFoundError:
        shutil.rmtree(generation, ignore_errors=True)  # half removed already; without a manifest nobody holds it
        return
    except OSError:
        return
    try:
        flock(file, LOCK_EX | LOCK_NB)
        shutil.rmtree(generation, ignore_errors=True)
    except OSError:
        pass
    finally:
        os.close(file)


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
        found = _NAME.fullmatch((folder / _POINTER).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexMissing(f"no index in {folder}/; build one with: kqa build --index {folder}") from error
    except OSError as error:
        raise IndexCorrupt(f"{folder / _POINTER} cannot be read; rebuild with: kqa build --index {folder}") from error
    if not found:
        raise IndexCorrupt(f"{folder / _POINTER} names no generation; rebuild with: kqa build --index {folder}")
    return found[1].decode("ascii")


def _opened(generation: Path) -> Generation:
    """Hold a generation first, then verify it: held, it is not removed meanwhile."""
    from fcntl import LOCK_NB, LOCK_SH, flock

    file = os.open(generation / _MANIFEST, os.O_RDONLY)
    hold = Hold(file)
    try:
        flock(file, LOCK_SH | LOCK_NB)
    except BlockingIOError as error:
        raise FileNotFoundError(errno.ENOENT, "being removed", str(generation / _MANIFEST)) from error
    except OSError:
        pass  # a disk without locks; what is read from it is as good
    if not os.fstat(file).st_nlink:
        raise FileNotFoundError(errno.ENOENT, "removed", str(generation / _MANIFEST))
    return replace(_verified(generation), hold=hold)


def _verified(generation: Path) -> Generation:
    data = (generation / _MANIFEST).read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    if generation.name != f"gen-{sha256[:16]}":
        raise _altered(generation / _MANIFEST)
    manifest = _parsed(data, generation)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets other threads run
        for _ in pool.map(
            lambda file: _check(generation / file[0], file[1]["size"], file[1]["sha256"]), manifest["files"].items()
        ):
            pass
    named = {*manifest["files"], _MANIFEST}
    for path in sorted(generation.rglob("[!.]*")):
        if not path.is_dir() and path.relative_to(generation).as_posix() not in named:  # or it would be read unverified
            raise IndexCorrupt(f"{path} is no file of this index; take it away, or rebuild with: kqa build")
    return Generation(generation, manifest, sha256)


def _check(path: Path, size: int, sha256: str) -> None:
    """Raise IndexCorrupt unless a file has this size and this SHA-256; what is no file, or of another size, is not read."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        raise _altered(path)
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise _altered(path)


def _altered(path: Path) -> IndexCorrupt:
    return IndexCorrupt(f"{path} is not what was built; rebuild with: kqa build")


def _parsed(data: bytes, generation: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(data)
        if manifest["format"] != FORMAT:
            found = f"{generation} has format {manifest['format']}, this kqa reads {FORMAT}"
            raise IndexStale(f"{found}; rebuild with: kqa build --index {generation.parent}")
        files = {str(name): (int(entry["size"]), str(entry["sha256"])) for name, entry in manifest["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexCorrupt(f"{generation / _MANIFEST} is no manifest; rebuild with: kqa build") from error
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
        raise IndexCorrupt(f"{generation / _MANIFEST} names a file outside; rebuild with: kqa build")
    return manifest


def is_current(generation: Generation) -> bool:
    """Whether a generation is still the one in force; one that is not may be cleaned away while it is read."""
    return _current(generation.folder.parent) == generation.folder.name
