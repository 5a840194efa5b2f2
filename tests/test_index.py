from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import kqa
from conftest import BROCHURE, DOCUMENTS, folder_bytes, write_files
from kqa import index as module
from kqa.errors import CorpusError, IndexCorrupt, IndexMissing, IndexStale, KqaError
from kqa.fusion import fuse
from kqa.intake import take_in
from kqa.lexical import terms
from kqa.store import open_generation, publish

MakeCorpus = Callable[[Mapping[str, str | bytes]], Path]
QUERY = "When does the horn sound in fog?"


def test_what_was_built_is_loaded(index: kqa.Index, lighthouse: Path, config: kqa.Config, index_folder: Path) -> None:
    documents = take_in(lighthouse, strict=True).documents
    assert dict(index.documents) == {document.path: document for document in documents}
    assert [passage.number for passage in index.passages] == list(range(len(index.passages)))
    assert index.config == config
    assert index.manifest == open_generation(index_folder).sha256
    assert index.facts["corpus"] == {document.path: document.sha256 for document in documents}
    assert index.facts["counts"]["documents"] == len(DOCUMENTS)
    assert index.facts["counts"]["passages"] == len(index.passages)
    assert [contradiction.topic for contradiction in index.contradictions] == ["climbing at night", "the horn in summer"]
    assert index.encoder.identity == index.facts["encoder"]["identity"]


def test_nothing_in_the_folder_is_pickled(index_folder: Path) -> None:
    for name, data in folder_bytes(index_folder).items():
        assert not data.startswith((b"\x80\x04", b"\x80\x05", b"PK")), name
        if name.endswith(".npy"):
            assert b"'O'" not in data[:200], name


@pytest.mark.parametrize("k", [1, 3, 50])
def test_hits_are_a_strict_ranking(index: kqa.Index, k: int) -> None:
    hits = index.search(QUERY, k)
    assert len(hits) == min(k, len(index.passages))
    assert hits == index.search(QUERY, 50)[:k]
    order = [(-hit.score, hit.passage.number) for hit in hits]
    assert order == sorted(set(order))
    for hit in hits:
        assert hit.answer in hit.passage.sentences


def test_scores_that_are_shown_equal_are_ranked_as_equal(index: kqa.Index) -> None:
    """The order is (−score, passage number) of the scores that people see, which are rounded."""
    count = len(index.passages)
    cosines = np.array([0.0, 1.0, *(0.5 + 1e-6 * n for n in range(count - 2))], np.float32)
    dense = SimpleNamespace(search=lambda *_: list(range(count)), score=lambda *_: (cosines, np.zeros(count, np.int32)))
    found = replace(index, dense=dense, config=replace(index.config, lexical_weight=0.0, demotion=0.0)).search(QUERY, count)
    assert [hit.score for hit in found] == [1.0, *[0.5] * (count - 2), 0.0]
    assert [hit.passage.number for hit in found] == [1, *range(2, count), 0]
    assert [hit.evidence["dense"].rank for hit in found] == list(range(1, count + 1))


def test_marketing_stands_behind_what_is_as_near(index: kqa.Index) -> None:
    plainly, demoted = (replace(index, config=replace(index.config, demotion=share)) for share in (0.0, 0.125))
    before, after = ({hit.passage.number: hit.score for hit in found.search(QUERY, 50)} for found in (plainly, demoted))
    for passage in index.passages:
        advert = index.documents[passage.document].source.kind is kqa.Kind.CLINIC_MARKETING
        assert after[passage.number] == pytest.approx(before[passage.number] - 0.125 * advert, abs=2e-4)


