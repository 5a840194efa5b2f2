from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import folder_bytes


def test_shares_are_encoded_and_merged_into_what_one_build_makes(lighthouse: Path, settings: Path, tmp_path: Path, run) -> None:
    chosen = ("--config", settings)
    run("build", lighthouse, "--index", tmp_path / "one", *chosen)
    for share in ("1/2", "2/2"):
        code, out, err = run("build", lighthouse, "--index", tmp_path / "shares", "--shard", share, *chosen)
        assert (code, out) == (0, "")
        assert f"texts in {tmp_path}/shares/shard-{share[0]}-of-2.vectors; when all shares are there: kqa merge" in err
    shares = sorted((tmp_path / "shares").glob("shard-*.vectors"))
    code, out, err = run("merge", *shares, "--corpus", lighthouse, "--index", tmp_path / "merged", *chosen, "--json")
    assert (code, json.loads(out)["encoded"]) == (0, 0)
    assert folder_bytes(tmp_path / "merged") == folder_bytes(tmp_path / "one")
    code, out, err = run("merge", shares[0], "--corpus", lighthouse, "--index", tmp_path / "half", *chosen)
    assert (code, out) == (2, "")
    assert "of the corpus's texts; name the shards of all parts" in err


def test_a_share_is_told_as_json(lighthouse: Path, settings: Path, tmp_path: Path, run) -> None:
    code, out, _ = run("build", lighthouse, "--index", tmp_path, "--config", settings, "--shard", "1/1", "--json")
    assert code == 0
    assert json.loads(out)["shard"] == str(tmp_path / "shard-1-of-1.vectors")
    assert json.loads(out)["texts"] > 10


@pytest.mark.parametrize("share", ["0/2", "3/2", "two"])
def test_what_is_no_share_is_refused(lighthouse: Path, settings: Path, tmp_path: Path, run, share: str) -> None:
    code, out, err = run("build", lighthouse, "--index", tmp_path, "--config", settings, "--shard", share)
    assert (code, out) == (2, "")
    assert f"{share} is no share; write 2/8 for the second of eight" in err


def test_what_is_refused_of_a_share_is_listed(own_lighthouse: Path, settings: Path, tmp_path: Path, run) -> None:
    (own_lighthouse / "bad.txt").write_bytes(b"caf\xe9")
    command = ("build", own_lighthouse, "--index", tmp_path, "--config", settings, "--shard", "1/1")
    code, out, err = run(*command)
    assert (code, out) == (1, "")
    assert "refused, and not in the share: 1; the others are in it (to stop instead: --strict)" in err
    assert "bad.txt is not UTF-8" in err
    code, out, err = run(*command, "--json")
    assert (code, list(json.loads(out)["refused"])) == (1, ["bad.txt"])


def test_two_corpora_at_once_are_refused(lighthouse: Path, settings: Path, tmp_path: Path, run) -> None:
    command = ("build", lighthouse, "--index", tmp_path / "i", "--config", settings, "--corpus")
    code, out, err = run(*command, tmp_path)
    assert (code, out) == (2, "")
    assert f"two corpora are named, {lighthouse} and {tmp_path}; leave one of them out" in err
    assert run(*command, lighthouse)[0] == 0
