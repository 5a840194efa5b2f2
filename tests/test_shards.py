from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import kqa
from conftest import folder_bytes
from kqa.building import build_index
from kqa.errors import ConfigError, IndexUnwritable, ShardError
from kqa.intake import take_in
from kqa.journal import Journal
from kqa.shards import encode_shard, read_share
from kqa.vectors import JOURNAL


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "/", "1/", "a/b", "-1/2", "1/2/3", "²/3", ""])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(ConfigError, match="is no share; write 2/8 for the second of eight"):
        read_share(text)
    assert read_share("2/8") == (2, 8)


@pytest.mark.parametrize("parts", [1, 3])
def test_shares_make_the_same_index_as_one_build(own_lighthouse: Path, config: kqa.Config, tmp_path: Path, parts: int) -> None:
    documents = take_in(own_lighthouse, strict=True).documents
    kqa.build(own_lighthouse, tmp_path / "one", config)
    made = [encode_shard(documents, tmp_path / f"s{n}", config, (n, parts)) for n in range(1, parts + 1)]
    assert all(count > 0 for _, count in made)
    files = [path for path, _ in made]
    built = build_index(documents, tmp_path / "merged", config, own_lighthouse, shards=files)
    assert (built.encoded, built.reused) == (0, sum(count for _, count in made))
    assert folder_bytes(tmp_path / "merged") == folder_bytes(tmp_path / "one")


def test_a_missing_share_is_said_and_nothing_published(own_lighthouse: Path, config: kqa.Config, tmp_path: Path) -> None:
    documents = take_in(own_lighthouse, strict=True).documents
    path, _ = encode_shard(documents, tmp_path, config, (1, 2))
    with pytest.raises(ShardError, match=r"no shard holds \d+ of the corpus's texts; name the shards of all parts"):
        build_index(documents, tmp_path / "merged", config, own_lighthouse, shards=[path])
    with pytest.raises(kqa.errors.IndexMissing):
        kqa.Index.load(tmp_path / "merged")


def test_a_share_of_another_encoder_is_refused(own_lighthouse: Path, config: kqa.Config, tmp_path: Path) -> None:
    facts = {"encoder": "other", "dimensions": 384, "bulk": "float32"}
    Journal.open(tmp_path / "s", facts).close()
    with pytest.raises(ShardError, match=r"s was made otherwise \(encoder other there, hashing-1 here"):
        build_index(
            take_in(own_lighthouse, strict=True).documents, tmp_path / "merged", config, own_lighthouse, shards=[tmp_path / "s"]
        )


def test_a_share_goes_on_where_it_stopped(own_lighthouse: Path, config: kqa.Config, tmp_path: Path) -> None:
    documents = take_in(own_lighthouse, strict=True).documents
    path, count = encode_shard(documents, tmp_path, config, (1, 1))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    told: list[tuple[int, int]] = []
    encode_shard(documents, tmp_path, config, (1, 1), lambda *counts: told.append(counts))
    assert path.read_bytes() == whole
    assert 0 < told[-1][1] < count


KILLED = """
import sys, time
from pathlib import Path
import kqa, kqa.vectors
kqa.vectors._KEPT_TOGETHER = 1
def slowly(done, total):
    print(done, flush=True)
    time.sleep(0.05)
kqa.build(Path(sys.argv[1]), Path(sys.argv[2]), kqa.Config(encoder="hashing"), slowly)
"""


def test_a_killed_build_is_gone_on_with(own_lighthouse: Path, config: kqa.Config, tmp_path: Path) -> None:
    program = [sys.executable, "-c", KILLED, str(own_lighthouse), str(tmp_path / "index")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        for line in running.stdout:
            if int(line) >= 10:
                break
        os.kill(running.pid, signal.SIGKILL)
    assert (tmp_path / "index" / JOURNAL).stat().st_size > 0
    built = kqa.build(own_lighthouse, tmp_path / "index", config)
    assert built.reused >= 10
    assert not (tmp_path / "index" / JOURNAL).exists()
    kqa.build(own_lighthouse, tmp_path / "fresh", config)
    assert folder_bytes(tmp_path / "index") == folder_bytes(tmp_path / "fresh")


def test_a_place_where_no_share_can_be_written(own_lighthouse: Path, config: kqa.Config, tmp_path: Path) -> None:
    documents = take_in(own_lighthouse).documents
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none")):
        with pytest.raises(IndexUnwritable, match=rf"{folder} cannot be written \(.+\); free or allow it"):
            encode_shard(documents, folder, config, (1, 1))


def test_two_that_encode_one_share_take_turns(own_lighthouse: Path, config: kqa.Config, tmp_path: Path) -> None:
    documents = take_in(own_lighthouse).documents
    alone, _ = encode_shard(documents, tmp_path / "alone", config, (1, 1))
    within: list[int] = []
    second: list[threading.Thread] = []

    def begun(done: int, _: int) -> None:
        within.append(threading.get_ident())
        if not second:
            second.append(threading.Thread(target=encode_shard, args=(documents, tmp_path / "s", config, (1, 1), begun)))
            second[0].start()
        time.sleep(0.01)

    path, _ = encode_shard(documents, tmp_path / "s", config, (1, 1), begun)
    second[0].join(60)
    assert set(within) == {threading.get_ident()}, "the second one waited and found everything there"
    assert path.read_bytes() == alone.read_bytes()
