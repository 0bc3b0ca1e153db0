"""A sweep of 20 short experiments, killed 50 times at random instants, and what is left.

Usage: python bench/faults.py [KILLS] [SEED]. Nothing of the training's is measured here: the sum at
the end is to be 20 records, 20 rows, no process. Exit code 1 if it is not.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests")]

from support.stage import Stage  # noqa: E402
from support.sweep import Sweep, until_killed  # noqa: E402

COUNT = 20
LONGEST_S = 1.6


def main() -> int:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4), "big")
    with tempfile.TemporaryDirectory() as name:
        stage = Stage(Path(name))
        sweep = Sweep(stage, COUNT, Random(seed))
        sweep.build()
        try:
            duration_s = until_killed(sweep, kills, LONGEST_S)
            found = sweep.sum()
        finally:
            stage.clean_up()
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(sweep.kills.items()))
    killed = sum(sweep.kills.values())
    print(f"faults: killed {killed} times ({kinds}), seed {seed}, {duration_s:.0f} s")
    print("  " + ", ".join(f"{what} {number}" for what, number in found.items()))
    wanted = dict.fromkeys(found, COUNT) | {"cut off and kept": found["cut off and kept"]}
    return int(found != wanted | {"processes": 0})


if __name__ == "__main__":
    sys.exit(main())