def test_scores_are_the_fusion_of_both_retrievers(index: kqa.Index) -> None:
    numbers = list(range(len(index.passages)))  # the corpus is smaller than the depth: every passage is a candidate
    read = index.spelling.correct(QUERY)
    dense, _ = index.dense.score(index.encoder.encode([read])[0], numbers)
    lexical = index.lexical.scores(terms(read))
    adverts = np.array([index.documents[p.document].source.kind is kqa.Kind.CLINIC_MARKETING for p in index.passages])
    fused = fuse(dense, lexical, index.lexical.most(terms(read)), index.config.lexical_weight) - index.config.demotion * adverts
    dense, lexical = np.round(dense, 4), np.round(lexical, 4)
    hits = index.search(QUERY, 50)
    assert {hit.passage.number for hit in hits} == set(numbers)
    for hit in hits:
        number = hit.passage.number
        assert hit.score == pytest.approx(float(fused[number]), abs=2e-4)  # rounded before or after
        assert hit.evidence["dense"].score == round(float(dense[number]), 4)
        assert hit.evidence["dense"].rank == 1 + sum((-dense[n], n) < (-dense[number], number) for n in numbers)
        assert ("lexical" in hit.evidence) == (lexical[number] > 0)
        if "lexical" in hit.evidence:
            assert hit.evidence["lexical"].score == round(float(lexical[number]), 4)
            assert hit.evidence["lexical"].rank == 1 + sum((-lexical[n], n) < (-lexical[number], number) for n in numbers)


def test_passages_are_found_by_the_questions_that_their_section_answers(index: kqa.Index) -> None:
    hit = index.search("When is the beacon switched on?", 1)[0]
    assert hit.passage.section == "The lamp"
    assert "beacon" not in index.documents[hit.passage.document].text[hit.passage.start : hit.passage.end]
    assert "beacon" in index.lexical_text(hit.passage)


def stale(files: Mapping[str, str | None]) -> Callable[[Path], object]:
    def change(corpus: Path) -> None:
        for name, text in files.items():
            (corpus / name).unlink(missing_ok=True)
            if text is not None:
                write_files(corpus, {name: text})

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (stale({"brochure.md": BROCHURE + " "}), r"1 changed \(brochure\.md\)"),
        (stale({"brochure.md": BROCHURE.replace("\n", "\r\n")}), r"1 changed \(brochure\.md\)"),
        (stale({"new.md": "A new rule."}), r"1 changed \(new\.md\)"),
        (stale({"ferry.txt": None}), r"1 changed \(ferry\.txt\)"),
        (stale({"ferry.txt": None, "a.md": "A", "b.md": "B", "c.md": "C"}), r"4 changed \(a\.md, b\.md, c\.md …\)"),
        (stale({"disagreements.toml": ""}), r"1 changed \(disagreements\.toml\)"),
        (stale({"disagreements.toml": None}), r"1 changed \(disagreements\.toml\)"),
    ],
)
def test_an_index_older_than_its_corpus(
    own_lighthouse: Path, index_folder: Path, change: Callable[[Path], object], named: str
) -> None:
    kqa.Index.load(index_folder, own_lighthouse)
    change(own_lighthouse)
    remedy = f"rebuild with: kqa build {own_lighthouse} --index {index_folder}"
    with pytest.raises(IndexStale, match=rf"is older than .*/: {named}; {remedy}"):
        kqa.Index.load(index_folder, own_lighthouse)
    kqa.Index.load(index_folder)  # without a corpus nothing is compared


def test_what_is_no_document_does_not_make_an_index_old(own_lighthouse: Path, index_folder: Path) -> None:
    write_files(own_lighthouse, {"README.md": "Changed.", ".draft.md": "Changed.", "map.png": b"Changed."})
    kqa.Index.load(index_folder, own_lighthouse)


def test_no_index_and_no_corpus(tmp_path: Path, index_folder: Path) -> None:
    with pytest.raises(IndexMissing, match=r"no index in .*nowhere/; build one with: kqa build --index .*nowhere"):
        kqa.Index.load(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match=r"no corpus folder .*nowhere"):
        kqa.Index.load(index_folder, tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", ["dense.faiss", "passages.jsonl", "documents.jsonl", "lexical", "encoder", "config.json", "owners.npy"]
)
@pytest.mark.parametrize("harm", ["missing", "flipped", "truncated"])
def test_a_damaged_file_is_named(own_index: Path, name: str, harm: str) -> None:
    path = open_generation(own_index).folder / name
    path = path if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())[0]
    data = bytearray(path.read_bytes())
    if harm == "missing":
        path.unlink()
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data if harm == "flipped" else data[:-1])
    with pytest.raises(IndexCorrupt, match=path.name):
        kqa.Index.load(own_index)


