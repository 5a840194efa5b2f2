from __future__ import annotations

import ast
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

import kqa
from conftest import ROOT
from kqa import candidates as module
from kqa.candidates import SIGNS, WEIGHTS, Candidate, find_candidates, score_pair, signs
from kqa.errors import ConfigError
from kqa.polarity import Signals

RULES = """---
title: Rules of the tower
kind: guideline
---
## The gallery

Climbing the tower gallery is dangerous after dark. The keeper polishes the brass of the lens on Mondays.

## The boat

The crossing to the island takes forty minutes. Seals rest upon the northern skerries.

The crossing to the island is not dangerous.
"""
INN = """---
title: The inn
kind: clinic-marketing
---
## The tower

Climbing the tower gallery is safe after dark. Breakfast holds eggs, kippers and toast.

## How to come

The crossing to the island takes three hours. Our cellar holds elderberry cider.
"""
DARK = ("Climbing the tower gallery is dangerous after dark.", "Climbing the tower gallery is safe after dark.")
CROSSING = ("The crossing to the island takes forty minutes.", "The crossing to the island takes three hours.")
FILES = {"a-inn.md": INN, "rules.md": RULES}

Build = Callable[..., kqa.Index]


@pytest.fixture
def build(tmp_path: Path, make_corpus, config: kqa.Config) -> Build:
    def call(files: Mapping[str, str]) -> kqa.Index:
        shutil.rmtree(tmp_path / "corpus", ignore_errors=True)
        kqa.build(make_corpus(files), tmp_path / "index", config)
        return kqa.Index.load(tmp_path / "index")

    return call


def texts(found: list[Candidate]) -> list[tuple[str, ...]]:
    return [tuple(side.text for side in candidate.sides) for candidate in found]


def test_what_contradicts_is_found_first_word_for_word_and_says_why(build: Build) -> None:
    index = build(FILES)
    found = find_candidates(index, 2)
    assert texts(found) == [DARK, CROSSING]
    assert [candidate.signals for candidate in found] == [
        ("opposites: dangerous / safe",),
        ("amounts: “forty minutes” / “three hours”",),
    ]
    for candidate in found:
        for side in candidate.sides:
            span = side.citation.span
            assert index.documents[side.citation.document].text[span.start : span.end] == side.text


def test_the_better_kind_of_source_stands_first_whatever_the_paths(build: Build) -> None:
    for files in (FILES, {"z-inn.md": INN, "rules.md": RULES}):
        kinds = {tuple(side.citation.source.kind for side in one.sides) for one in find_candidates(build(files), 2)}
        assert kinds == {(kqa.Kind.GUIDELINE, kqa.Kind.CLINIC_MARKETING)}


def test_at_most_n_best_first_and_the_same_each_time(build: Build) -> None:
    index = build(FILES)
    every = find_candidates(index, 1000)
    assert len(every) > 2
    assert [one.score for one in every] == sorted((one.score for one in every), reverse=True)
    assert find_candidates(index, 1) == every[:1]
    assert find_candidates(index, 1000) == every
    assert [score_pair(one.signs) for one in every] == [one.score for one in every]


@pytest.mark.parametrize("n", [0, -3])
def test_a_number_that_cannot_be_shown(index: kqa.Index, n: int) -> None:
    with pytest.raises(ConfigError, match=rf"{n} pairs cannot be shown; ask for 1 or more"):
        find_candidates(index, n)


def test_sentences_of_one_passage_are_no_pair_those_of_two_are_though_no_heading_parts_them(build: Build) -> None:
    safe, unsafe = "Climbing the old tower by day is always safe.", "Climbing the old tower by day is dangerous."
    filler = " ".join(["Gulls nest on the cliff in spring and the keeper counts their eggs with some care each morning."] * 2)
    assert texts(find_candidates(build({"a.txt": f"{safe} {unsafe}\n"}), 9)) == []
    apart = build({"a.txt": f"{safe} {filler}\n\n{unsafe} {filler}\n"})
    assert len(apart.passages) == 2
    assert texts(find_candidates(apart, 1)) == [(safe, unsafe)]


