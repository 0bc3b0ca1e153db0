"""bin/powermon --counters gpm against the simulated board's GPM, through NVML's real binding."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simgpu import FUNCTION_NOT_FOUND, NOT_SUPPORTED, SimGpu
from simgpu_state import now_s
from support.stage import wait_for
from tandem.base.paths import POWERMON
from tandem.measure.rows import Row, read_rows
from tandem.measure.windows.counters import METRICS
from tandem.measure.windows.window import window_facts
from tandem.nvml.gpm import NONE_HERE

DEADLINE_S = 120.0  # a guard, not a figure


class Watched:
    """A monitor that reads the counters, a row every 0.2 s."""

    def __init__(self, gpu: SimGpu, folder: Path, *options: str) -> None:
        self.folder = folder
        words = [str(POWERMON), "--out", str(folder), "--row", "0.2", "--interval", "0.05"]
        words += ["--powercap", str(folder.parent), "--counters", "gpm", *options]
        self.process = subprocess.Popen(words, env=gpu.environment(os.environ))
        wait_for("samples", (folder / "monitor.json").exists)

    def rows(self, stem: str = "gpm_0") -> list[Row]:
        return list(read_rows(self.folder / f"{stem}.csv"))

    def wait_for_rows(self, count: int, stem: str = "gpm_0") -> None:
        before = len(self.rows(stem))
        wait_for(f"{count} rows of counters", lambda: len(self.rows(stem)) >= before + count)

    def mark(self) -> float:
        """Have a row written now, for an edge of a window."""
        self.process.send_signal(signal.SIGUSR1)
        return now_s()

    def window(self, from_s: float, to_s: float, index: int = 0) -> dict[str, Any]:
        """Stop, and return what a window says of a GPU."""
        self.process.terminate()
        assert self.process.wait(DEADLINE_S) == 0
        facts: dict[str, Any] = window_facts(self.folder, from_s, to_s)["gpus"][index]
        return facts


@pytest.fixture
def started(tmp_path: Path, gpu: SimGpu) -> Iterator[Any]:
    every: list[Watched] = []

    def start(*options: str) -> Watched:
        every.append(Watched(gpu, tmp_path / f"energy_{len(every)}", *options))
        return every[-1]

    yield start
    for each in every:
        each.process.kill()
        each.process.wait()


def test_a_known_activity_is_found(gpu: SimGpu, started: Any) -> None:
    """Half of the window 80 %, half 20 %: edges of rows blur it by a row at most."""
    watched = started()
    busy = gpu.add(gpm={"sm_active": 80.0, "dram": 55.0, "nvlink_tx": 2000.0})
    from_s = watched.mark()
    watched.wait_for_rows(6)
    half_s = now_s()
    gpu.end(busy)
    gpu.add(gpm={"sm_active": 20.0, "dram": 55.0})
    watched.wait_for_rows(6)
    to_s = watched.mark()
    watched.wait_for_rows(1)
    found = watched.window(from_s, to_s)["counters"]
    truth = (80.0 * (half_s - from_s) + 20.0 * (to_s - half_s)) / (to_s - from_s)
    blur = 80.0 * 2 * 0.2 / (to_s - from_s)
    assert found["sm_active_percent_mean"] == pytest.approx(truth, abs=blur)
    assert found["dram_active_percent_mean"] == pytest.approx(55.0, abs=1.5)
    assert found["sm_active_percent_max"] == pytest.approx(80.0, abs=1.0)
    assert found["fp64_active_percent_mean"] == 0.0
    assert found["nvlink_tx_mib_per_s_max"] == pytest.approx(2000.0, rel=0.02)


def test_what_wraps_is_disturbed_or_missing_is_never_averaged_in(gpu: SimGpu, started: Any) -> None:
    watched = started()
    gpu.add(gpm={"sm_active": 50.0, "tensor": 30.0})
    gpu.set(gpm_missing=1 << 2)  # the tensor cores'
    from_s = watched.mark()
    watched.wait_for_rows(8)
    gpu.set(gpm_disturbed=1)
    watched.wait_for_rows(2)
    gpu.set(gpm_disturbed=0, gpm_wraps_at=50.0 * 0.7)  # some rows later, and again and again
    watched.wait_for_rows(8)
    to_s = watched.mark()
    watched.wait_for_rows(1)
    facts = watched.window(from_s, to_s)
    found = facts["counters"]
    assert found["sm_active_percent_mean"] == pytest.approx(50.0, abs=0.5)
    assert found["sm_active_percent_max"] == pytest.approx(50.0, abs=0.5)
    assert found["tensor_active_percent_mean"] is None
    assert 50.0 < found["known_percent"] < 95.0
    assert "impossible values for" in facts["counters_reason"]
    empty = [row for row in watched.rows() if not any(row[name] is not None for name in METRICS)]
    assert len(empty) >= 3


@pytest.mark.parametrize(
    ("code", "name", "words"),
    [
        (NOT_SUPPORTED, "gpm", NONE_HERE),
        (FUNCTION_NOT_FOUND, "nvmlGpmQueryDeviceSupport", "NVML: Function Not Found"),
    ],
)
def test_a_board_without_them_says_why(
    gpu: SimGpu, started: Any, code: int, name: str, words: str
) -> None:
    gpu.fail(code, name)
    watched = started()
    from_s = watched.mark()
    wait_for("rows of the board", lambda: len(watched.rows("gpu_0")) > 3)
    facts = watched.window(from_s, now_s())
    assert (facts["counters"], facts["counters_reason"]) == (None, words)
    assert watched.rows() == []
    said = json.loads((watched.folder / "monitor.json").read_text())
    assert words in {each["message"] for each in said["warnings"]}


def test_each_mig_slice_has_its_own(gpu: SimGpu, started: Any) -> None:
    gpu.set(mig=1)
    gpu.add(mig=0, gpm={"sm_active": 90.0})
    gpu.add(mig=1, gpm={"sm_active": 10.0})
    watched = started()
    from_s = watched.mark()
    watched.wait_for_rows(5, "gpm_0_mig_1")
    to_s = watched.mark()
    watched.wait_for_rows(1, "gpm_0_mig_1")
    assert watched.window(from_s, to_s)["counters"]["sm_active_percent_mean"] == pytest.approx(90.0)
    second = window_facts(watched.folder, from_s, to_s)["gpus"][1]
    assert second["counters"]["sm_active_percent_mean"] == pytest.approx(10.0)
