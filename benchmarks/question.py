"""What one question costs, beside the encoder's pass over it: python benchmarks/question.py

Questions of evaluation/questions.jsonl, each asked alone, in turn with the encoder's pass in single precision, so that both
meet the machine at the same pace; then the parts of ``ask``, each called by itself on the same questions. By the clock, in ms.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable

import numpy as np

from kqa import Index, ask
from kqa.rules import load_rules
from kqa.safety import screen
from scale import ASKED, ROOT, questions

QUOTED = 20  # hits that an answer is made of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    index = Index.load(ROOT / "index")
    asked = questions(options.questions, ASKED)
    ways = costs(index)
    for cost in ways.values():  # whatever is made when it is first needed
        for question in asked[:10]:
            cost(question)
    taken = {name: [] for name in ways}
    for _ in range(options.rounds):
        for question in asked:
            for name in ("ask", "pass"):
                taken[name].append(clocked(ways[name], question))
    for name in list(ways)[2:]:
        taken[name] = [clocked(ways[name], question) for question in asked]
    print(json.dumps(told(taken) | {"questions": len(asked), "rounds": options.rounds, "load": round(os.getloadavg()[0], 1)}))


def costs(index: Index) -> dict[str, Callable[[str], object]]:
    """Return what is timed, by name; ``pass`` is the encoder's in single precision."""
    rules, triage = load_rules(), index.triage
    read: dict[str, object] = {}

    def reading(question: str) -> object:
        read[question] = index.read(question)
        return read[question]

    return {
        "ask": lambda question: ask(question, index),
        "pass": lambda question: index.encoder.encode([question]),
        "screening": lambda question: screen(question, (), triage),
        "of that the phrases": rules.fired,
        "reading, beside it": reading,
        "search": lambda question: index.rank(read[question], QUOTED),
    }


def clocked(work: Callable[[str], object], question: str) -> float:
    began = time.perf_counter()
    work(question)
    return time.perf_counter() - began


def told(taken: dict[str, list[float]]) -> dict[str, object]:
    """Return the percentiles of each cost, and how many passes half of the questions take at most."""
    found = {name: np.percentile(np.array(times) * 1e3, (50, 95)).round(2).tolist() for name, times in taken.items()}
    return {"ms": found, "passes": round(found["ask"][0] / found["pass"][0], 2)}


if __name__ == "__main__":
    main()
