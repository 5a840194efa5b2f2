"""Two runs compared: differences, intervals, p-values."""

from __future__ import annotations

import json

import pytest

from kqa.compare import MEASURES, compare, comparison_to_json, comparison_to_table
from kqa.errors import JudgmentError
from kqa.judgments import trec_lines

TOPICS = [f"q{number}" for number in range(12)]


@pytest.fixture
def files(tmp_path):
    good = {topic: ["right", "wrong"] for topic in TOPICS}
    poor = {topic: ["wrong", "right"] for topic in TOPICS[:-2]}  # and two topics that it does not rank
    for name, run in (("good", good), ("poor", poor)):
        (tmp_path / name).write_text("\n".join(trec_lines(run)))
    (tmp_path / "qrels").write_text("\n".join(f"{topic} 0 right 1" for topic in TOPICS) + "\nempty 0 right 0\n")
    return tmp_path


def test_differences_are_those_of_the_hand(files):
    result = compare(files / "poor", files / "good", files / "qrels")
    one = result.differences["RR@10"]
    assert (one.a, one.b) == pytest.approx(((10 * 1 / 2 + 2 * 0) / 12, 1.0))
    assert one.difference.value == pytest.approx(one.b - one.a)
    assert one.difference.low <= one.difference.value <= one.difference.high
    assert one.difference.n == result.facts["topics"] == 12
    assert result.differences["Success@1"].p == pytest.approx(2 / 2**12, abs=0.001)


def test_p_values_are_corrected_for_their_number(files):
    differences = compare(files / "poor", files / "good", files / "qrels").differences.values()
    assert all(one.p <= one.p_holm <= 1 for one in differences)
    least = min(differences, key=lambda one: one.p)
    assert least.p_holm == pytest.approx(min(1, least.p * len(MEASURES)))


def test_a_run_is_no_better_than_itself(files):
    for one in compare(files / "good", files / "good", files / "qrels").differences.values():
        assert (one.difference.value, one.difference.low, one.difference.high, one.p, one.p_holm) == (0, 0, 0, 1, 1)


def test_swapping_the_runs_swaps_the_sign(files):
    there, back = (compare(files / a, files / b, files / "qrels") for a, b in (("good", "poor"), ("poor", "good")))
    for name in MEASURES:
        assert there.differences[name].difference.value == -back.differences[name].difference.value
        assert there.differences[name].p == back.differences[name].p


def test_the_table_and_the_json(files):
    result = compare(files / "poor", files / "good", files / "qrels")
    assert "12 topics" in comparison_to_table(result)
    assert all(name in comparison_to_table(result) for name in MEASURES)
    assert comparison_to_json(result) == comparison_to_json(compare(files / "poor", files / "good", files / "qrels"))
    assert set(json.loads(comparison_to_json(result))["differences"]) == set(MEASURES)


def test_a_missing_run_is_refused(files):
    with pytest.raises(JudgmentError, match="cannot be read"):
        compare(files / "none", files / "good", files / "qrels")
