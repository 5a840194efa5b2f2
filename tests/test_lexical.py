from __future__ import annotations

import tomllib
from concurrent.futures import ThreadPoolExecutor
from math import log
from pathlib import Path

import numpy as np
import pytest

import kqa.lexical as module
from kqa.errors import IndexCorrupt
from kqa.lexical import STOP_WORDS, Lexical, terms, top, words

K1, B = 1.5, 0.75
# No word here is a stop word or changes when it is stemmed.
TEXTS = ["lamp fog lamp horn", "fog pier", "lamp buoy fog reef fog pier", ""]
LENGTHS = [4, 2, 6, 1]  # a passage without a word counts as one that nobody asks for
MEAN = (4 + 2 + 6 + 1) / 4


def idf(df: int, n: int = 4) -> float:
    return log(1 + (n - df + 0.5) / (df + 0.5))


def bm25(tf: int, df: int, length: int) -> float:
    """Lucene's BM25: idf · tf / (tf + k₁ (1 − b + b · length / mean length))."""
    return idf(df) * tf / (tf + K1 * (1 - B + B * length / MEAN))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (["lamp"], [bm25(2, 2, 4), 0, bm25(1, 2, 6), 0]),
        (["fog"], [bm25(1, 3, 4), bm25(1, 3, 2), bm25(2, 3, 6), 0]),
        (["horn", "reef"], [bm25(1, 1, 4), 0, bm25(1, 1, 6), 0]),
        (["lamp", "pier"], [bm25(2, 2, 4), bm25(1, 2, 2), bm25(1, 2, 6) + bm25(1, 2, 6), 0]),
        (["lamp", "lamp"], [2 * bm25(2, 2, 4), 0, 2 * bm25(1, 2, 6), 0]),
        (["lamp", "unheard"], [bm25(2, 2, 4), 0, bm25(1, 2, 6), 0]),
        (["unheard"], [0, 0, 0, 0]),
        ([], [0, 0, 0, 0]),
        ([""], [0, 0, 0, 0]),
    ],
)
def test_scores_by_pencil(query: list[str], expected: list[float]) -> None:
    np.testing.assert_allclose(Lexical.build(TEXTS).scores(query), expected, rtol=1e-5)


@pytest.mark.parametrize(("term", "df"), [("fog", 3), ("lamp", 2), ("reef", 1), ("unheard", 0), ("", 0)])
def test_idf_by_pencil(term: str, df: int) -> None:
    lexical = Lexical.build(TEXTS)
    assert lexical.idf(term) == pytest.approx(idf(df))
    assert lexical.knows(term) == (df > 0)


@pytest.mark.parametrize(
    ("lay", "clinical"),
    [("Peeing", "urinary"), ("KIDNEYS", "renal"), ("jabs", "injections"), ("hooked", "addiction"), ("IV", "infusions")],
)
def test_synonyms_are_one_term(lay: str, clinical: str) -> None:
    assert terms(lay) == terms(clinical)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("it depends", "addiction"), ("medical", "medicine"), ("authority", "approved"), ("to fast", "rapid"),
        ("last week", "duration"),
        ("room temperature", "fever"), ("rash", "skin"), ("signed", "symptom"),
    ],
)  # fmt: skip
def test_words_that_only_look_alike_are_not_taken_for_one_another(one: str, other: str) -> None:
    assert not set(terms(one)) & set(terms(other))


def test_a_word_stands_in_one_group_of_synonyms_and_is_one_word() -> None:
    groups = tomllib.loads(module._SYNONYMS.read_text(encoding="utf-8"))
    stems = [stem for group in groups.values() for stem in {module._stem(word) for word in group}]
    assert sorted(stems) == sorted(set(stems))
    assert [word for group in groups.values() for word in group if words(word) != [word]] == []
    assert [name for name, group in groups.items() if len(group) < 2] == []
    assert [word for group in groups.values() for word in group if word in module.STOP_WORDS] == []


def test_no_score_exceeds_the_most_that_a_query_could_give() -> None:
    lexical, query = Lexical.build(TEXTS), ["fog", "lamp", "unheard"]
    assert lexical.most(query) == pytest.approx(idf(3) + idf(2) + idf(0))
    assert lexical.scores(query).max() < lexical.most(query)
    assert lexical.most([]) == 0


def test_saved_and_loaded(tmp_path: Path) -> None:
    Lexical.build(TEXTS).save(tmp_path / "a")
    Lexical.build(TEXTS).save(tmp_path / "b")
    files = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    assert not any(data.startswith(b"\x80") for data in files.values()), "nothing is pickled"
    loaded = Lexical.load(tmp_path / "a")
    np.testing.assert_array_equal(loaded.scores(["lamp", "pier"]), Lexical.build(TEXTS).scores(["lamp", "pier"]))
    assert loaded.idf("fog") == pytest.approx(idf(3))


