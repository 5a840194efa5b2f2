"""Count the ordinary questions that are referred to help: python evaluation/alarms.py queries.jsonl ... [--index DIR].

The triage learned from one half of the letters of ``HELD``: the other half, which it was kept from, is counted apart.
"""

from __future__ import annotations

import argparse
import json
import zlib
from pathlib import Path

from kqa.index import Index
from kqa.measures import share
from kqa.safety import screen

HELD = "meqsum"  # the collection of which one half was learned from


def held_out(identifier: str) -> bool:
    """Whether a letter of ``HELD`` was kept from the triage."""
    return zlib.crc32(identifier.encode()) % 2 == 1


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
        referred = [bool(referral.outcome) for referral in found]
        held = [path.parent.name == HELD and held_out(row.get("_id", "")) for row in rows]
        print(f"{path.parent.name}: {counted(referred)}")
        if any(held):
            print(f"  of them kept from the triage: {counted([one for one, kept in zip(referred, held, strict=True) if kept])}")
        for text, referral, kept in zip(asked, found, held, strict=True):
            if referral.outcome:
                print(f"  {'kept: ' * kept}{referral.outcome} ({referral.rule}): {' '.join(text.split())[:200]}")


def counted(referred: list[bool]) -> str:
    """Say how many of so many, and the share with its 95 % interval."""
    rate = share(referred)
    return f"{sum(referred)} of {len(referred)} ({100 * rate.value:.2f} % [{100 * rate.low:.2f}, {100 * rate.high:.2f}])"


if __name__ == "__main__":
    main()
