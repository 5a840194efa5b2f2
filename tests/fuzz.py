"""Fuzz one door, guided by the coverage of kqa's own code: ``python tests/fuzz.py DOOR [libFuzzer's options]``.

It starts from ``tests/data/fuzz/DOOR``; without ``-runs=N`` it goes on until it finds something. A folder named after the
options keeps the inputs that reached new code; what breaks a door is written as ``crash-…`` where ``-artifact_prefix=`` says.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

SEEDS = Path(__file__).with_name("data") / "fuzz"


def main() -> None:
    with atheris.instrument_imports(include=["kqa"]):
        import fuzz_doors
    door = sys.argv.pop(1)
    own = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    kept = [] if own else [tempfile.mkdtemp(prefix="kqa-fuzz-")]  # the first folder is written to: never the seeds
    fuzz_doors.ground()
    atheris.Setup([*sys.argv, *kept, str(SEEDS / door)], fuzz_doors.DOORS[door])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
