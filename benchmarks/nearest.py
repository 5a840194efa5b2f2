"""Both ways to find the nearest rows, at several sizes: python benchmarks/nearest.py 16000 100000 300000 1000000

One JSON object a size and way: times, as in scale.py, beside those of an exhaustive search in single precision of the same rows
with the same real questions, the recall of its ten nearest, bytes a row. Rows are synthetic, as in scale.py; ``--rows FILE``
takes them from the rows.npy of an index instead.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from kqa.index import Index
from kqa.scan import Scan
from scale import ASKED, DEPTH, ROOT, against_flat, bandwidth, questions, vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--index", type=Path, default=ROOT / "index")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--asked", type=Path, default=ASKED, help="as in scale.py")
    options = parser.parse_args()
    real = Index.load(options.index)
    queries = np.stack([real.encoder.encode_query(text) for text in questions(options.questions, options.asked)])
    most = max(options.sizes)
    rows = np.load(options.rows, mmap_mode="r") if options.rows else vectors(real, most, np.random.default_rng(1))[0]
    for size in options.sizes:
        for sketch_from in (most + 1, 1):
            row = {"rows": size, **measured(rows[:size], sketch_from, queries), "memory_gb_s": bandwidth()}
            print(json.dumps({**row, "load_average": round(os.getloadavg()[0], 1)}), flush=True)


def measured(rows: np.ndarray, sketch_from: int, queries: np.ndarray) -> dict[str, object]:
    began = time.process_time()
    built = Scan.build(np.asarray(rows), sketch_from)
    taken = time.process_time() - began
    with tempfile.TemporaryDirectory() as folder:
        built.save(Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        scan = Scan.load(Path(folder))  # mapped, as it is served
        facts = {"method": scan.method, "rescored": scan.rescored, "build_cpu_s": round(taken, 2)}
        return {
            **facts,
            "bytes_a_row": round(size / len(rows)),
            **against_flat(scan, queries, lambda query: scan.nearest(query, DEPTH)),
        }


if __name__ == "__main__":
    main()
