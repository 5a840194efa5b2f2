"""The benchmark of a tiny collection in BEIR's layout, by the same retrieval."""

from __future__ import annotations

import gzip
import json
import re
from math import log2

import numpy as np
import pytest

from kqa.benchmark import _document, _name, _over_better_part, benchmark, run_lines, to_json, to_table
from kqa.compare import MEASURES
from kqa.config import Config
from kqa.errors import JudgmentError
from kqa.index import Index
from kqa.judgments import read_run

CONFIG = Config(encoder="hashing", depth=2)
CORPUS = [
    {"_id": "d/1", "title": "Tides", "text": "The moon pulls the water of the sea twice each day."},
    {"_id": "d 2", "title": "", "text": "Bees carry pollen from flower to flower in warm weather."},
    {"_id": "d3", "title": "Volcanoes of Iceland", "text": "Lava rises where the plates part. It cools to dark rock."},
    {"_id": "d4", "text": "Trains run late when leaves lie on the rails in autumn."},
    {"_id": "é", "title": "Bread", "text": "Yeast makes gas and the dough rises. The oven sets the crumb."},
]
QUERIES = [
    {"_id": "q1", "text": "how do bees carry pollen", "metadata": {"overlap": 0.9}},
    {"_id": "q2", "text": "Iceland", "metadata": {"overlap": 0.1}},
    {"_id": "q3", "text": "unjudged", "metadata": {}},
    {"_id": "q4", "text": "nothing relevant"},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\td 2\t1\nq1\td4\t0\nq2\td3\t2\nq2\tgone\t1\nq4\td3\t0\n"


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "tiny"
    target.mkdir()
    (target / "corpus.jsonl").write_text(lines(CORPUS), encoding="utf-8")
    (target / "queries.jsonl").write_text(lines(QUERIES), encoding="utf-8")
    (target / "qrels.tsv").write_text(QRELS, encoding="utf-8")
    return target


def test_queries_with_a_relevant_document_are_scored(folder, tmp_path):
    result = benchmark(folder, CONFIG, tmp_path / "work")
    assert list(result.run) == ["q1", "q2"]
    assert result.run["q1"][0] == "d 2"
    assert result.run["q2"][0] == "d3"  # by its title alone
    hybrid = result.measures["hybrid"]
    ideal = 2 / log2(2) + 1 / log2(3)
    assert hybrid["nDCG@10"].value == pytest.approx((1 + (2 / log2(2)) / ideal) / 2)  # “gone” is not in the corpus
    assert hybrid["R@100"].value == (1 + 1 / 2) / 2
    assert hybrid["Success@1"].value == hybrid["RR@10"].value == 1
    assert hybrid["Success@1"].n == 2
    assert set(result.measures) == {"hybrid", "dense", "lexical"}
    assert result.facts["judged_unknown"] == 1


def test_the_part_with_little_overlap_is_scored_apart(folder, tmp_path):
    assert benchmark(folder, CONFIG, tmp_path).low_overlap["hybrid"]["R@100"].value == 1 / 2
    (folder / "queries.jsonl").write_text(lines([{"_id": q["_id"], "text": q["text"]} for q in QUERIES]))
    assert benchmark(folder, CONFIG, tmp_path).low_overlap == {}


def test_every_document_is_ranked_though_the_search_is_shallow(folder, tmp_path):
    result = benchmark(folder, CONFIG, tmp_path)
    assert {name: len(set(items)) for name, items in result.run.items()} == {"q1": 5, "q2": 5}


def test_the_head_of_the_ranking_is_what_kqa_finds(folder, tmp_path):
    result = benchmark(folder, CONFIG, tmp_path)
    index = Index.load(tmp_path / "tiny")
    found = [_name(hit.passage.document) for hit in index.search("how do bees carry pollen", CONFIG.depth)]
    assert result.run["q1"][: len(found)] == found


def test_a_document_ranks_where_its_best_passage_does(folder, tmp_path):
    long = " ".join(f"Sentence {n} speaks of other things." for n in range(80)) + " Bees carry pollen. Bees carry pollen."
    rows = [{"_id": "long", "text": long}, *CORPUS]
    (folder / "corpus.jsonl").write_text(lines(rows), encoding="utf-8")
    result = benchmark(folder, CONFIG, tmp_path)
    assert result.facts["passages"] > len(rows)
    assert sorted(result.run["q1"]) == sorted(row["_id"] for row in rows)
    assert set(result.run["q1"][:2]) == {"long", "d 2"}


def test_hybrid_is_held_against_the_better_part(folder, tmp_path):
    result = benchmark(folder, CONFIG, tmp_path)
    for name, over in result.over_better_part.items():
        hybrid, dense, lexical = (result.measures[system][name].value for system in ("hybrid", "dense", "lexical"))
        assert over.value == pytest.approx(hybrid - max(dense, lexical))
        assert over.low <= over.value <= over.high


def test_each_measure_has_its_own_better_part():
    rows = np.zeros((2, len(MEASURES)))
    dense, lexical, hybrid = rows + 0.5, rows + 0.2, rows + 0.6
    lexical[:, 1] = 0.9
    over = _over_better_part({"hybrid": hybrid, "dense": dense, "lexical": lexical})
    assert [over[name].value for name in MEASURES[:3]] == pytest.approx([0.6 - 0.5, 0.6 - 0.9, 0.6 - 0.5])


def test_an_index_that_stands_is_used_again(folder, tmp_path):
    calls = []
    first = benchmark(folder, CONFIG, tmp_path / "work", progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (2, 2)  # the queries, after the texts
    encoded = len(calls)
    calls.clear()
    second = benchmark(folder, CONFIG, tmp_path / "work", progress=lambda done, total: calls.append((done, total)))
    assert len(calls) == 2 < encoded
    assert (second.measures, second.run, second.facts) == (first.measures, first.run, first.facts)


def test_gzip_the_beir_folder_and_other_files_are_read(folder, tmp_path):
    plain = benchmark(folder, CONFIG, tmp_path / "a")
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress((folder / "corpus.jsonl").read_bytes()))
    (folder / "corpus.jsonl").unlink()
    (folder / "qrels").mkdir()
    (folder / "qrels.tsv").rename(folder / "qrels" / "test.tsv")
    assert benchmark(folder, CONFIG, tmp_path / "b").measures == plain.measures
    (folder / "other.jsonl").write_text(lines([{"_id": "z", "text": "dough"}]))
    (folder / "other.qrels").write_text("z 0 é 1\n")
    other = benchmark(folder, CONFIG, tmp_path / "b", queries=folder / "other.jsonl", qrels=folder / "other.qrels")
    assert other.run["z"][0] == "é"


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "é", "CON", "x.txt", "%2F", "a\nb"])
def test_any_id_becomes_a_path_and_back(name):
    document = _document(name, "", "Text.")
    assert not set("/ \n") & set(document.path)
    assert _name(document.path) == name