def test_across_leaves_pairs_of_one_kind_out(build: Build) -> None:
    index = build(FILES)
    every, across = find_candidates(index, 1000), find_candidates(index, 1000, across=True)
    assert across == [one for one in every if len({side.citation.source.kind for side in one.sides}) == 2]
    assert 0 < len(across) < len(every)
    assert texts(across)[:2] == [DARK, CROSSING]


def test_a_pair_of_the_table_is_left_out_either_way_round(build: Build) -> None:
    for better, other in (("rules.md", "a-inn.md"), ("a-inn.md", "rules.md")):
        text = dict(zip(("rules.md", "a-inn.md"), DARK, strict=True))
        table = f"""[[disagreement]]
topic = "the tower"
better = {{document = "{better}", text = "{text[better]}"}}
other = {{document = "{other}", text = "{text[other]}"}}
better_supported = false
why = "Nobody looked."
shows_on = "Is the tower safe?"
silent_on = "What is for breakfast?"
"""
        found = texts(find_candidates(build({**FILES, "disagreements.toml": table}), 1000))
        assert DARK not in found
        assert found[0] == CROSSING


def test_a_sentence_that_stands_twice_is_proposed_once_from_the_better_source(build: Build) -> None:
    again = {"copy.txt": f"{DARK[1]} {DARK[0]}\n"}
    found = find_candidates(build({**FILES, **again}), 1000)
    assert texts(found).count(DARK) == 1
    (pair,) = [one for one in found if tuple(side.text for side in one.sides) == DARK]
    assert pair.sides[0].citation.document == "rules.md"
    assert pair.sides[1].citation.document == "copy.txt"  # a kind that is not stated goes before advertising


def test_nothing_to_propose(build: Build) -> None:
    assert find_candidates(build({"a.txt": "The lamp is lit at sunset.\n"}), 9) == []
    same = {"a.txt": "The lamp is lit at sunset.\n", "b.txt": "Every lamp is lit at sunset.\n"}
    assert find_candidates(build(same), 9) == []


def test_footnote_marks_are_neither_words_nor_amounts_but_stay_in_the_text(build: Build) -> None:
    noted = "---\ntitle: Notes\n---\n## Dark\n\nClimbing the tower gallery is not safe after dark.[^no-2018]\n"
    (found,) = find_candidates(build({"a.md": noted, "b.txt": f"{DARK[1]}\n"}), 9)
    assert found.signals == ("denied by one alone: dark, safe", "opposites: not safe / safe")
    assert found.sides[0].text.endswith("dark.[^no-2018]")


def test_the_score_is_the_weighed_sum_of_the_signs() -> None:
    found = signs(0.5, Signals(shared=0.25, denied=0.125, opposed=1.0, apart=0.0, certainty=1.0))
    assert dict(zip(SIGNS, found, strict=True)) == {
        "nearness": 0.5, "shared": 0.25, "denied": 0.125, "opposed": 1.0, "apart": 0.0, "certainty": 1.0,
    }  # fmt: skip
    bias, near, shared, denied, opposed, _, certainty = WEIGHTS
    expected = bias + 0.5 * near + 0.25 * shared + 0.125 * denied + opposed + certainty
    assert score_pair(found) == pytest.approx(expected, abs=5e-5)
    assert min(WEIGHTS[1:]) > 0, "no signal of a contradiction speaks against one"


def test_only_the_nearest_are_compared_in_blocks_each_pair_once(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(5).normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    everything = [(i, j) for i in range(60) for j in range(i + 1, 60)]
    assert list(module._near(vectors)) == everything
    monkeypatch.setattr(module, "_NEAREST", 3)
    monkeypatch.setattr(module, "_BLOCK", 7)
    cosines = vectors @ vectors.T
    near = [set(np.argsort(-row)[:4].tolist()) for row in cosines]
    assert list(module._near(vectors)) == [(i, j) for i, j in everything if j in near[i] or i in near[j]]
    assert list(module._near(vectors[:1])) == []


def test_nothing_that_answers_reads_candidates() -> None:
    readers = set()
    for path in (ROOT / "src" / "kqa").glob("*.py"):
        named = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.ImportFrom)]
        if any((n.module or "") in ("kqa.candidates", "kqa.polarity", "kqa.proposals") for n in named):
            readers.add(path.stem)
    assert readers <= {"candidates", "proposals", "commands"}
