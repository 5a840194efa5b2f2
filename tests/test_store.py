from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, folder_bytes, run_python
from kqa import store
from kqa.errors import IndexCorrupt, IndexMissing, IndexStale, IndexUnwritable, KqaError
from kqa.store import Generation, open_generation, pointed, publish


def writer(text: str, **facts: object) -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        (folder / "words.txt").write_text(text, encoding="utf-8")
        (folder / "deep").mkdir()
        (folder / "deep" / "more.bin").write_bytes(text.encode() * 3)
        return {"note": "fact", **facts}

    return write


def generations(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("gen-*"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    publish(tmp_path / "index", writer("one"))
    return tmp_path / "index"


def test_published_and_opened(folder: Path) -> None:
    generation = open_generation(folder)
    data = (generation.folder / "manifest.json").read_bytes()
    assert generation.sha256 == hashlib.sha256(data).hexdigest()
    assert generation.folder.name == f"gen-{generation.sha256[:16]}"
    assert (folder / "CURRENT").read_text(encoding="ascii") == f"{generation.folder.name}\n"
    assert generation.manifest == json.loads(data)
    assert generation.manifest == {
        "format": store.FORMAT,
        "note": "fact",
        "files": {
            "deep/more.bin": {"size": 9, "sha256": hashlib.sha256(b"oneoneone").hexdigest()},
            "words.txt": {"size": 3, "sha256": hashlib.sha256(b"one").hexdigest()},
        },
    }


def test_the_same_files_give_the_same_folder(folder: Path, tmp_path: Path) -> None:
    before = folder_bytes(folder)
    assert publish(folder, writer("one")) == open_generation(folder)
    publish(tmp_path / "elsewhere", writer("one"))
    assert folder_bytes(folder) == folder_bytes(tmp_path / "elsewhere") == before


def test_a_new_generation_takes_over_and_the_old_one_goes(folder: Path) -> None:
    old = open_generation(folder).folder.name
    new = publish(folder, writer("two"))
    assert generations(folder) == [new.folder.name] != [old]
    assert open_generation(folder) == new
    assert sorted(path.name for path in folder.iterdir()) == sorted([".lock", "CURRENT", new.folder.name])


@pytest.mark.parametrize(
    ("harm", "error", "message"),
    [
        (lambda g: (g / "words.txt").unlink(), IndexCorrupt, r"words\.txt is missing; rebuild with: kqa build"),
        (lambda g: (g / "deep" / "more.bin").unlink(), IndexCorrupt, r"deep/more\.bin is missing"),
        (lambda g: (g / "manifest.json").unlink(), IndexCorrupt, r"manifest\.json is missing"),
        (
            lambda g: (g / "words.txt").write_bytes(b"on"),
            IndexCorrupt,
            r"words\.txt is not what was built; rebuild with: kqa build",
        ),
        (lambda g: (g / "words.txt").write_bytes(b"onE"), IndexCorrupt, r"words\.txt is not what was built"),
        (lambda g: (g / "words.txt").write_bytes(b"one "), IndexCorrupt, r"words\.txt is not what was built"),
        (lambda g: (g / "words.txt").write_bytes(b""), IndexCorrupt, r"words\.txt is not what was built"),
        (lambda g: (g / "words.txt").replace(g / "deep" / "more.bin"), IndexCorrupt, r"more\.bin is not what was built"),
        (lambda g: (g / "manifest.json").write_bytes(b"{}"), IndexCorrupt, r"manifest\.json is not what was built"),
        (lambda g: g.rename(g.parent / "gen-other"), IndexCorrupt, r"manifest\.json is missing"),
        (lambda g: (g.parent / "CURRENT").unlink(), IndexMissing, r"no index in .*index/; build one with: kqa build --index"),
        (
            lambda g: (g.parent / "CURRENT").write_bytes(b""),
            IndexCorrupt,
            r"CURRENT names no generation; rebuild with: kqa build",
        ),
        (lambda g: (g.parent / "CURRENT").write_bytes(b"../gen-1"), IndexCorrupt, r"CURRENT names no generation"),
        (lambda g: (g.parent / "CURRENT").write_bytes(b"gen-/../x"), IndexCorrupt, r"CURRENT names no generation"),
        (lambda g: (g.parent / "CURRENT").write_bytes(b"\xff"), IndexCorrupt, r"CURRENT names no generation"),
        (lambda g: (g.parent / "CURRENT").write_bytes(b"gen-0\0"), IndexCorrupt, r"CURRENT names no generation"),
    ],
)
def test_what_is_not_what_was_built(folder: Path, harm: Callable[[Path], object], error: type, message: str) -> None:
    harm(open_generation(folder).folder)
    with pytest.raises(error, match=message):
        open_generation(folder)


@pytest.mark.parametrize("name", ["words.txt", "deep/more.bin", "manifest.json"])
@pytest.mark.parametrize("place", [0, -1])
def test_one_flipped_bit(folder: Path, name: str, place: int) -> None:
    path = open_generation(folder).folder / name
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexCorrupt, match=rf"{name} is not what was built"):
        open_generation(folder)


def test_a_format_of_another_kqa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "FORMAT", store.FORMAT + 1)
    publish(tmp_path / "index", writer("one"))
    monkeypatch.undo()
    with pytest.raises(
        IndexStale, match=rf"has format {store.FORMAT + 1}, this kqa reads {store.FORMAT}; rebuild with: kqa build"
    ):
        open_generation(tmp_path / "index")


