from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import kqa
from kqa.errors import CorpusError
from kqa.intake import take_in
from kqa.postgres_build import build_remote
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
