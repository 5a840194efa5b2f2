from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kqa.errors import ShardError
from kqa.journal import DIGEST, Journal

FACTS = {"encoder": "lamp", "dimensions": 3, "bulk": "float32"}
NAMES = [bytes([n]) * DIGEST for n in range(5)]
VECTORS = np.arange(15, dtype=np.float32).reshape(5, 3) / 8
RECORD = DIGEST + 6 + 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal = Journal.open(tmp_path / "j", FACTS)
    journal.add(NAMES[:2], VECTORS[:2])
    journal.add(NAMES[2:], VECTORS[2:])
    journal.keep()
    journal.close()
    return tmp_path / "j"


def test_what_was_added_is_read_back(path: Path) -> None:
    journal = Journal.read(path)
    assert journal.facts == FACTS
    assert list(journal) == NAMES
    assert len(journal) == 5
    assert NAMES[3] in journal
    assert b"x" * DIGEST not in journal
    np.testing.assert_array_equal([journal[name] for name in NAMES], VECTORS.astype(np.float16))


def test_it_grows_where_it_ended(path: Path) -> None:
    journal = Journal.open(path, FACTS)
    journal.add([b"z" * DIGEST], VECTORS[:1] + 1)
    np.testing.assert_array_equal(journal[b"z" * DIGEST], VECTORS[0] + 1)
    np.testing.assert_array_equal(journal[NAMES[0]], VECTORS[0])
    journal.close()
    assert list(Journal.read(path)) == [*NAMES, b"z" * DIGEST]


@pytest.mark.parametrize("cut", range(1, 2 * RECORD))
def test_a_file_cut_off_keeps_what_is_whole_and_goes_on(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    whole = 5 - -(-cut // RECORD)
    journal = Journal.open(path, FACTS)
    assert list(journal) == NAMES[:whole]
    journal.add(NAMES[whole:], VECTORS[whole:])
    journal.close()
    again = Journal.read(path)
    np.testing.assert_array_equal([again[name] for name in NAMES], VECTORS.astype(np.float16))


@pytest.mark.parametrize("at", range(-3 * RECORD, 0, 5))
def test_a_flipped_bit_ends_what_is_read(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)
    assert list(Journal.read(path)) == NAMES[: 5 - -(at // RECORD)]


@pytest.mark.parametrize("facts", [{**FACTS, "encoder": "other"}, {**FACTS, "dimensions": 4}, {**FACTS, "bulk": "bfloat16"}])
def test_what_another_encoder_made_is_not_taken_over(path: Path, facts: dict[str, object]) -> None:
    journal = Journal.open(path, facts)
    assert len(journal) == 0
    journal.add(NAMES[:1], np.ones((1, int(str(facts["dimensions"])))))
    journal.close()
    assert list(Journal.read(path)) == NAMES[:1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b'{"dimensions": 0}\n',
        b'{"dimensions": "x"}\n',
        b'{"dimensions": Infinity}\n',
        b"\xff" * 9000,
        b"[" * 9000,
    ],
)
def test_a_file_that_holds_no_vectors(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "j").write_bytes(data)
    with pytest.raises(ShardError, match=r"j holds no vectors; name what kqa build --shard wrote"):
        Journal.read(tmp_path / "j")
    assert len(Journal.open(tmp_path / "j", FACTS)) == 0


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"nowhere cannot be read \(No such file or directory\)"):
        Journal.read(tmp_path / "nowhere")


def test_a_digest_that_stands_there_twice_counts_as_two_records(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data + data[-2 * RECORD : -RECORD])
    journal = Journal.open(path, FACTS)
    assert list(journal) == NAMES
    journal.add([b"z" * DIGEST], VECTORS[:1] + 1)
    journal.close()
    again = Journal.read(path)
    assert path.stat().st_size == len(data) + 2 * RECORD
    np.testing.assert_array_equal([again[name] for name in NAMES], VECTORS.astype(np.float16))
    np.testing.assert_array_equal(again[b"z" * DIGEST], VECTORS[0] + 1)
