"""Count the ordinary questions that are referred to help: python evaluation/alarms.py queries.jsonl ... [--index DIR]."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from kqa.index import Index
from kqa.measures import share
from kqa.safety import screen


def main() -> None:
    """Screen every query of each file as a question of its own, count, and print each that was referred."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("queries", nargs="+", type=Path, help="JSON Lines with a “text” or a “question”")
    parser.add_argument("--index", type=Path, default=Path("index"))
    given = parser.parse_args()
    triage = Index.load(given.index).triage
    for path in given.queries:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        asked = [row.get("text") or row["question"] for row in rows]
        found = [screen(text, (), triage) for text in asked]
        rate = share([bool(referral.outcome) for referral in found])
        print(f"{path.parent.name}: {sum(bool(r.outcome) for r in found)} of {len(asked)}"
              f" ({100 * rate.value:.2f} % [{100 * rate.low:.2f}, {100 * rate.high:.2f}])")  # fmt: skip
        for text, referral in zip(asked, found, strict=True):
            if referral.outcome:
                print(f"  {referral.outcome} ({referral.rule}): {' '.join(text.split())[:200]}")


if __name__ == "__main__":
    main()