@pytest.mark.parametrize(
    "name",
    [
        "documents.jsonl", "passages.jsonl", "disagreements.jsonl", "config.json", "encoder/encoder.json", "catalogue.json",
        "owners.npy", "starts.npy", "adverts.npy", "documents.npy", "passages.npy",
    ],
)  # fmt: skip
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"garbage", b"\xff"])
def test_files_that_are_sealed_but_hold_something_else(index_folder: Path, tmp_path: Path, name: str, content: bytes) -> None:
    """A manifest that vouches for nonsense, as only another program could write it, is a KqaError all the same."""
    old = open_generation(index_folder)

    def write(building: Path) -> dict[str, object]:
        shutil.copytree(old.folder, building, dirs_exist_ok=True)
        (building / "manifest.json").unlink()
        (building / name).write_bytes(content)
        return {key: value for key, value in old.manifest.items() if key not in ("format", "files")}

    publish(tmp_path / "index", write)
    if (content, name) == (b"", "disagreements.jsonl") or (content, name) == (b"{}", "config.json"):  # every setting as usual
        kqa.Index.load(tmp_path / "index")
        return
    with pytest.raises(KqaError, match=r"\A.*\Z"):  # one line
        kqa.Index.load(tmp_path / "index")


@pytest.mark.parametrize("name", ["documents.jsonl", "passages.jsonl"])
@pytest.mark.parametrize("line", [b"[]", b"{}", b"garbage", b"\xff", b'{"path": "other.md", "number": 0}'])
def test_a_sealed_line_that_holds_something_else(index_folder: Path, tmp_path: Path, name: str, line: bytes) -> None:
    """Lines are read when they are asked for, and a KqaError names the one that is not what it should be."""
    old = open_generation(index_folder)

    def write(building: Path) -> dict[str, object]:
        shutil.copytree(old.folder, building, dirs_exist_ok=True)
        (building / "manifest.json").unlink()
        first, rest = (building / name).read_bytes().split(b"\n", 1)
        (building / name).write_bytes(line.ljust(len(first)) + b"\n" + rest)
        return {key: value for key, value in old.manifest.items() if key not in ("format", "files")}

    publish(tmp_path / "index", write)
    index = kqa.Index.load(tmp_path / "index")
    with pytest.raises(IndexCorrupt, match=rf"{name} holds something else on line 1; rebuild with: kqa build"):
        index.documents["brochure.md"], index.passages[0]
    assert index.documents["ferry.txt"].path == "ferry.txt"
    assert index.passages[1].number == 1


@pytest.fixture(scope="module")
def sketched(lighthouse: Path, config: kqa.Config, tmp_path_factory: pytest.TempPathFactory) -> kqa.Index:
    """Return the index of the lighthouse as a large corpus would have it, with sketches of the vectors."""
    folder = tmp_path_factory.mktemp("sketched") / "index"
    kqa.build(lighthouse, folder, replace(config, sketch_from=1))
    before = folder_bytes(folder)
    assert kqa.build(lighthouse, folder, replace(config, sketch_from=1)).encoded == 0
    assert folder_bytes(folder) == before
    return kqa.Index.load(folder)


def test_the_manifest_says_how_vectors_are_searched(index: kqa.Index, sketched: kqa.Index) -> None:
    rows = index.facts["counts"]["vectors"]
    plain = {"method": "SQfp16", "rows": rows, "rescored": 0, "sketch_from": 20_000}
    assert (index.facts["dense"], index.facts["recall"]) == (plain, {"dense@10": 1.0})
    near = {"method": "PQ96x4fs, exact from SQfp16", "rows": rows, "rescored": 1000, "sketch_from": 1}
    assert (sketched.facts["dense"], sketched.facts["recall"]) == (near, {"dense@10": 1.0})
    assert {"dense.faiss", "sketch.faiss"} <= set(sketched.facts["files"])


