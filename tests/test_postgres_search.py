from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import kqa
from kqa.postgres import Database
from kqa.postgres_search import ByPath, Counts, Shelf, StoredAdverts, StoredLexical, StoredPassages
from postgres_server import Server, Servers


@pytest.fixture(scope="module")
def database(servers: Servers, primary: Server, lighthouse: Path, config: kqa.Config) -> Iterator[Database]:
    address = servers.database(primary)
    kqa.build(lighthouse, address, config)
    opened = Database(address)
    yield opened
    opened.close()


@pytest.fixture
def shelf(database: Database) -> Iterator[Shelf]:
    with database.snapshot() as reads:
        yield Shelf(reads, Counts(4, 7, 60), held=True)


def test_only_few_documents_are_marked_for_a_search(shelf: Shelf) -> None:
    passages = StoredPassages(shelf)
    marked = passages.marked(["brochure.md", "nowhere.md", "a\0b", "\ud800"])
    assert marked == [next(iter(passages.of("brochure.md"))).number >> 20]
    assert StoredLexical(shelf).best(["horn", "tower"], 9, marked)
    assert StoredLexical(shelf).best(["horn", "tower"], 9, []) == []


def test_adverts_need_no_passage_that_was_taken(shelf: Shelf) -> None:
    numbers = [passage.number for passage in StoredPassages(shelf)]
    before = list(StoredAdverts(shelf)[numbers])
    shelf.take(numbers[:2])
    assert list(StoredAdverts(shelf)[numbers]) == before
    assert list(StoredAdverts(shelf)[[]]) == []
    kinds = [shelf.document(path).source.kind for path in ByPath(shelf, shelf.sha256)]
    assert any(before) is (kqa.Kind.CLINIC_MARKETING in kinds)


def test_what_was_taken_is_given_again_only_within_one_state(shelf: Shelf, database: Database) -> None:
    number = next(iter(StoredPassages(shelf))).number
    assert shelf.take([number])[number] is StoredPassages(shelf)[number]
    loose = Shelf(database, Counts(4, 7, 60), held=False)
    assert StoredPassages(loose)[number] is not StoredPassages(loose)[number]
    assert StoredPassages(loose)[number] == StoredPassages(shelf)[number]
    with pytest.raises(IndexError):
        StoredPassages(loose)[number + 1000]