@pytest.mark.parametrize("manifest", [b"[]", b"{}", b'{"format": 1}', b"not JSON", b"\xff"])
def test_a_manifest_that_names_itself_but_says_nothing(tmp_path: Path, manifest: bytes) -> None:
    name = f"gen-{hashlib.sha256(manifest).hexdigest()[:16]}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "manifest.json").write_bytes(manifest)
    (tmp_path / "CURRENT").write_text(f"{name}\n", encoding="ascii")
    with pytest.raises((IndexCorrupt, IndexStale)):
        open_generation(tmp_path)


@pytest.mark.parametrize("kind", ["nothing", "file"])
def test_no_index_there(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "index"
    if kind == "file":
        path.write_text("not a folder", encoding="utf-8")
    with pytest.raises(IndexMissing, match=rf"no index in {path}/; build one with: kqa build --index {path}"):
        open_generation(path)


@pytest.mark.parametrize("name", ["CURRENT", "words.txt", "manifest.json", "deep"])
def test_files_that_may_not_be_read(folder: Path, powerless: tuple[str, ...], name: str) -> None:
    path = folder / name if name == "CURRENT" else open_generation(folder).folder / name
    path.chmod(0)
    code = (
        "import sys; from pathlib import Path; from kqa.store import open_generation; from kqa.errors import IndexCorrupt\n"
        "try: open_generation(Path(sys.argv[1]))\nexcept IndexCorrupt as error: sys.stdout.write(str(error))"
    )
    done = run_python(code, folder, prefix=powerless)
    path.chmod(0o755)
    assert done.stderr == ""
    assert "cannot be read" in done.stdout
    assert name in done.stdout, "the message names the file"


def test_others_may_read(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        generation = publish(tmp_path / "index", writer("one"))
    finally:
        os.umask(before)
    served = [generation.folder, *generation.folder.rglob("*"), tmp_path / "index" / "CURRENT", tmp_path / "index"]
    wanted = {path.name: stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0) for path in served}
    assert {path.name: path.stat().st_mode & wanted[path.name] for path in served} == wanted


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), IndexCorrupt("broken")])
def test_a_writer_that_fails_leaves_the_old_index(folder: Path, error: BaseException) -> None:
    before = folder_bytes(folder)

    def fail(building: Path) -> dict[str, Any]:
        (building / "half.txt").write_text("half", encoding="utf-8")
        raise error

    with pytest.raises(type(error)):
        publish(folder, fail)
    assert folder_bytes(folder) == before
    publish(folder, writer("two"))


