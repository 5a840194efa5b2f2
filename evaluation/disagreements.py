"""What `kqa disagreements` proposes, held against pairs that are known to disagree; with --fit, the weights of its score.

python evaluation/disagreements.py [--seeds FOLDER --pairs disagreements.jsonl] [--scifact FOLDER] [--fit]

Three collections, the first two skipped with a reason where they are absent: a folder of articles with pairs of their
sentences that disagree (even lines are dev, odd ones test), SciFact's claims with their evidence (training claims are dev), and
this corpus with its own table. Fitted on dev alone.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.optimize import minimize

import kqa
from kqa import Index
from kqa.candidates import SIGNS, Candidate, find_candidates, score_pair, signs
from kqa.dense import Moments
from kqa.lexical import Lexical
from kqa.measures import RESAMPLES, SEED, Estimate, share
from kqa.passages import plain
from kqa.polarity import compare_statements, read_statement
from kqa.tables import estimate_text

ALL = 1_000_000  # more pairs than there are
CUTOFFS = (10, 20, 50)
DEPTHS = (50, 100, 200)
_TOPIC = 2  # the first signs say how much two sentences speak of the same, the others whether they contradict each other
_PRIOR = 1.0  # a signal that the material is silent on keeps this weight
_RIDGE = 1 / 3
_WEIGHT = 100.0  # of each collection, half of it for the pairs that disagree

Place = tuple[str, int, int]
Known = Sequence[tuple[Place, Place]]


@dataclass(frozen=True)
class Judged:
    """A claim with a sentence of its evidence."""

    claim: str
    dev: bool
    contradicts: bool
    signs: Sequence[float]


def main() -> None:
    """Measure, or fit."""
    parser = argparse.ArgumentParser(description="Measure kqa disagreements, or fit the weights of its score.")
    parser.add_argument("--seeds", type=Path, help="a folder of articles")
    parser.add_argument("--pairs", type=Path, help="JSON Lines: a and b, each {file, start, end}, of sentences that disagree")
    parser.add_argument("--scifact", type=Path, help="a folder with corpus.jsonl.gz (sentences as metadata) and evidence.jsonl")
    parser.add_argument("--fit", action="store_true", help="print the weights that belong into kqa.candidates")
    options = parser.parse_args()
    seeds = read_seeds(options.seeds, options.pairs)
    judged = read_scifact(options.scifact)
    if options.fit:
        fit(seeds, judged)
        return
    if seeds:
        report_seeds(*seeds)
    if judged:
        report_scifact([one for one in judged if not one.dev])
    report_own()


def read_seeds(folder: Path | None, pairs: Path | None) -> tuple[Index, Known] | None:
    """Build an index of the articles and read the pairs, or say why not."""
    if not folder or not pairs or not folder.is_dir() or not pairs.is_file():
        print("articles: skipped; name their folder with --seeds, their pairs with --pairs")
        return None
    rows = [json.loads(line) for line in pairs.read_text(encoding="utf-8").splitlines()]
    known = [tuple((row[side]["file"], row[side]["start"], row[side]["end"]) for side in "ab") for row in rows]
    with TemporaryDirectory() as work:
        kqa.build(folder, Path(work) / "index")
        return Index.load(Path(work) / "index"), known


def read_scifact(folder: Path | None) -> list[Judged]:
    """Read each claim with each sentence of its evidence, or say why not."""
    if not folder or not (folder / "evidence.jsonl").is_file() or not (folder / "corpus.jsonl.gz").is_file():
        print("scifact: skipped; name its folder with --scifact")
        return []
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        sentences = {row["_id"]: row["metadata"]["sentences"] for row in map(json.loads, file)}
    rows = [json.loads(line) for line in (folder / "evidence.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["label"] != "NOINFO"]
    pairs = [
        (row, plain(sentences[row["doc_id"]][at])) for row in rows for at in sorted({i for r in row["rationales"] for i in r})
    ]
    texts = sorted({text for row, sentence in pairs for text in (row["claim"], sentence)})
    encoder = Index.load(Path("index")).encoder
    vectors = np.concatenate([encoder.encode([text]) for text in texts])
    about = dict(zip(texts, Moments.of(vectors).centred(vectors), strict=True))
    said = {text: read_statement(text) for text in texts}
    weigh = lru_cache(maxsize=None)(Lexical.build(texts).idf)
    return [
        Judged(
            row["claim_id"], row["split"] == "train", row["label"] == "CONTRADICT",
            signs(float(about[row["claim"]] @ about[sentence]), compare_statements(said[row["claim"]], said[sentence], weigh)),
        )
        for row, sentence in pairs
    ]  # fmt: skip


def matches(candidate: Candidate, known: Known) -> list[int]:
    """Return the numbers, from 1, of the known pairs that a candidate overlaps with both its sentences."""
    a, b = candidate.sides
    return [
        number
        for number, (x, y) in enumerate(known, 1)
        if (overlap(a, x) and overlap(b, y)) or (overlap(a, y) and overlap(b, x))
    ]


def overlap(side: kqa.Quote, place: Place) -> bool:
    """Whether a sentence and a place share a character."""
    span = side.citation.span
    return side.citation.document == place[0] and span.start < place[2] and place[1] < span.end


def report_seeds(index: Index, known: Known) -> None:
    """Print precision and recall over all known pairs, then over those of *test*, what matches *dev* taken out."""
    candidates = find_candidates(index, ALL)
    found = [matches(candidate, known) for candidate in candidates]
    nearest = sorted(candidates, key=lambda candidate: -candidate.signs[0])
    report("articles, all, the same by nearness alone", [matches(one, known) for one in nearest], range(1, len(known) + 1))
    halves = {"all": found, "dev": [n for n in found if not odd(n)], "test": [n for n in found if not n or odd(n)]}
    for name, proposed in halves.items():
        wanted = [n for n in range(1, len(known) + 1) if name == "all" or (name == "test") == bool(n % 2)]
        report(f"articles, {name}", proposed, wanted)


def odd(numbers: Sequence[int]) -> bool:
    """Whether a candidate matches a known pair of an odd line: one of *test*."""
    return any(number % 2 for number in numbers)


def report(name: str, found: Sequence[Sequence[int]], wanted: Sequence[int]) -> None:
    """Print the share of the first candidates that match a known pair, and of the known pairs that are among the first."""
    print(f"{name}: {len(wanted)} known pairs, {len(found)} candidates")
    for k in CUTOFFS:
        print(f"  precision@{k}: {estimate_text(share([bool(numbers) for numbers in found[:k]]))}")
    for depth in (*DEPTHS, len(found)):
        reached = {number for numbers in found[:depth] for number in numbers}
        print(f"  recall@{depth}: {estimate_text(share([number in reached for number in wanted]))}")


def report_own() -> None:
    """Print how much of this corpus's own table is proposed when the table is taken away."""
    index = Index.load(Path("index"), Path("corpus"))
    known = [tuple((side.document, side.span.start, side.span.end) for side in row.sides) for row in index.contradictions]
    bare = replace(index, contradictions=[])
    for name, across in (("its table taken away", False), ("the same with --across", True)):
        found = [matches(candidate, known) for candidate in find_candidates(bare, ALL, across)]
        report(f"this corpus, {name}", found, range(1, len(known) + 1))


