"""Make a collection in BEIR's layout of the lay questions that the encoder never saw, for ``kqa benchmark``.

python training/lay_collection.py --medquad DIR --out DIR: the dev questions of ``training/questions.jsonl``, the passages
that they were written for, and two thousand others of MedQuAD to hide them among.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from distil import SEED, lines

OTHERS = 2000


def main() -> None:
    """Write corpus.jsonl, queries.jsonl and qrels.tsv."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--medquad", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--questions", type=Path, default=Path("training/questions.jsonl"))
    given = parser.parse_args()
    asked = [question for question in lines(given.questions) if question["split"] == "dev"]
    passages = {passage["_id"]: passage["text"] for passage in lines(given.medquad / "corpus.jsonl.gz")}
    wanted = {question["passage"] for question in asked}
    kept = sorted(wanted | set(random.Random(SEED).sample(sorted(set(passages) - wanted), OTHERS)))
    given.out.mkdir(parents=True, exist_ok=True)
    write(given.out / "corpus.jsonl", [{"_id": name, "title": "", "text": passages[name]} for name in kept])
    write(given.out / "queries.jsonl", [{"_id": f"lay-{at}", "text": one["question"]} for at, one in enumerate(asked)])
    rows = ["query-id\tcorpus-id\tscore", *(f"lay-{at}\t{one['passage']}\t1" for at, one in enumerate(asked))]
    (given.out / "qrels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def write(path: Path, entries: list[dict]) -> None:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries), encoding="utf-8")


if __name__ == "__main__":
    main()