def test_a_disk_that_refuses(folder: Path) -> None:
    before = folder_bytes(folder)

    def fail(building: Path) -> dict[str, Any]:
        raise OSError(28, "No space left on device")

    with pytest.raises(
        KqaError, match=r"index cannot be written \(No space left on device\); free or allow it, then: kqa build"
    ):
        publish(folder, fail)
    assert folder_bytes(folder) == before


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(KqaError, match=r"cannot be written"):
        publish(tmp_path / "file" / "index", writer("one"))


def test_what_a_killed_writer_left_is_cleaned_and_never_served(folder: Path) -> None:
    (folder / ".building-left").mkdir()
    (folder / ".building-left" / "half.txt").write_text("half", encoding="utf-8")
    (folder / "CURRENT.new").write_text("gen-half", encoding="ascii")
    assert open_generation(folder).manifest["note"] == "fact"
    publish(folder, writer("one"))
    assert not list(folder.glob(".building-*"))


def test_a_damaged_generation_is_written_anew(folder: Path) -> None:
    generation = open_generation(folder)
    (generation.folder / "words.txt").write_bytes(b"damaged")
    assert publish(folder, writer("one")).folder == generation.folder
    assert open_generation(folder).sha256 == generation.sha256


def test_readers_while_others_publish(folder: Path) -> None:
    stop, failures, opened = threading.Event(), list[BaseException](), list[Generation]()

    def read() -> None:
        while not stop.is_set():
            try:
                opened.append(open_generation(folder))
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(15):
        publish(folder, writer(f"text {number}"))
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert opened