def report_scifact(judged: Sequence[Judged]) -> None:
    """Print how well the score tells evidence that contradicts its claim from evidence that supports it."""
    base = np.mean([one.contradicts for one in judged])
    print(f"scifact, test: {len(judged)} claims with a sentence of evidence, {base:.3f} of them contradict")
    scores = {
        "the signals alone, the topic given": [score_pair([0.0] * _TOPIC + list(one.signs[_TOPIC:])) for one in judged],
        "the whole score": [score_pair(one.signs) for one in judged],
        **{sign: [one.signs[at] for one in judged] for at, sign in enumerate(SIGNS)},
    }
    for name, values in scores.items():
        print(f"  AUROC, {name}: {estimate_text(by_claim(judged, values))}")
    values = np.array(next(iter(scores.values())))
    order = np.lexsort((np.arange(len(values)), -values))
    for k in CUTOFFS:
        print(f"  precision@{k}: {estimate_text(share([judged[at].contradicts for at in order[:k]]))}")
    spoke = [one.contradicts for one in judged if any(one.signs[_TOPIC:])]
    print(f"  precision where any signal spoke: {estimate_text(share(spoke))}, {len(spoke)} of {len(judged)}")


def by_claim(judged: Sequence[Judged], values: Sequence[float]) -> Estimate:
    """Return the AUROC with a bootstrap over claims: sentences of one claim are not independent."""
    rows: dict[str, list[int]] = {}
    for at, one in enumerate(judged):
        rows.setdefault(one.claim, []).append(at)
    claims = [np.array(found) for found in rows.values()]
    scores, truth = np.array(values), np.array([one.contradicts for one in judged])
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(RESAMPLES):
        sample = np.concatenate([claims[at] for at in rng.integers(len(claims), size=len(claims))])
        drawn.append(area(scores[sample], truth[sample]))
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(area(scores, truth), float(low), float(high), len(claims))


