"""Print how near a record's figures come to the truth, for what tests only bound loosely.

    bench/figures.py [RUNS]         at least 3 (the default), which take some 4 minutes

Short foreground windows on boards whose sensors are slow; the slowdown, the energies and the
progress of a pair of trainings of which all is known. The GPU is the simulated one of the tests.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / part) for part in ("lib", "tests", "tests/simgpu")]

from measuring import show  # noqa: E402
from simgpu import build  # noqa: E402
from support.boards import BOARDS, Measured, root_mean_square, short_windows  # noqa: E402
from support.pair import IDLE_W, Pair, measured_pair  # noqa: E402

SLOWER = 1.25  # what the pair's foreground is beside a load without pauses
SHARED_W, ALONE_W = IDLE_W + 180 + 90, IDLE_W + 240
PROGRESS = 0.8  # of the background's rounds, of which the pauses and the starts stay as they are


def bench_short(library: Path, folder: Path, runs: int) -> None:
    found: dict[str, list[Measured]] = {name: [] for name in BOARDS}
    for run in range(runs):
        place = folder / str(run)
        place.mkdir(parents=True)
        with short_windows(place, library) as windows:
            for name, some in windows.items():
                found[name] += some
    for name, some in found.items():
        show(f"windows of 0.2 to 10 s, {name}: error", [abs(each.error_j) for each in some], "J")
        stated_j = [each.gpu["energy_uncertainty_joules"] for each in some]
        show("stated for it", stated_j, "J")
        deviations = root_mean_square([each.deviations for each in some])
        print(f"{'  error in what is stated, root mean square':<52} {deviations:8.3f}")


def percent_off(pairs: Sequence[Pair], name: str, truth: float) -> list[float]:
    return [100 * abs(pair.figure(name)["value"] / truth - 1) for pair in pairs]


def bench_pairs(library: Path, folder: Path, runs: int) -> None:
    steady: list[Pair] = []
    rounds: list[Pair] = []
    for run in range(runs):
        for pauses, pairs in ((False, steady), (True, rounds)):
            place = folder / f"{run}_{pauses}"
            place.mkdir(parents=True)
            with measured_pair(place, library, "parallel_first", pauses) as pair:
                pairs.append(pair)
    show("slowdown beside a steady load: off by", percent_off(steady, "slowdown", SLOWER), "%")
    ratio = SLOWER * SHARED_W / ALONE_W
    show(
        "energy ratio beside a steady load: off by", percent_off(steady, "energy_ratio", ratio), "%"
    )
    progress = percent_off(rounds, "background_progress_ratio", PROGRESS)
    show("progress of rounds: off by", progress, "%")
    estimates = [
        100 * abs(pair.figure("foreground_energy_estimate_joules")["value"] / share_j(pair) - 1)
        for pair in rounds
    ]
    show("share of the energy by utilisation: off by", estimates, "%")


def share_j(pair: Pair) -> float:
    """Return the foreground's share of a window's true energy, by what both use of the GPU."""
    background = 30 * pair.parallel["background"]["coverage"]  # in the pauses it uses nothing
    return float(pair.truth_j(pair.parallel, "foreground") * 60 / (60 + background))


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    if shutil.which("cc") is None:
        raise SystemExit("bench: error: the simulated GPU needs a C compiler (cc)")
    print(f"medians (lowest to highest) of {runs} runs; the GPU is simulated")
    with tempfile.TemporaryDirectory() as name:
        library = build(Path(name))
        bench_short(library, Path(name) / "short", runs)
        bench_pairs(library, Path(name) / "pairs", runs)


if __name__ == "__main__":
    main()