def test_builders_take_turns(tmp_path: Path) -> None:
    writing, clashes = threading.Lock(), list[int]()

    def publish_one(number: int) -> None:
        def write(building: Path) -> dict[str, Any]:
            if not writing.acquire(blocking=False):
                clashes.append(number)
                return {}
            facts = writer(f"text {number}")(building)
            writing.release()
            return facts

        publish(tmp_path / "index", write)

    builders = [threading.Thread(target=publish_one, args=(number,)) for number in range(8)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert clashes == []
    assert len(generations(tmp_path / "index")) == 1
    open_generation(tmp_path / "index")


def test_a_generation_stays_while_it_is_read_and_goes_with_the_next_build(folder: Path) -> None:
    first, again = open_generation(folder), open_generation(folder)
    second = publish(folder, writer("two"))
    assert generations(folder) == sorted([first.folder.name, second.folder.name])
    del first
    publish(folder, writer("three"))
    assert (again.folder / "words.txt").read_text(encoding="utf-8") == "one", "a second reader holds it"
    del again
    third = publish(folder, writer("four"))
    assert generations(folder) == [third.folder.name]


def test_another_process_holds_a_generation_until_it_ends(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from kqa.store import open_generation\n"
        "held = open_generation(Path(sys.argv[1])); sys.stdout.write('held\\n'); sys.stdout.flush(); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == "held\n"
        publish(folder, writer("two"))
        assert len(generations(folder)) == 2
        reader.kill()
    publish(folder, writer("two"))
    assert len(generations(folder)) == 1


def test_a_reader_that_comes_while_a_generation_is_removed_opens_the_new_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def remove(path: Path, ignore_errors: bool = False) -> None:
        if path.name.startswith("gen-"):
            monkeypatch.setattr(shutil, "rmtree", at_once)
            with pytest.raises(FileNotFoundError, match="being removed"):
                store._opened(path)
            opened.append(open_generation(folder))
        at_once(path, ignore_errors=ignore_errors)

    at_once = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", remove)
    new = publish(folder, writer("two"))
    assert opened == [new]
    assert generations(folder) == [new.folder.name]


def test_a_disk_without_locks_is_served_and_keeps_what_may_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = open_generation(folder).folder.name

    def refuse(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert open_generation(folder).folder.name == old
    store._remove_unread(folder / old)
    assert generations(folder) == [old]


def test_what_a_killed_cleaner_left_half_removed_goes_too(folder: Path) -> None:
    (folder / "gen-0000000000000000").mkdir()
    (folder / "gen-0000000000000000" / "words.txt").write_text("half", encoding="utf-8")
    new = publish(folder, writer("two"))
    assert generations(folder) == [new.folder.name]


def test_without_a_pointer_no_generation_is_removed_before_a_new_one_stands(folder: Path) -> None:
    old = open_generation(folder).folder.name
    (folder / "CURRENT").write_text("lost", encoding="ascii")

    def fail(building: Path) -> dict[str, Any]:
        raise OSError(28, "No space left on device")

    with pytest.raises(KqaError):
        publish(folder, fail)
    assert generations(folder) == [old]
    new = publish(folder, writer("two"))
    assert generations(folder) == [new.folder.name]


def test_a_damaged_generation_that_is_read_is_set_aside(folder: Path) -> None:
    held = open_generation(folder)
    damaged = (held.folder / "words.txt").open("r+b")
    damaged.write(b"ONE")
    damaged.close()
    publish(folder, writer("one"))
    assert open_generation(folder) == held
    assert [path.is_dir() for path in folder.glob(".damaged-*")] == [True]
    del held
    publish(folder, writer("one"))
    assert not list(folder.glob(".damaged-*"))


def test_what_is_no_file_is_never_read(folder: Path) -> None:
    path = open_generation(folder).folder / "words.txt"
    path.unlink()
    os.mkfifo(path)  # to read it would wait for ever
    with pytest.raises(IndexCorrupt, match=r"words\.txt is not what was built"):
        open_generation(folder)


def test_a_file_that_the_manifest_does_not_name(folder: Path) -> None:
    generation = open_generation(folder).folder
    (generation / ".DS_Store").write_bytes(b"left by a file browser, read by nobody")
    open_generation(folder)
    (generation / "deep" / "extra.bin").write_bytes(b"read by somebody")
    with pytest.raises(IndexCorrupt, match=r"deep/extra\.bin is no file of this index; take it away"):
        open_generation(folder)


def test_one_publication_is_told_from_the_next(folder: Path) -> None:
    first = pointed(folder)
    assert first == pointed(folder)
    assert first[0] == open_generation(folder).folder.name
    publish(folder, writer("one"))
    assert pointed(folder) != first, "the same files, published anew"
    (folder / "CURRENT").unlink()
    with pytest.raises(IndexMissing):
        pointed(folder)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), r"\(No space left on device\)"),
        (OSError("9 requested and 3 written"), r"\(a file was not written whole: 9 requested and 3 written\)"),
        (
            shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]),
            r"\(\[Errno 28\] No space left on device: 'b'\)",
        ),
    ],
)
def test_why_the_disk_refused(folder: Path, error: OSError, told: str) -> None:
    def fail(building: Path) -> dict[str, Any]:
        raise error

    with pytest.raises(IndexUnwritable, match=told):
        publish(folder, fail)


def test_what_is_not_proved_is_not_put_in_force(folder: Path) -> None:
    before = open_generation(folder).sha256
    proved = []

    def prove(generation: Generation) -> None:
        proved.append((generation.folder / "words.txt").read_text(encoding="utf-8"))
        raise IndexCorrupt("it does not load")

    with pytest.raises(IndexCorrupt, match="it does not load"):
        publish(folder, writer("two"), prove)
    assert proved == ["two"]
    assert open_generation(folder).sha256 == before
    publish(folder, writer("one"), lambda generation: None)
    assert len(generations(folder)) == 1
