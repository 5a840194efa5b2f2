"""One contract, two homes: a folder and PostgreSQL, each built, searched, changed and refused in the same way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kqa
from conftest import BROCHURE, KEEPING, write_files
from kqa import building, postgres_build
from kqa.errors import DocumentRefused, IndexMissing, IndexStale, RulesError, ShardError
from kqa.intake import take_in
from kqa.lexical import terms
from kqa.passages import plain
from kqa.records import passages_of
from kqa.serving import Follower, Served, Serving
from kqa.shards import encode_shard
from postgres_server import Server, Servers

QUESTIONS = [
    "When does the horn sound in fog?",
    "May visitors climb the tower after dark?",
    "What does a room cost?",
    "How many times a day does the ferry cross?",
    "Who winds the clockwork?",
    "who winds the clokcwork",
    "What is the tax on unicorns?",
    "zzz",
    "the the of",
]
ROWS = 30  # whole passages, their sentences and the questions listed for them
NewHome = Callable[[], "Path | str"]


@pytest.fixture(scope="module", params=["folder", "postgresql"])
def new_home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewHome:
    """Return what makes a place for an index, another each time."""
    if request.param == "folder":
        return lambda: tmp_path_factory.mktemp("home") / "index"
    servers: Servers = request.getfixturevalue("servers")
    primary: Server = request.getfixturevalue("primary")
    return lambda: servers.database(primary)


@pytest.fixture(scope="module")
def home(new_home: NewHome, lighthouse: Path, config: kqa.Config) -> Path | str:
    """Return a place with the index of the lighthouse; not to be written to."""
    place = new_home()
    kqa.build(lighthouse, place, config)
    return place


@pytest.fixture(scope="module")
def held(home: Path | str) -> Iterator[kqa.Index]:
    index = kqa.Index.load(home)
    yield index
    if index.home is not None:
        index.home.close()


@pytest.fixture
def opened() -> Iterator[Callable[..., kqa.Index]]:
    made: list[kqa.Index] = []

    def load(place: Path | str, corpus: Path | None = None) -> kqa.Index:
        made.append(kqa.Index.load(place, corpus))
        return made[-1]

    yield load
    for index in made:
        if index.home is not None:
            index.home.close()


def answer_of(question: str, index: kqa.Index, *history: str) -> dict[str, object]:
    """Return an answer as JSON, but for the manifest, which names the home's own files."""
    data: dict[str, object] = json.loads(kqa.to_json(kqa.ask(question, index, history)))
    return {name: value for name, value in data.items() if name != "manifest"}