@pytest.mark.parametrize("harm", ["remove", "empty", "garbage"])
def test_a_folder_that_does_not_load(tmp_path: Path, harm: str) -> None:
    Lexical.build(TEXTS).save(tmp_path / "a")
    for path in sorted((tmp_path / "a").iterdir()):
        data = path.read_bytes()
        path.unlink() if harm == "remove" else path.write_bytes(b"" if harm == "empty" else b"garbage")
        with pytest.raises(IndexCorrupt, match=r"does not load \(.*\); rebuild with: kqa build"):
            Lexical.load(tmp_path / "a")
        path.write_bytes(data)
    Lexical.load(tmp_path / "a")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The keeper's log; the keepers’ logs", ["the", "keepers", "log", "the", "keepers", "logs"]),
        ("don’t DON'T", ["dont", "dont"]),
        ("ﬁne Ⅳ ½", ["fine", "iv", "1", "2"]),  # compatibility forms
        ("straße STRASSE", ["strasse", "strasse"]),
        ("a_b-c/d", ["a", "b", "c", "d"]),
        ("north\u00a0west 🌊 12.5 mg", ["north", "west", "12", "5", "mg"]),
        ("…—!", []),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Who winds the clockwork?", ["wind", "clockwork"]),
        ("When is it?", []),
        ("Don’t you?", []),
        ("lamps lamp's lamp", ["lamp", "lamp", "lamp"]),
        ("visiting visitors", ["visit", "visitor"]),
    ],
)
def test_terms(text: str, found: list[str]) -> None:
    assert terms(text) == found


def test_stop_words_are_words_as_they_are_compared() -> None:
    assert all(words(word) == [word] for word in STOP_WORDS)


def test_stems_are_the_same_from_many_threads() -> None:
    text = " ".join(f"{stem}{ending}" for stem in ("keep", "light", "climb", "cross") for ending in ("s", "ing", "ed", "er"))
    with ThreadPoolExecutor(8) as pool:
        assert {tuple(found) for found in pool.map(terms, [text] * 64)} == {tuple(terms(text))}


@pytest.mark.parametrize(
    ("scores", "k", "numbers"),
    [
        ([1, 3, 2], 2, [1, 2]),
        ([1, 3, 2], 9, [1, 2, 0]),
        ([2, 2, 2, 2], 3, [0, 1, 2]),
        ([0, 5, 0, 5, 1], 5, [1, 3, 4]),
        ([0, 0, 0], 2, []),
        ([], 3, []),
        ([1, 2, 2, 1, 2, 0], 4, [1, 2, 4, 0]),
    ],
)
def test_top_by_score_then_number(scores: list[float], k: int, numbers: list[int]) -> None:
    assert top(np.array(scores, np.float32), k) == numbers


def test_top_against_numpy() -> None:
    random = np.random.default_rng(3)
    for _ in range(50):
        scores = random.integers(0, 6, 60).astype(np.float32)
        order = np.lexsort((np.arange(60), -scores))
        assert top(scores, 12) == [int(n) for n in order if scores[n] > 0][:12]


def zipf(passages: int, seed: int) -> tuple[Lexical, list[str]]:
    """Return passages of words as common as in a language, the commonest in nearly all of them, and the words."""
    random = np.random.default_rng(seed)
    words_ = [f"w{n}" for n in range(400)]
    share = 1 / np.arange(1, 401)
    drawn = random.choice(400, size=(passages, 30), p=share / share.sum())
    texts = [" ".join(words_[n] for n in row[: 5 + at % 25]) for at, row in enumerate(drawn)]
    return Lexical.build(texts), words_


def test_the_best_are_those_of_all_scores() -> None:
    lexical, known = zipf(3000, 4)
    random = np.random.default_rng(8)
    allowed = random.random(3000) < 0.3
    for _ in range(60):
        query = [*random.choice(known, random.integers(1, 7)), "unheard"]
        query += query[:1] * int(random.integers(0, 2))
        scores = lexical.scores(query).round(module.DIGITS)
        for k in (1, 10, 100, 5000):
            assert lexical.best(query, k) == top(scores, k)
            assert lexical.best(query, k, allowed) == top(scores * allowed, k)
        some = random.integers(0, 3000, 50)
        np.testing.assert_array_equal(lexical.score(query, some), scores[some])
    for query in ([], ["unheard"], [""]):
        assert lexical.best(query, 5) == []
        assert lexical.score(query, [1, 2]).tolist() == [0, 0]


def test_passages_that_hold_a_term_are_listed_in_their_order() -> None:
    lexical, known = zipf(2000, 6)
    for term in filter(lexical.knows, known):
        assert np.all(np.diff(lexical._postings(term)[0]) > 0)