@pytest.mark.parametrize(
    ("title", "text"),
    [("Sea", "Sea. It rises."), ("Sea.", "Sea. It rises."), ("What is sea?", "What is sea. It rises."), (" ", "It rises.")],
)
def test_the_title_is_the_first_sentence(title, text):
    assert _document("d", title, "It rises.").text == text


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("corpus.jsonl", None, "no corpus.jsonl or corpus.jsonl.gz in"),
        ("queries.jsonl", None, "no queries.jsonl in"),
        ("qrels.tsv", None, "no qrels/test.tsv or qrels.tsv in"),
        ("corpus.jsonl", "{", "corpus.jsonl, line 1 is not JSON"),
        ("corpus.jsonl", '\n{"_id": 7, "text": ""}', "corpus.jsonl, line 2: _id or text"),
        ("corpus.jsonl", '{"_id": "a"}', "corpus.jsonl, line 1: _id or text"),
        ("corpus.jsonl", '{"_id": "a", "text": "A."}\n{"_id": "a", "text": "B."}', "line 2: the _id a is taken"),
        ("queries.jsonl", '{"_id": "q1", "text": "bees"}', "queries.jsonl lacks 1 judged queries (q2 …)"),
        ("queries.jsonl", '{"_id": "q1", "text": "bees", "metadata": {"overlap": "low"}}', "metadata.overlap is 'low'"),
        ("queries.jsonl", '{"_id": "q1", "text": "bees", "metadata": 1}', "metadata is 1"),
        ("qrels.tsv", "q1 d3 0\n", "names nothing relevant"),
    ],
)
def test_files_that_are_not_in_the_layout_are_refused(folder, tmp_path, file, text, says):
    (folder / file).unlink()
    if text is not None:
        (folder / file).write_text(text)
    with pytest.raises(JudgmentError, match=re.escape(says)):
        benchmark(folder, CONFIG, tmp_path)


def test_a_damaged_archive_is_refused(folder, tmp_path):
    (folder / "corpus.jsonl").unlink()
    for data in (b"no gzip", gzip.compress(b"x" * 1000)[:-9], gzip.compress(b"\xe9")):
        (folder / "corpus.jsonl.gz").write_bytes(data)
        with pytest.raises(JudgmentError, match=r"corpus\.jsonl\.gz cannot be read"):
            benchmark(folder, CONFIG, tmp_path)


def test_the_table_the_json_and_the_run(folder, tmp_path):
    result = benchmark(folder, CONFIG, tmp_path)
    table = to_table(result)
    for text in ("tiny: 5 documents", "2 queries", "hybrid", "dense", "lexical", "the better part", "overlap < 0.5"):
        assert text in table
    assert json.loads(to_json(result))["measures"]["hybrid"]["R@100"]["n"] == 2
    with pytest.raises(JudgmentError, match="'d 2' cannot stand in a file"):
        run_lines(result)


def test_the_run_reads_back(folder, tmp_path):
    for name in ("corpus.jsonl", "qrels.tsv"):
        (folder / name).write_text((folder / name).read_text(encoding="utf-8").replace("d 2", "d2"), encoding="utf-8")
    result, path = benchmark(folder, CONFIG, tmp_path), tmp_path / "tiny.run"
    assert run_lines(result)[0].split()[:2] == ["q1", "Q0"]
    path.write_text("\n".join(run_lines(result)))
    assert read_run(path) == result.run


def test_entries_with_nothing_to_quote_are_counted(folder, tmp_path):
    (folder / "corpus.jsonl").write_text(lines([*CORPUS, {"_id": "teaser", "text": "Leave a Reply"}]))
    result = benchmark(folder, CONFIG, tmp_path)
    assert result.facts["unquotable"] == 1
    assert "1 documents hold nothing to quote" in to_table(result)


@pytest.mark.parametrize("key", ["_id", "title", "text"])
def test_half_a_character_is_refused_with_its_place(folder, tmp_path, key):
    (folder / "corpus.jsonl").write_text(lines([*CORPUS, {"_id": "x", "text": "Some words.", key: "a\ud800b"}]))
    with pytest.raises(JudgmentError, match=r"corpus\.jsonl, line 6: half a character \(a lone surrogate\)"):
        benchmark(folder, CONFIG, tmp_path)