def found(index: kqa.Index, question: str, k: int = 50) -> list[tuple[str, int, float]]:
    return [(hit.passage.document, hit.passage.start, hit.score) for hit in kqa.search(question, index, k=k)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_answers(held: kqa.Index, index: kqa.Index, question: str) -> None:
    assert answer_of(question, held) == answer_of(question, index)
    assert answer_of("Is that all?", held, question) == answer_of("Is that all?", index, question)
    assert found(held, question) == found(index, question)


def test_what_was_built_is_there(
    held: kqa.Index, index: kqa.Index, lighthouse: Path, config: kqa.Config, home: Path | str
) -> None:
    documents = {document.path: document for document in take_in(lighthouse, strict=True).documents}
    assert dict(held.documents) == documents
    assert list(held.documents) == list(documents)
    advert = {path: document.source.kind is kqa.Kind.CLINIC_MARKETING for path, document in documents.items()}
    passages = list(held.passages)
    assert list(held.adverts[[passage.number for passage in passages]]) == [advert[p.document] for p in passages]
    assert held.catalogue == index.catalogue
    assert len(held.documents) == len(documents)
    assert held.config == config
    assert dict(held.facts["corpus"]) == {path: document.sha256 for path, document in documents.items()}
    assert held.facts["counts"] == {"documents": 4, "passages": len(held.passages), "vectors": ROWS}
    assert held.facts["encoder"]["identity"] == held.encoder.identity
    assert held.facts["recall"] == {"dense@10": 1.0}
    assert [contradiction.topic for contradiction in held.contradictions] == ["climbing at night", "the horn in summer"]
    kqa.Index.load(home, lighthouse)


def test_passages_come_by_number_in_the_order_of_documents(held: kqa.Index, index: kqa.Index) -> None:
    passages = list(held.passages)
    assert len(passages) == len(held.passages) == len(index.passages)
    assert [(p.document, p.span, p.section, p.sentences) for p in passages] == [
        (p.document, p.span, p.section, p.sentences) for p in index.passages
    ]
    numbers = [passage.number for passage in passages]
    assert numbers == sorted(set(numbers))
    assert [held.passages[number] for number in numbers] == passages
    with pytest.raises(IndexError):
        held.passages[numbers[-1] + 1]
    for path in held.documents:
        assert list(passages_of(held.passages, path)) == [p for p in passages if p.document == path]
    assert list(passages_of(held.passages, "nowhere.md")) == []


@pytest.mark.parametrize("path", ["nowhere.md", "", "a\0b", "\ud800", "brochure.md'"])
def test_no_such_document(held: kqa.Index, path: str) -> None:
    assert held.documents.get(path) is None
    assert path not in held.documents
    with pytest.raises(KeyError):
        held.documents[path]


@pytest.mark.parametrize("question", QUESTIONS)
def test_filtered_search_is_the_whole_ranking_less_the_other_documents(held: kqa.Index, question: str) -> None:
    whole = held.search(question, 50)
    for documents in (["brochure.md"], ["weather.txt", "ferry.txt"], [], ["nowhere.md"]):
        hits = held.search(question, 50, documents=documents)
        wanted = [(hit.passage.number, hit.answer) for hit in whole if hit.passage.document in documents]
        assert [(hit.passage.number, hit.answer) for hit in hits if hit.passage.document in documents] == [
            (hit.passage.number, hit.answer) for hit in hits
        ]
        assert {number for number, _ in wanted} == {hit.passage.number for hit in hits}


def test_bm25_is_the_same_to_rounding(held: kqa.Index, index: kqa.Index) -> None:
    def look(one: kqa.Index, asked: list[str]) -> tuple[object, ...]:
        passages = list(one.passages)
        place = {passage.number: at for at, passage in enumerate(passages)}
        return one.lexical.score(asked, [p.number for p in passages]), [place[n] for n in one.lexical.best(asked, 5)]

    for text in (*QUESTIONS, "fog fog horn", "tower"):
        scores, best = look(held, terms(text))
        expected, first = look(index, terms(text))
        np.testing.assert_allclose(scores, expected, atol=1.5e-4)
        assert best == first
        assert held.lexical.most(terms(text)) == pytest.approx(index.lexical.most(terms(text)), rel=1e-9)


def test_vectors_say_the_same(held: kqa.Index, index: kqa.Index) -> None:
    ours, theirs = list(held.passages), list(index.passages)
    numbers, expected = [p.number for p in ours], [p.number for p in theirs]
    for question in QUESTIONS:
        vector = index.encoder.encode([question])[0]
        for one, other in zip(held.dense.score(vector, numbers), index.dense.score(vector, expected), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
        backwards = held.dense.score(vector, numbers[::-1])[0]
        np.testing.assert_array_equal(backwards[::-1], held.dense.score(vector, numbers)[0])
        assert held.dense.nearness(vector, numbers) == pytest.approx(index.dense.nearness(vector, expected), abs=1e-4)
        near, other_near = held.dense.nearest_sentences(vector, numbers), index.dense.nearest_sentences(vector, expected)
        assert [row[1:] for row in near] == [row[1:] for row in other_near]
        for most in (1, 3, len(expected)):
            found = [numbers.index(number) for number in held.dense.search(vector, most)]
            assert found == index.dense.search(vector, most)
    owners, vectors = held.dense.sentences()
    other_owners, other_vectors = index.dense.sentences()
    assert [(numbers.index(number), ordinal) for number, ordinal in owners] == other_owners
    np.testing.assert_allclose(vectors, other_vectors, atol=1e-5)


def test_candidates_with_equal_rows_come_by_their_number(
    new_home: NewHome, config: kqa.Config, opened: Callable[..., kqa.Index], tmp_path: Path
) -> None:
    """The same sentence in many documents, written in no order: neither home chooses among them by chance."""
    same = "The foghorn sounds for two seconds in every minute of fog."
    files: dict[str, str | bytes] = {
        f"{n:02}.txt": f"{same} Buoy number {n * 37 % 40} lies north of the bar." for n in range(40)
    }
    place = new_home()
    kqa.build(write_files(tmp_path / "some", dict(list(files.items())[20:])), place, config)
    kqa.build(write_files(tmp_path / "all", files), place, config)
    made = opened(place)
    numbers = [passage.number for passage in made.passages]
    vector = made.encoder.encode_query(same)
    assert made.dense.search(vector, 7) == numbers[:7]
    assert made.dense.search(vector, 40) == numbers


def test_replace_add_and_delete(
    new_home: NewHome, own_lighthouse: Path, config: kqa.Config, opened: Callable[..., kqa.Index], tmp_path: Path
) -> None:
    """After any change the index is the one that a build from nothing gives."""
    place = new_home()
    first = kqa.build(own_lighthouse, place, config)
    changes: list[dict[str, str | None]] = [
        {"rules/keeping.md": KEEPING.replace("twice", "three times"), "disagreements.toml": None},  # replaced
        {"rules/a.md": "A new rule is here to stay.", "aaa.txt": "The first of all documents.", "zz.txt": "The very last."},
        {"brochure.md": None, "aaa.txt": None},  # deleted
        {"brochure.md": BROCHURE},  # and back
    ]
    for number, files in enumerate(changes):
        for name, text in files.items():
            (own_lighthouse / name).unlink(missing_ok=True)
            if text is not None:
                write_files(own_lighthouse, {name: text})
        built = kqa.build(own_lighthouse, place, config)
        fresh_place = tmp_path / f"fresh{number}"
        fresh = kqa.build(own_lighthouse, fresh_place, config)
        assert built.encoded < fresh.encoded
        assert built.encoded + built.reused == fresh.encoded
        assert built.manifest != first.manifest
        changed, expected = opened(place, own_lighthouse), opened(fresh_place, own_lighthouse)
        assert list(changed.documents) == list(expected.documents)
        for question in QUESTIONS:
            assert answer_of(question, changed) == answer_of(question, expected)
            assert found(changed, question) == found(expected, question)


def test_the_same_input_gives_the_same_manifest_however_it_came(
    new_home: NewHome, own_lighthouse: Path, config: kqa.Config
) -> None:
    place = new_home()
    first = kqa.build(own_lighthouse, place, config)
    again = kqa.build(own_lighthouse, place, config)
    assert (again.manifest, again.encoded, again.reused) == (first.manifest, 0, first.encoded)
    write_files(own_lighthouse, {"m.txt": "Something in the middle of it."})
    assert kqa.build(own_lighthouse, place, config).manifest != first.manifest
    (own_lighthouse / "m.txt").unlink()
    assert kqa.build(own_lighthouse, place, config).manifest == first.manifest
    assert kqa.build(own_lighthouse, place, replace(config, threshold=0.4)).manifest != first.manifest
    assert kqa.build(own_lighthouse, new_home(), config).manifest == first.manifest


def test_a_build_that_fails_leaves_the_old_state(
    new_home: NewHome,
    own_lighthouse: Path,
    config: kqa.Config,
    opened: Callable[..., kqa.Index],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = new_home()
    kqa.build(own_lighthouse, place, config)
    before = {question: kqa.to_json(kqa.ask(question, opened(place))) for question in QUESTIONS[:3]}
    good = {name: (own_lighthouse / name).read_text() for name in ("disagreements.toml", "brochure.md")}
    for files, error in (
        ({"disagreements.toml": "[[disagreement]]\n"}, RulesError),
        ({"disagreements.toml": "", "bad.pdf": "no PDF"}, DocumentRefused),
    ):
        write_files(own_lighthouse, files)
        with pytest.raises(error):
            kqa.build(own_lighthouse, place, config, strict=True)
    (own_lighthouse / "bad.pdf").unlink()
    write_files(own_lighthouse, good | {"brochure.md": "A wholly new text about the tower and its horn."})
    for module in (building, postgres_build):
        monkeypatch.setattr(module, "made_with", _fails)
    write_files(own_lighthouse, {"disagreements.toml": ""})
    with pytest.raises(MemoryError):  # at the end, when everything but the commit was done
        kqa.build(own_lighthouse, place, config)
    assert {question: kqa.to_json(kqa.ask(question, opened(place))) for question in QUESTIONS[:3]} == before


def _fails(*_: object) -> str:
    raise MemoryError


def test_an_index_older_than_its_corpus(
    new_home: NewHome, own_lighthouse: Path, config: kqa.Config, opened: Callable[..., kqa.Index]
) -> None:
    place = new_home()
    kqa.build(own_lighthouse, place, config)
    opened(place, own_lighthouse)
    write_files(own_lighthouse, {"brochure.md": BROCHURE + " "})
    with pytest.raises(IndexStale, match=r"is older than .*/: 1 changed \(brochure\.md\); rebuild with: kqa build "):
        kqa.Index.load(place, own_lighthouse)
    opened(place)


def test_what_cannot_be_read_is_left_out_and_remembered(
    new_home: NewHome, own_lighthouse: Path, config: kqa.Config, opened: Callable[..., kqa.Index]
) -> None:
    place = new_home()
    write_files(own_lighthouse, {"bad.pdf": "no PDF"})
    built = kqa.build(own_lighthouse, place, config)
    assert (built.documents, list(built.refused)) == (4, ["bad.pdf"])
    index = opened(place, own_lighthouse)
    assert (list(index.facts["refused"]), "bad.pdf" in index.documents) == (["bad.pdf"], False)
    write_files(own_lighthouse, {"bad.pdf": "another"})
    with pytest.raises(IndexStale, match=r"1 changed \(bad\.pdf\)"):
        opened(place, own_lighthouse)


def test_shares_make_what_one_build_makes(new_home: NewHome, lighthouse: Path, config: kqa.Config, tmp_path: Path) -> None:
    documents = take_in(lighthouse, strict=True).documents
    shards = [encode_shard(documents, tmp_path, config, (part, 2))[0] for part in (1, 2)]
    built = kqa.build(lighthouse, new_home(), config, shards=shards)
    whole = kqa.build(lighthouse, new_home(), config)
    assert (built.encoded, built.reused, built.manifest) == (0, whole.encoded, whole.manifest)
    with pytest.raises(ShardError, match=r"no shard holds \d+ of the corpus's texts"):
        kqa.build(lighthouse, new_home(), config, shards=shards[:1])
    write_files(tmp_path, {"none.vectors": "no vectors"})
    with pytest.raises(ShardError, match="holds no vectors"):
        kqa.build(lighthouse, new_home(), config, shards=[tmp_path / "none.vectors"])


def test_a_server_takes_over_what_is_published(
    new_home: NewHome, own_lighthouse: Path, config: kqa.Config, opened: Callable[..., kqa.Index]
) -> None:
    place = new_home()
    first = kqa.build(own_lighthouse, place, config)
    serving = Serving(opened(place), lambda index: Served(index, index.consistently(lambda held: [held.manifest])))
    follower = Follower(place, serving)
    follower.look()
    assert (serving.now.index.manifest, serving.now.examples) == (first.manifest, [first.manifest])
    write_files(own_lighthouse, {"new.txt": "The new keeper has a dog."})
    built = kqa.build(own_lighthouse, place, config)
    follower.look()
    assert (serving.now.index.manifest, serving.now.examples) == (built.manifest, [built.manifest])
    assert "new.txt" in serving.now.index.documents
    assert "kqa_index_behind 0" in serving.metrics.to_text()


def test_no_index_there(new_home: NewHome) -> None:
    with pytest.raises(IndexMissing, match=r"no index in .*; build one with: kqa build --index "):
        kqa.Index.load(new_home())


def test_an_index_built_with_other_words_is_old(
    new_home: NewHome, lighthouse: Path, config: kqa.Config, monkeypatch: pytest.MonkeyPatch, opened: Callable[..., kqa.Index]
) -> None:
    place = new_home()
    kqa.build(lighthouse, place, config)
    for name in ("kqa.index", "kqa.building", "kqa.postgres_home", "kqa.postgres_build"):
        monkeypatch.setattr(f"{name}.analysis", lambda: "other synonyms")
    with pytest.raises(IndexStale, match=r"built with other synonyms, stop words or stems .*; rebuild with: kqa build"):
        kqa.Index.load(place)
    built = kqa.build(lighthouse, place, config)
    assert built.encoded == 0
    opened(place)


def test_two_builders_at_once_both_end_well(
    new_home: NewHome, lighthouse: Path, config: kqa.Config, opened: Callable[..., kqa.Index]
) -> None:
    place, failures = new_home(), list[BaseException]()

    def build(threshold: float) -> None:
        try:
            kqa.build(lighthouse, place, replace(config, threshold=threshold))
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    builders = [threading.Thread(target=build, args=(number / 10,)) for number in range(3)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert failures == []
    assert opened(place).config.threshold in (0, 0.1, 0.2)


def test_readers_while_others_build(new_home: NewHome, own_lighthouse: Path, config: kqa.Config) -> None:
    """Every answer comes whole from one state: the quote and the manifest that belong together."""
    texts = {number: KEEPING.replace("twice a minute", f"{number} times a minute") for number in range(4)}
    place, stop, failures, pairs = new_home(), threading.Event(), list[BaseException](), set[tuple[str, str]]()
    manifests = {}

    def publish(number: int) -> None:
        write_files(own_lighthouse, {"rules/keeping.md": texts[number], "disagreements.toml": ""})
        manifests[kqa.build(own_lighthouse, place, config).manifest] = f"{number} times a minute"

    def read(index: kqa.Index) -> None:
        while not stop.is_set():
            try:
                current = index if index.home else kqa.Index.load(place)  # type: ignore[arg-type]
                answer = kqa.ask(QUESTIONS[0], current)
                pairs.add((answer.manifest, answer.quotes[0].text))
            except BaseException as error:  # noqa: BLE001
                failures.append(error)
                return

    publish(0)
    index = kqa.Index.load(place)
    readers = [threading.Thread(target=read, args=(index,)) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in (1, 2, 3, 1):
        publish(number)
    stop.set()
    for reader in readers:
        reader.join()
    if index.home:
        index.home.close()
    assert failures == []
    assert len(pairs) > 1
    assert all(manifests[manifest] in text for manifest, text in pairs)


def test_plain_words_of_a_quote_stand_in_its_document(held: kqa.Index) -> None:
    answer = kqa.ask(QUESTIONS[0], held)
    for quote in answer.quotes:
        span = quote.citation.span
        assert held.documents[quote.citation.document].text[span.start : span.end] == quote.text
        assert plain(quote.text)
