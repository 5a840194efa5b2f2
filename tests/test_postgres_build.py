from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

import kqa
from kqa.errors import CorpusError
from kqa.exports import is_current
from kqa.intake import take_in
from kqa.postgres_build import _place_models, build_remote
from kqa.shards import encode_shard
from postgres_server import Server, Servers


def test_shares_are_taken_over(servers: Servers, primary: Server, lighthouse: Path, config: kqa.Config, tmp_path: Path) -> None:
    documents = take_in(lighthouse, strict=True).documents
    shard, texts = encode_shard(documents, tmp_path, config, (1, 1))
    seen: list[tuple[int, int]] = []
    built = build_remote(
        documents[::-1], servers.database(primary), config, lighthouse, lambda *at: seen.append(at), shards=[shard]
    )
    assert (built.encoded, built.reused, seen) == (0, texts, [])
    fresh: list[tuple[int, int]] = []
    again = kqa.build(lighthouse, servers.database(primary), config, lambda *at: fresh.append(at))
    assert again.manifest == built.manifest
    assert fresh == [(at, again.encoded) for at in range(1, again.encoded + 1)]


@pytest.mark.parametrize("documents", [[], [kqa.Document("a.txt", "", "", kqa.Source("a"))]])
def test_nothing_to_quote(servers: Servers, primary: Server, documents: Sequence[kqa.Document], config: kqa.Config) -> None:
    with pytest.raises(CorpusError, match="nothing to quote"):
        build_remote(documents, servers.database(primary), config)


def test_models_of_which_one_file_is_damaged_are_all_made_anew(tmp_path: Path) -> None:
    good, bad = b"{}", b"bitten"
    held = {"encoder/a.json": good, "encoder/encoder.json": bad}
    files = {"encoder/a.json": hashlib.sha256(good).hexdigest(), "encoder/encoder.json": "0" * 64}
    writer = SimpleNamespace(files=files, name="db", rows=lambda query, name, binary: [(held[name],)])
    _place_models(writer, tmp_path, "hashing", screened=False)  # type: ignore[arg-type]
    assert writer.files == {}
    assert [path.name for path in (tmp_path / "encoder").iterdir()] == ["encoder.json"]
    assert is_current("hashing", tmp_path / "encoder")