def area(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the chance that a contradicting pair scores above a supporting one, ties counting half."""
    high, low = scores[truth][:, None], scores[~truth][None, :]
    return float(((high > low) + 0.5 * (high == low)).mean())


def fit(seeds: tuple[Index, Known] | None, judged: Sequence[Judged]) -> None:
    """Print a bias and the weights, each at least 0, that tell the pairs of dev that disagree from the others.

    SciFact's pairs are given their topic, so their signs of a common topic are left out. The bias is the articles'.
    """
    if not seeds or not judged:
        print("no fit: it needs both collections")
        return
    index, known = seeds
    candidates = [(candidate, matches(candidate, known)) for candidate in find_candidates(index, ALL)]
    kept = [(candidate.signs, bool(numbers)) for candidate, numbers in candidates if not odd(numbers)]
    claims = [([0.0] * _TOPIC + list(one.signs[_TOPIC:]), one.contradicts) for one in judged if one.dev]
    rows = np.array([[1.0, 0.0, *found] for found, _ in kept] + [[0.0, 1.0, *found] for found, _ in claims])
    truth = np.array([answer for _, answer in (*kept, *claims)], float)
    weights = np.concatenate([balanced([answer for _, answer in part]) for part in (kept, claims)])
    prior = np.array([0.0, 0.0] + [_PRIOR] * len(SIGNS))
    ridge = np.array([0.0] * (2 + _TOPIC) + [_RIDGE] * (len(SIGNS) - _TOPIC))

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        logits, apart = rows @ theta, theta - prior
        value = (weights * (np.logaddexp(0, logits) - truth * logits)).sum() + (ridge * apart**2).sum() / 2
        return float(value), rows.T @ (weights * (1 / (1 + np.exp(-logits)) - truth)) + ridge * apart

    bounds = [(None, None)] * 2 + [(0, None)] * len(SIGNS)
    theta = minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=bounds).x
    disagree = [sum(answer for _, answer in part) for part in (kept, claims)]
    print(f"fitted on {disagree[0]} of {len(kept)} candidates and {disagree[1]} of {len(claims)} sentences of evidence")
    print("WEIGHTS =", tuple(round(float(theta[at]), 2) for at in (0, *range(2, len(theta)))))


def balanced(answers: Sequence[bool]) -> np.ndarray:
    """Return weights that give the true and the false ones half of a collection's weight each."""
    truth = np.array(answers)
    return np.where(truth, _WEIGHT / 2 / truth.sum(), _WEIGHT / 2 / (~truth).sum())


if __name__ == "__main__":
    main()