@pytest.mark.parametrize("question", [QUERY, "May visitors climb the tower after dark?", "Who owns the moon?", "zzz"])
def test_a_sketch_changes_no_answer_where_all_rows_are_re_scored(index: kqa.Index, sketched: kqa.Index, question: str) -> None:
    one, other = kqa.ask(question, index), kqa.ask(question, sketched)
    assert replace(one, manifest="") == replace(other, manifest="")


def test_only_documents_that_are_named_are_searched(index: kqa.Index, sketched: kqa.Index) -> None:
    for found in (index, sketched):
        every = found.search(QUERY, 50)
        for named in ([], ["brochure.md"], ["ferry.txt", "weather.txt"], DOCUMENTS, ["no such document"]):
            hits = found.search(QUERY, 50, documents=named)
            assert [(hit.passage.number, hit.answer) for hit in hits] == [
                (hit.passage.number, hit.answer) for hit in every if hit.passage.document in named
            ]


def test_an_index_is_loaded_while_another_is_published(
    own_index: Path, own_lighthouse: Path, config: kqa.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The generation that was verified may be cleaned away before it is read: the new one is opened instead."""
    opened = []

    def open_then_lose(folder: Path) -> object:
        generation = open_generation(folder)
        if not opened:
            opened.append(generation)
            shutil.copytree(generation.folder, folder.parent / "kept")
            monkeypatch.setattr(module, "open_generation", open_generation)
            kqa.build(own_lighthouse, folder, replace(config, threshold=0.75))
            shutil.rmtree(generation.folder)  # by another hand: a build leaves what is held
        return generation

    monkeypatch.setattr(module, "open_generation", open_then_lose)
    assert kqa.Index.load(own_index).config.threshold == 0.75


def test_readers_while_others_build(own_index: Path, own_lighthouse: Path, config: kqa.Config) -> None:
    stop, failures, loaded = threading.Event(), list[BaseException](), list[kqa.Index]()

    def read() -> None:
        while not stop.is_set():
            try:
                loaded.append(kqa.Index.load(own_index))
                assert loaded[-1].search(QUERY, 3)
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(6):
        kqa.build(own_lighthouse, own_index, replace(config, threshold=number / 10))
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert loaded


def test_an_index_in_memory_outlives_its_folder(own_index: Path) -> None:
    loaded = kqa.Index.load(own_index)
    before = loaded.search(QUERY, 5)
    shutil.rmtree(own_index)
    assert loaded.search(QUERY, 5) == before


@pytest.mark.weights
def test_the_real_encoder_builds_the_same_twice_and_ranks_by_sense(real_folder: Path, lighthouse: Path) -> None:
    before = folder_bytes(real_folder)
    built = kqa.build(lighthouse, real_folder)
    assert built.encoded == 0
    assert folder_bytes(real_folder) == before
    index = kqa.Index.load(real_folder, lighthouse)
    assert index.facts["recall"]["dense@10"] == 1.0
    hit = index.search("How often must someone rewind the mechanism that rotates the light?", 1)[0]
    assert "clockwork" in index.documents[hit.passage.document].text[hit.answer.start : hit.answer.end]


def test_an_index_built_with_other_words_is_old(
    lighthouse: Path, tmp_path: Path, config: kqa.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    kqa.build(lighthouse, tmp_path / "index", config)
    for name in ("kqa.index", "kqa.building"):
        monkeypatch.setattr(f"{name}.analysis", lambda: "other synonyms")
    with pytest.raises(IndexStale, match=r"built with other synonyms, stop words or stems .*; rebuild with: kqa build"):
        kqa.Index.load(tmp_path / "index")
    kqa.build(lighthouse, tmp_path / "index", config)
    kqa.Index.load(tmp_path / "index")
