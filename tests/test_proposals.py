from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

import kqa
from conftest import write_files
from kqa.candidates import SIGNS, Candidate
from kqa.errors import RulesError
from kqa.proposals import candidates_to_json, candidates_to_text, candidates_to_toml
from kqa.types import Document, Kind, Source, Span
from kqa.verify import read_citations, verify

BETTER = 'The tower is "safe"\nby day \\ night.[^a]'
OTHER = "The tower is dangerous \x7f by day."
A = f"Lamps burn. {BETTER} Gulls sleep."
B = f"{OTHER} Inns are warm. {OTHER}"
DOCUMENTS = {
    "rules/a.md": Document("rules/a.md", A, "0" * 64, Source("Rules", Kind.GUIDELINE)),
    "b.txt": Document("b.txt", B, "1" * 64, Source("The inn")),
}
EMPTY = {"topic": "", "why": "", "shows_on": "", "silent_on": ""}


def candidate(**changes: object) -> Candidate:
    sides = (
        DOCUMENTS["rules/a.md"].cut(Span(12, 12 + len(BETTER)), "The tower"),
        DOCUMENTS["b.txt"].cut(Span(0, len(OTHER))),
    )
    found = {"sides": sides, "signals": ("opposites: safe / dangerous", "certainty: “all” / “may”"), "score": 1.2345}
    return Candidate(**{**found, "signs": (0.123456, 0.5, 0.0, 1.0, 0.0, 1.0), **changes})


def test_a_list_to_read() -> None:
    text = candidates_to_text([candidate(), candidate(score=-0.5)])
    assert text.startswith("Pairs that may contradict each other, guessed from their words; most do not.")
    assert "\n1. opposites: safe / dangerous; certainty: “all” / “may” (score 1.23)\n" in text
    assert "\n2. opposites: safe / dangerous; certainty: “all” / “may” (score -0.50)\n" in text
    assert '“The tower is "safe" by day \\ night.[^a]”\n     rules/a.md [12, 51), “The tower” (Guideline)' in text
    assert "“The tower is dangerous \ufffd by day.”\n     b.txt [0, 32) (Kind not stated)" in text
    assert A[12:51] == BETTER
    assert B[0:32] == OTHER


def test_entries_to_review_hold_both_texts_exactly_and_nothing_that_a_person_must_write() -> None:
    text = candidates_to_toml([candidate(), candidate()], DOCUMENTS)
    first, second = tomllib.loads(text)["disagreement"]
    assert first == second == {
        "better": {"document": "rules/a.md", "text": BETTER},
        "other": {"document": "b.txt", "text": OTHER},
        "better_supported": False,
        **EMPTY,
    }  # fmt: skip
    comments = [line for line in text.splitlines() if line.startswith("# review: ")]
    assert comments[:4] == [
        "# review: candidate 1, score 1.23; opposites: safe / dangerous; certainty: “all” / “may”",
        "# review: better is rules/a.md [12, 51), “The tower”, Guideline",
        "# review: other is b.txt [0, 32), Kind not stated",
        "# review: the text of other stands there 2 times; lengthen it until it stands once",
    ]
    assert len(comments) == 8


def test_an_entry_that_nobody_reviewed_is_refused_by_build_and_a_completed_one_is_taken(
    make_corpus, tmp_path: Path, config: kqa.Config
) -> None:
    corpus = make_corpus({"rules/a.md": A, "b.txt": f"{OTHER}\n"})
    table = candidates_to_toml([candidate()], DOCUMENTS)
    for name in EMPTY:
        write_files(corpus, {"disagreements.toml": table})
        with pytest.raises(RulesError, match=rf"entry 1: {name} is ''; write it out in words, or take the entry out"):
            kqa.build(corpus, tmp_path / "index", config)
        table = table.replace(f'{name} = ""', f'{name} = "Is the tower safe?"')
    write_files(corpus, {"disagreements.toml": table})
    kqa.build(corpus, tmp_path / "index", config)
    assert len(kqa.Index.load(tmp_path / "index").contradictions) == 1


def test_json_that_verify_reads(tmp_path: Path) -> None:
    (found,) = candidates_to_json([candidate()])
    assert (found["rank"], found["score"]) == (1, 1.2345)
    assert found["signals"] == ["opposites: safe / dangerous", "certainty: “all” / “may”"]
    assert list(found["signs"]) == list(SIGNS)
    assert found["signs"]["nearness"] == 0.1235
    assert [side["text"] for side in found["sides"]] == [BETTER, OTHER]
    write_files(tmp_path, {"rules/a.md": A, "b.txt": B})
    citations = read_citations(json.dumps([found]), "-")
    assert [verify(citation, tmp_path).stands for citation in citations] == [True, True]


def test_nothing_found_is_said_in_every_form() -> None:
    none = "No two sentences here look as if they contradict each other."
    assert candidates_to_text([]) == f"{none}\n"
    assert candidates_to_toml([], {}) == f"# {none}\n"
    assert candidates_to_json([]) == []


def test_what_would_steer_a_terminal_or_end_a_comment_is_replaced() -> None:
    odd = Document("b.txt", "The \x1b[31m tower \u202e is safe.", "2" * 64, Source("Odd"))
    sides = (candidate().sides[0], odd.cut(Span(0, len(odd.text)), "A\nsection\x1b"))
    found = candidate(sides=sides)
    assert not re.search(r"[\x1b\u202e]", candidates_to_text([found]))
    text = candidates_to_toml([found], {**DOCUMENTS, "b.txt": odd})
    assert tomllib.loads(text)["disagreement"][0]["other"]["text"] == odd.text
