"""Take the measures anew that `make test` holds and /how-well tells: writes evaluation/baseline.json from the index in force.

Look at the difference before committing it; a measure may fall only for a reason that stands in the commit.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from kqa import Index
from kqa.evaluate import evaluate, read_questions, values
from kqa.howwell import record

_TOLERANCE = 0.02
_HERE = Path("evaluation")


def main() -> None:
    """Evaluate every judged question, then those of *test* alone, and write what came out, rounded to four places."""
    index = Index.load(Path("index"), Path("corpus"))
    questions = read_questions(_HERE / "questions.jsonl", index.documents)
    measured = values(evaluate(index, questions))
    baseline = {
        "tolerance": _TOLERANCE,
        "measures": {name: round(value, 4) for name, value in sorted(measured.items())},
        **record(evaluate(index, questions, split="test"), date.today().isoformat()),
    }
    (_HERE / "baseline.json").write_text(json.dumps(baseline, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
