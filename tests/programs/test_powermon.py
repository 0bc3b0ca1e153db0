"""bin/powermon against the simulated GPU, through NVML's real binding."""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from simgpu import (
    COUNTER,
    DRIVER_NOT_LOADED,
    FUNCTION_NOT_FOUND,
    INIT,
    NO_PERMISSION,
    NOT_SUPPORTED,
    SAMPLES,
    UNKNOWN,
    SimGpu,
)
from simgpu_state import now_s
from support.stage import wait_for
from tandem.base.clock import suspended_s
from tandem.base.paths import POWERMON, ROOT
from tandem.measure.rows import GPU_COLUMNS, Row, number, read_rows
from tandem.measure.sampling.strangers import MOST_UNSEEN
from tandem.measure.windows.tallies import PARTIAL_KINDS
from tandem.nvml.binding import LIB_RM_VERSION_MISMATCH
from tandem.processes.proc import stat

DEADLINE_S = 120.0  # a guard, not a figure
NO_PID = 2**22 + 1  # Linux gives no process so high an id
POWER_COLUMNS = {"energy_trapezoid_j", "power_mean_w", "power_min_w", "power_max_w", "samples"}
POWER_COLUMNS |= {"power_jumps_w2"}
ROLE_COLUMNS = {column for column in GPU_COLUMNS if column.startswith(("fore", "back"))}

Watch = Callable[..., "Watched"]


@dataclass
class Watched:
    """A running bin/powermon, and what it has written so far."""

    folder: Path
    process: subprocess.Popen[str]
    stderr: str = field(default="", init=False)

    def rows(self, stem: str = "gpu_0", kind: str | None = None) -> list[Row]:
        rows = read_rows(self.folder / f"{stem}.csv")
        return [row for row in rows if kind in (None, row["kind"])]

    def strangers(self) -> list[dict[str, str]]:
        with open(self.folder / "strangers.csv", newline="") as file:
            return list(csv.DictReader(file))

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.folder / "monitor.json").read_text())
        return report

    def gpu(self, index: int = 0) -> dict[str, Any]:
        gpu: dict[str, Any] = self.report()["gpus"][index]
        return gpu

    def mark(self, stem: str = "gpu_0") -> Row:
        """Ask for a row, and return it."""
        before = len(self.rows(stem, "mark"))
        self.process.send_signal(signal.SIGUSR1)
        wait_for("the row of a mark", lambda: len(self.rows(stem, "mark")) > before)
        return self.rows(stem, "mark")[before]

    def belongs(self, role: str, pid: int) -> None:
        with open(self.folder / "trees.tsv", "a") as file:
            file.write(f"{role}\t{pid}\t{stat(pid)[19]}\n")

    def stop(self, code: int = 0) -> None:
        self.process.terminate()
        self.stderr = self.process.communicate(timeout=DEADLINE_S)[1]
        assert self.process.returncode == code, self.stderr


@pytest.fixture
def watch(tmp_path: Path, gpu: SimGpu) -> Iterator[Watch]:
    """Starts bin/powermon on the simulated GPU, and returns when it samples."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, env: Mapping[str, str] | None = None, **more: Any) -> Watched:
        folder = tmp_path / f"energy_{len(started)}"
        environment = gpu.environment() | dict(env or {})
        words = [str(POWERMON), "--out", str(folder), "--powercap", str(tmp_path), *options]
        process = subprocess.Popen(
            words, env=environment, stderr=subprocess.PIPE, text=True, **more
        )
        started.append(process)
        wait_for(
            "samples",
            lambda: (folder / "monitor.json").exists() or process.poll() is not None,
        )
        return Watched(folder, process)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def value(row: Row, column: str) -> float:
    cell = row[column]
    assert isinstance(cell, float), (column, row)
    return cell


def at(row: Row) -> float:
    return value(row, "boottime_s")


def known(row: Row) -> set[str]:
    return {column for column, value in row.items() if value not in (None, "")}


def numbers(rows: list[Row], column: str) -> list[float]:
    return [value for row in rows if isinstance(value := row[column], float)]


# -- energy ----------------------------------------------------------------------------------


def test_the_counter_at_a_fresh_row_is_the_truth_at_its_moment(gpu: SimGpu, watch: Watch) -> None:
    gpu.set(counter_period_s=0.1)
    watched = watch()
    gpu.start_training(shape="square", watts=300, low_watts=80, period=0.3, work_seconds=60)
    for _ in range(5):
        watched.mark()
        time.sleep(0.2)
    watched.stop()
    fresh = watched.rows(kind="fresh")
    assert fresh
    begin_s = gpu.slots()[0].start_s - 1
    bases_j = [
        value(row, "energy_counter_mj") / 1000 - gpu.truth_j(0, begin_s, at(row)) for row in fresh
    ]
    # It moved since the sample before, which a busy machine makes late.
    late_s = max(numbers(watched.rows(), "largest_gap_s"))
    assert max(bases_j) - min(bases_j) < 360 * max(late_s, 0.02)


def test_the_trapezoid_of_a_ramp_is_exact(gpu: SimGpu, watch: Watch) -> None:
    watched = watch()
    begin = watched.mark()
    gpu.start_training(shape="ramp", watts=600, low_watts=0, period=20, work_seconds=60)
    time.sleep(1.5)
    end = watched.mark()
    watched.stop()
    energy_j = value(end, "energy_trapezoid_j") - value(begin, "energy_trapezoid_j")
    assert energy_j == pytest.approx(gpu.truth_j(0, at(begin), at(end)), rel=0.01)
    for row in watched.rows():
        low_w, mean_w, high_w = (value(row, f"power_{name}_w") for name in ("min", "mean", "max"))
        assert low_w - 30 <= mean_w <= high_w + 0.1  # the mean begins at the row before


def hold_up(watched: Watched, for_s: float) -> tuple[float, float]:
    """Stop the monitor for a time, and return when that was, once it has sampled again."""
    begin_s = now_s()
    watched.process.send_signal(signal.SIGSTOP)
    time.sleep(for_s)
    end_s = now_s()
    watched.process.send_signal(signal.SIGCONT)
    watched.mark()
    return begin_s, end_s


def gone_on_s(watched: Watched, end_s: float) -> float:
    """Return by when it had sampled again: on a busy machine not at once."""
    return min(at(row) for row in watched.rows() if row["kind"] != "filled" and at(row) > end_s)


def test_a_gap_is_filled_from_the_drivers_own_samples(gpu: SimGpu, watch: Watch) -> None:
    gpu.set(sample_buffer_s=30)
    watched = watch()
    gpu.start_training(shape="square", watts=300, low_watts=80, period=0.7, work_seconds=60)
    begin = watched.mark()
    begin_s, end_s = hold_up(watched, 1.5)
    end = watched.mark()
    watched.stop()
    rows = watched.rows()
    times_s = [at(row) for row in rows]
    assert times_s == sorted(times_s)
    filled = [row for row in rows if row["kind"] == "filled" and begin_s < at(row) < end_s]
    intervals = (end_s - begin_s) / 0.1
    assert intervals / 2 <= len(filled) <= intervals + 1  # about one an interval of 0.1 s
    empty = set(GPU_COLUMNS) - known(filled[0])
    assert {"energy_counter_mj", "sm_percent", "memory_used_mib", "event_reasons"} <= empty
    assert known(filled[0]) >= POWER_COLUMNS
    assert sum(numbers(rows, "unsampled_s")) == 0
    assert max(numbers(filled[1:], "largest_gap_s")) < 0.05
    energy_j = value(end, "energy_trapezoid_j") - value(begin, "energy_trapezoid_j")
    assert energy_j == pytest.approx(gpu.truth_j(0, at(begin), at(end)), rel=0.05)


def test_what_the_buffer_does_not_reach_back_to_is_unsampled(gpu: SimGpu, watch: Watch) -> None:
    gpu.set(sample_buffer_s=0.5)
    watched = watch()
    begin_s, end_s = hold_up(watched, 1.5)
    watched.stop()
    unsampled_s = sum(numbers(watched.rows(), "unsampled_s"))
    # From the last sample before it; the buffer reaches back from the first one after it.
    after_s = gone_on_s(watched, end_s) - begin_s
    assert end_s - begin_s - 0.7 < unsampled_s < after_s + 0.3
    gap = next(row for row in watched.rows() if row["unsampled_s"])
    assert gap["kind"] == "filled"


def test_without_a_buffer_the_gap_stays_unsampled(gpu: SimGpu, watch: Watch) -> None:
    gpu.fail(NOT_SUPPORTED, *SAMPLES)
    watched = watch()
    begin_s, end_s = hold_up(watched, 0.8)
    watched.stop()
    assert not watched.rows(kind="filled")
    gap_s = max(numbers(watched.rows(), "unsampled_s"))
    assert end_s - begin_s <= gap_s < gone_on_s(watched, end_s) - begin_s + 0.5
    assert max(numbers(watched.rows(), "largest_gap_s")) == pytest.approx(gap_s, abs=0.001)
    assert "power_buffer" in watched.gpu()["missing"]


def test_samples_that_are_late_are_not_made_up_for(gpu: SimGpu, watch: Watch) -> None:
    gpu.fail(NOT_SUPPORTED, *SAMPLES)
    watched = watch("--row", "0.2")
    begin_s, _ = hold_up(watched, 1.0)
    wait_for("more rows", lambda: at(watched.rows()[-1]) > begin_s + 2.0)
    watched.stop()
    late = [row for row in watched.rows(kind="") if begin_s + 0.9 < at(row) < begin_s + 1.8]
    assert len(late) <= 7


# -- rows ------------------------------------------------------------------------------------


def test_a_row_a_period_on_a_grid_without_drift(watch: Watch) -> None:
    watched = watch("--interval", "0.02", "--row", "0.1")
    wait_for("rows", lambda: len(watched.rows()) >= 20)
    watched.stop()
    rows = watched.rows(kind="")
    begin_s = at(rows[0])
    periods = [(at(row) - begin_s) / 0.1 for row in rows]
    # A busy machine makes rows late, and so the first one: but not all the last ones by as much.
    late = [each - round(each) for each in periods]
    assert min(late[-10:]) - min(late[:10]) == pytest.approx(0, abs=0.15)
    numbers_of_rows = [round(each - min(late)) for each in periods]
    assert numbers_of_rows == sorted(set(numbers_of_rows))
    assert watched.rows()[-1]["kind"] == "last"
    # A monitor that was held up fills its gap with rows of power alone.
    assert len(watched.rows("cpu")) == len(
        [row for row in watched.rows() if row["kind"] not in PARTIAL_KINDS]
    )


def test_of_several_marks_at_least_one_row_comes_after_the_last(watch: Watch) -> None:
    watched = watch("--row", "60")
    for pause_us in range(0, 500, 5):  # one of them comes while the row of the first is written
        watched.process.send_signal(signal.SIGUSR1)
        end_s = now_s() + pause_us / 1e6
        while now_s() < end_s:
            pass
        last_s = now_s() - 0.0001  # as rows are rounded
        watched.process.send_signal(signal.SIGUSR1)
        wait_for("a row", partial(has_row_after, watched, last_s, "mark"))
    watched.stop()


def has_row_after(watched: Watched, when_s: float, kind: str | None = None) -> bool:
    return any(at(row) >= when_s for row in watched.rows(kind=kind))


def test_a_mark_is_taken_at_once(watch: Watch) -> None:
    watched = watch("--interval", "30", "--row", "60")
    asked_s = now_s()
    row = watched.mark()
    assert at(row) - asked_s < 25  # and not with the next sample, or the next row
    assert at(watched.rows("cpu", "mark")[0]) >= at(row)
    watched.stop()


def ignores(pid: int, signum: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = re.findall(r"^SigIgn:\s+(\w+)$", status, re.M)
    return bool(int(mask, 16) >> (signum - 1) & 1)


def test_a_mark_before_the_monitor_can_answer_does_not_end_it(gpu: SimGpu, tmp_path: Path) -> None:
    folder = tmp_path / "early"
    process = subprocess.Popen([str(POWERMON), "--out", str(folder)], env=gpu.environment())
    try:
        wait_for("the script", partial(ignores, process.pid, signal.SIGUSR1))
        assert not folder.exists()  # Python has not begun
        while not (folder / "monitor.json").exists():
            process.send_signal(signal.SIGUSR1)
            assert process.poll() is None
            time.sleep(0.001)
    finally:
        process.terminate()
        assert process.wait(DEADLINE_S) == 0


DECIMALS = {
    "boottime_s": 4,
    "energy_trapezoid_j": 2,
    "power_mean_w": 2,
    "power_min_w": 1,
    "power_max_w": 1,
    "power_average_w": 1,
    "largest_gap_s": 4,
    "unsampled_s": 3,
    **{column: 1 for column in GPU_COLUMNS if column.endswith("percent")},
}


def test_no_cell_has_more_decimals_than_it_may(gpu: SimGpu, watch: Watch) -> None:
    gpu.set(idle_w=60.123456789)
    training = gpu.start_training(
        shape="ramp", watts=613, period=7, sm_percent=33, memory_mib=7, work_seconds=60
    )
    watched = watch("--row", "0.3", "--foreground", str(training.pid))
    watched.mark()
    hold_up(watched, 0.5)
    watched.stop()
    for line in (watched.folder / "gpu_0.csv").read_text().splitlines()[1:]:
        for column, cell in zip(GPU_COLUMNS, line.split(","), strict=True):
            assert len(cell.partition(".")[2]) <= DECIMALS.get(column, 0), (column, line)


def test_seven_days_of_rows_stay_below_100_mb() -> None:
    large = {
        "boottime_s": 31536000.1234,  # a year
        "energy_counter_mj": 1e12,
        "energy_trapezoid_j": 423_360_000.12,  # 700 W for 7 days
        "largest_gap_s": 0.1016,
        "samples": 11,
        "temperature_c": 83,
        "memory_used_mib": 81559,
    }
    for name, most in {"_w": 698.47, "_percent": 99.9, "_mib": 40000, "_mhz": 1980}.items():
        large |= {column: most for column in GPU_COLUMNS if column.endswith(name)}
    cells = {column: number(most, DECIMALS.get(column, 0)) for column, most in large.items()}
    cells |= {"unsampled_s": "0", "event_reasons": "4"}
    line = ",".join(cells.get(column, "") for column in GPU_COLUMNS) + "\n"
    assert len(line) <= 160
    assert len(line) * 7 * 86400 <= 100e6


def has_rows(watched: Watched, count: int) -> bool:
    return len(watched.rows(kind="")) >= count


@pytest.mark.long
def test_memory_does_not_grow(gpu: SimGpu, watch: Watch) -> None:
    training = gpu.start_training(watts=300, work_seconds=100, memory_mib=100)
    watched = watch("--interval", "0.01", "--row", "0.02", "--foreground", str(training.pid))
    pages: list[int] = []
    for count in (100, 400):
        for _ in range(5):
            watched.mark()
        wait_for("rows", partial(has_rows, watched, count))
        pages.append(int(stat(watched.process.pid)[21]))
    watched.stop()
    assert pages[1] - pages[0] <= 64  # a page or two a thousand rows would be 100 MB in 7 days
    assert pages[1] * resource.getpagesize() < 40 * 1024**2


def test_a_full_disk_ends_it_with_whole_rows(gpu: SimGpu, watch: Watch) -> None:
    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    watched = watch("--interval", "0.01", "--row", "0.01", preexec_fn=limit_files)
    _, stderr = watched.process.communicate(timeout=DEADLINE_S)
    assert watched.process.returncode == 1
    assert re.search(r"^powermon: error: .*/\w+\.csv: File too large: the rows end", stderr, re.M)
    for path in watched.folder.glob("*.csv"):
        assert path.read_bytes().endswith(b"\n")
        assert path.stat().st_size <= 6000


def test_all_stamps_are_on_one_clock_and_one_pair_makes_them_utc(watch: Watch) -> None:
    begin_s, begin_utc_s = now_s(), time.time()
    watched = watch()
    row = watched.mark("cpu")
    watched.stop()
    report = watched.report()
    clock = report["clock"]
    assert begin_s <= clock["boottime_s"] <= at(row) <= report["end_boottime_s"] <= now_s()
    passed_s = clock["boottime_s"] - begin_s
    assert clock["utc_s"] - begin_utc_s == pytest.approx(passed_s, abs=5)  # read one by one
    assert {value(each, "suspended_s") for each in watched.rows("cpu")} == {round(suspended_s(), 4)}
    for path in watched.folder.iterdir():
        assert path.read_text().count("utc") == (path.name == "monitor.json")


# -- what is missing -------------------------------------------------------------------------


def test_a_driver_without_the_fields_gives_its_power_by_a_call(gpu: SimGpu, watch: Watch) -> None:
    gpu.fail(FUNCTION_NOT_FOUND, "nvmlDeviceGetFieldValues")
    watched = watch("--interval", "0.02", "--row", "0.1")
    wait_for("rows", lambda: len(watched.rows()) >= 3)
    watched.stop()
    row = watched.rows()[-1]
    assert watched.gpu()["power_source"] == "usage"
    assert set(watched.gpu()["missing"]) == {"power_average"}
    assert row["power_average_w"] is None
    assert POWER_COLUMNS | {"energy_counter_mj"} <= known(row)
    assert row["power_mean_w"] == 60


def test_a_board_without_a_counter_has_its_trapezoid(gpu: SimGpu, watch: Watch) -> None:
    gpu.fail(NOT_SUPPORTED, *COUNTER)
    watched = watch("--row", "0.1")
    watched.mark()
    watched.stop()
    assert list(watched.gpu()["missing"]) == ["energy_counter"]
    assert watched.gpu()["missing"]["energy_counter"] == "NVML: Not Supported"
    assert not watched.rows(kind="fresh")
    assert {row["energy_counter_mj"] for row in watched.rows()} == {None}
    assert watched.rows()[-1]["energy_trapezoid_j"]


def test_how_long_clocks_were_held_down_is_the_drivers_word(gpu: SimGpu, watch: Watch) -> None:
    """What a board has no counter of is no fault, and one that fails is asked again."""
    gpu.set(held_by_power=0.25, held_by_heat=0.5)
    watched = watch("--row", "0.1")
    row = watched.mark()
    assert value(row, "throttled_power_s") == pytest.approx(0.25 * at(row), rel=1e-3)
    assert value(row, "throttled_thermal_s") == pytest.approx(0.5 * at(row), rel=1e-3)
    assert value(row, "throttled_sync_boost_s") == 0
    gpu.fail(UNKNOWN, "nvmlDeviceGetViolationStatus")
    wait_for("a gap", lambda: watched.mark()["throttled_power_s"] is None)
    gpu.mend("nvmlDeviceGetViolationStatus")
    wait_for("it again", lambda: watched.mark()["throttled_power_s"] is not None)
    gpu.fail(NOT_SUPPORTED, "nvmlDeviceGetViolationStatus")
    wait_for("none", lambda: watched.mark()["throttled_power_s"] is None)
    watched.stop()
    assert watched.gpu()["missing"] == {}
    assert not [each for each in watched.report()["warnings"] if "gpu_0" in each["sensor"]]


@pytest.mark.parametrize(
    ("names", "sensor", "columns"),
    [
        (("nvmlDeviceGetUtilizationRates",), "utilisation", {"sm_percent", "memory_percent"}),
        (("nvmlDeviceGetMemoryInfo", "nvmlDeviceGetMemoryInfo_v2"), "memory",
         {"memory_used_mib"}),
        (("nvmlDeviceGetTemperature", "nvmlDeviceGetTemperatureV"), "temperature",
         {"temperature_c"}),
        (("nvmlDeviceGetClockInfo",), "sm_clock", {"sm_clock_mhz", "memory_clock_mhz"}),
        (("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"),
         "event_reasons", {"event_reasons"}),
        (("field 185",), "power_average", {"power_average_w"}),
        (("field 83",), "energy_counter", {"energy_counter_mj"}),
        (("field 186",), "power", POWER_COLUMNS | {"largest_gap_s", "unsampled_s"}),
    ],
)  # fmt: skip
def test_a_sensor_that_fails_in_the_middle_costs_its_own_columns(
    gpu: SimGpu, watch: Watch, names: tuple[str, ...], sensor: str, columns: set[str]
) -> None:
    watched = watch("--row", "0.1")
    wait_for("a row", lambda: len(watched.rows()) >= 2)
    assert columns <= known(watched.rows()[0])
    gpu.fail(NO_PERMISSION, *names)
    wait_for("the loss", lambda: watched.gpu()["missing"])
    gpu.mend(*names)
    watched.mark()
    whole = known(watched.rows()[0])
    wait_for("more rows", lambda: len(watched.rows(kind="")) >= 8)
    watched.stop()
    assert sensor in watched.gpu()["missing"]
    for row in watched.rows(kind="")[-3:]:  # on a busy machine some are filled besides
        assert known(row) - {"kind"} == whole - columns
    warnings = [each for each in watched.report()["warnings"] if "gpu_0" in each["sensor"]]
    assert len(warnings) == len(watched.gpu()["missing"])
    assert warnings[0]["message"] == "NVML: Insufficient Permissions"
    assert "root" in warnings[0]["hint"]
    assert watched.stderr.count(f"gpu_0 {sensor}") == 1


def test_a_trapezoid_that_lost_its_power_is_empty_from_then_on(gpu: SimGpu, watch: Watch) -> None:
    watched = watch("--interval", "0.05", "--row", "0.5")
    wait_for("a row", lambda: len(watched.rows()) >= 2)
    time.sleep(0.2)
    gpu.fail(NO_PERMISSION, "field 186")
    wait_for("the loss", lambda: watched.gpu()["missing"])
    watched.mark()
    watched.stop()
    mark = watched.rows(kind="mark")[0]
    assert mark["energy_trapezoid_j"] is None
    assert mark["power_mean_w"] == 60  # what was sampled before
    assert value(mark, "unsampled_s") > 0
    assert watched.gpu()["power_source"] == "instant"  # what it was, for all that was before


@pytest.mark.parametrize(
    ("name", "sensor", "column"),
    [
        ("field 186", "power", "power_mean_w"),
        ("field 83", "energy_counter", "energy_counter_mj"),
        ("nvmlDeviceGetComputeRunningProcesses_v3", "processes", "foreground_memory_mib"),
    ],
)
def test_a_sensor_that_fails_once_is_asked_again(
    gpu: SimGpu, watch: Watch, name: str, sensor: str, column: str
) -> None:
    training = gpu.start_training(memory_mib=1000, work_seconds=100)
    watched = watch("--row", "0.2", "--foreground", str(training.pid))
    wait_for("rows", lambda: len(numbers(watched.rows(), column)) >= 2)
    gpu.fail(UNKNOWN, name)
    wait_for("the loss", lambda: sensor in watched.gpu()["missing"])
    gpu.mend(name)
    wait_for("its return", lambda: not watched.gpu()["missing"])
    (gap,) = watched.gpu()["gaps"]
    wait_for("values", lambda: known(watched.rows()[-1]) >= {column})
    watched.stop()
    assert (gap["sensor"], gap["reason"]) == (sensor, "NVML: Unknown Error")
    rows = [row for row in watched.rows() if row["kind"] in ("", "mark", "last")]
    empty = [row for row in rows if row[column] is None]
    assert empty
    assert all(gap["from_boottime_s"] <= at(row) <= gap["to_boottime_s"] for row in empty[1:-1])
    if sensor == "power":
        lost_s = gap["to_boottime_s"] - gap["from_boottime_s"]
        (back,) = (row for row in watched.rows() if (row["unsampled_s"] or 0) > 0.9 * lost_s)
        assert value(back, "energy_trapezoid_j") > 0
    assert watched.stderr.count("Unknown Error") == 1


@pytest.mark.parametrize("after_calls", [0, 1, 2, 3, 5, 8])
def test_a_lost_gpu_costs_all_its_columns_and_nothing_else(
    gpu: SimGpu, watch: Watch, after_calls: int
) -> None:
    training = gpu.start_training(watts=300, work_seconds=100, memory_mib=100)
    watched = watch("--row", "0.2", "--foreground", str(training.pid))
    wait_for("rows", lambda: len(watched.rows()) >= 2)
    gpu.lose(after_calls=after_calls)
    wait_for("the loss", lambda: watched.gpu()["missing"])
    gpu.bring_back()
    count = len(watched.rows())
    wait_for("rows after it", lambda: len(watched.rows()) > count + 2)
    watched.stop()
    for row in watched.rows()[-2:]:
        assert known(row) - {"kind"} == {"boottime_s"}
    assert watched.gpu()["missing"]["energy_counter"] == "NVML: GPU is lost"
    assert watched.stderr.count("GPU is lost") == 1
    assert "dmesg" in watched.report()["warnings"][-1]["hint"]
    assert watched.rows("cpu")[-1]["kind"] == "last"
    assert watched.rows("cpu")[-1]["foreground_cpu_s"] is not None


def test_without_a_driver_the_rest_is_measured(gpu: SimGpu, watch: Watch) -> None:
    gpu.fail(DRIVER_NOT_LOADED, *INIT)
    watched = watch("--foreground", str(os.getpid()))
    watched.stop()
    report = watched.report()
    assert report["gpus"] == []
    assert report["gpus_reason"] == "NVML: Driver Not Loaded"
    assert "modprobe" in watched.stderr
    assert watched.rows("cpu")[-1]["foreground_cpu_s"]


def test_without_pynvml_the_way_to_get_it_is_said(gpu: SimGpu) -> None:
    program = "from tandem.nvml.binding import NvmlError, opened\ntry: opened().__enter__()\n"
    program += "except NvmlError as error: print(error, '|', error.hint)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env=gpu.environment(os.environ | {"PYTHONPATH": str(ROOT / "lib")}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout == "the module pynvml is missing | pip install nvidia-ml-py\n"


# -- which GPUs ------------------------------------------------------------------------------

FIRST, SECOND = (f"GPU-5150000{index}-0000-4000-8000-000000000000" for index in (0, 1))


@pytest.fixture
def watch_two(two_gpus: SimGpu, watch: Watch) -> Watch:
    def start(*options: str, env: Mapping[str, str] | None = None) -> Watched:
        return watch(*options, env=two_gpus.environment() | dict(env or {}))

    return start


def visible(gpu: SimGpu, *selections: str | None) -> list[list[str]]:
    """Return the file names of the GPUs that each selection shows."""
    program = (
        "import json, sys\nfrom tandem.nvml import devices as nvml\n"
        "from tandem.nvml.binding import opened\nwith opened(): print(json.dumps("
        "[[d.stem for d in nvml.visible(each)] for each in json.loads(sys.argv[1])]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(selections)],
        env=gpu.environment(os.environ | {"PYTHONPATH": str(ROOT / "lib")}),
        stdout=subprocess.PIPE,
        check=True,
    )
    stems: list[list[str]] = json.loads(done.stdout)
    return stems


def test_cuda_visible_devices_means_what_it_means_to_cuda(two_gpus: SimGpu) -> None:
    meanings: dict[str | None, list[str]] = {
        None: ["gpu_0", "gpu_1"],
        "": [],
        "-1": [],
        "1": ["gpu_1"],
        "1,0": ["gpu_1", "gpu_0"],
        " 1 , 0 ": ["gpu_1", "gpu_0"],
        "0,0": ["gpu_0"],
        "0,7,1": ["gpu_0"],
        "7,0": [],
        "0,-1,1": ["gpu_0"],
        SECOND: ["gpu_1"],
        f"{SECOND},0": ["gpu_1", "gpu_0"],
        "GPU-51500001": ["gpu_1"],
        "GPU-5150000": [],  # fits both
        "GPU-9": [],
        "0x1": [],
        "none": [],
    }
    assert dict(zip(meanings, visible(two_gpus, *meanings), strict=True)) == meanings


def test_a_board_in_mig_mode_stands_for_its_mig_devices(two_gpus: SimGpu) -> None:
    two_gpus.set(0, mig=1)
    slices = ["gpu_0_mig_0", "gpu_0_mig_1"]
    meanings: dict[str | None, list[str]] = {
        None: [*slices, "gpu_1"],
        "0": slices,
        FIRST: slices,
        f"MIG-{FIRST[4:-1]}1,1": ["gpu_0_mig_1", "gpu_1"],
        f"MIG-{FIRST[4:-1]}": [],  # fits both
    }
    assert dict(zip(meanings, visible(two_gpus, *meanings), strict=True)) == meanings


@pytest.mark.parametrize(
    ("option", "variable", "files", "reason"),
    [
        (None, None, ["gpu_0.csv", "gpu_1.csv"], None),
        (None, "1", ["gpu_1.csv"], None),
        (None, SECOND, ["gpu_1.csv"], None),
        ("0", "1", ["gpu_0.csv"], None),
        (None, "", [], 'CUDA_VISIBLE_DEVICES is "", which shows none'),
        ("none", None, [], "none was asked for (--gpus none)"),
    ],
)
def test_which_gpus_are_watched(
    watch_two: Watch,
    option: str | None,
    variable: str | None,
    files: list[str],
    reason: str | None,
) -> None:
    options = [] if option is None else ["--gpus", option]
    env = {} if variable is None else {"CUDA_VISIBLE_DEVICES": variable}
    watched = watch_two(*options, env=env)
    watched.stop()
    report = watched.report()
    assert [gpu["file"] for gpu in report["gpus"]] == files
    assert sorted(path.name for path in watched.folder.glob("gpu_*")) == files
    assert report["gpus_reason"] == reason


def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(watch_two: Watch) -> None:
    watched = watch_two("--gpus", "0,4")
    assert watched.process.wait(DEADLINE_S) == 2
    assert watched.process.stderr
    stderr = watched.process.stderr.read()
    assert stderr.startswith('powermon: error: --gpus: no GPU "4"; there is 0 (Simulated GPU, GPU-')
    assert SECOND in stderr
    assert not list(watched.folder.iterdir())


def test_a_lost_board_does_not_keep_the_other_from_being_watched(
    two_gpus: SimGpu, watch: Watch
) -> None:
    two_gpus.lose(0)
    watched = watch(env=two_gpus.environment())
    watched.stop()
    assert [gpu["index"] for gpu in watched.report()["gpus"]] == [1]
    assert "GPU 0: NVML: GPU is lost" in watched.stderr


@pytest.mark.parametrize(
    ("variable", "order", "warns"),
    [("0", "", True), ("0", "PCI_BUS_ID", False), (FIRST, "", False), (None, "", False)],
)
def test_numbers_that_may_mean_another_gpu_to_cuda_are_warned_of(
    two_gpus: SimGpu, watch_two: Watch, variable: str | None, order: str, warns: bool
) -> None:
    two_gpus.set(1, name="Another Kind")
    env = {} if variable is None else {"CUDA_VISIBLE_DEVICES": variable}
    watched = watch_two(env=env | {"CUDA_DEVICE_ORDER": order})
    watched.stop()
    assert ("CUDA_DEVICE_ORDER=PCI_BUS_ID" in watched.stderr) == warns


def test_a_mig_device_has_the_power_of_its_board_and_no_use(gpu: SimGpu, watch: Watch) -> None:
    gpu.set(mig=1)
    training = gpu.start_training(watts=300, work_seconds=100, memory_mib=1000)
    watched = watch("--row", "0.1", "--foreground", str(training.pid))
    watched.mark("gpu_0_mig_1")
    watched.stop()
    first, second = watched.report()["gpus"]
    assert (first["file"], first["mig"], first["index"]) == ("gpu_0_mig_0.csv", True, 0)
    assert second["file"] == "gpu_0_mig_1.csv"
    assert "not for a MIG device" in first["missing"]["utilisation"]
    assert not {"energy_counter", "power"} & first["missing"].keys()
    row = watched.rows("gpu_0_mig_0")[-1]
    assert known(row) >= POWER_COLUMNS | {"energy_counter_mj", "temperature_c"}
    assert float(row["power_max_w"] or 0) == pytest.approx(360, abs=1)
    used_mib = [watched.rows(f"gpu_0_mig_{mig}")[-1]["foreground_memory_mib"] for mig in (0, 1)]
    assert 1000 in used_mib


# -- whose it is -----------------------------------------------------------------------------


def test_memory_and_use_go_to_the_roles_they_belong_to(gpu: SimGpu, watch: Watch) -> None:
    watched = watch("--row", "0.2")
    assert not known(watched.rows()[0]) & ROLE_COLUMNS  # nobody of ours was seen: not known
    (watched.folder / "trees.tsv").touch()
    flags = {"work_seconds": 100, "watts": 100}
    one = gpu.start_training(memory_mib=1000, sm_percent=30, **flags)
    watched.belongs("foreground", one.pid)
    wait_for("a mapped process", lambda: watched.gpu()["processes_mapped"])
    assert watched.mark()["background_memory_mib"] == 0
    two = gpu.start_training(memory_mib=3000, sm_percent=50, **flags)
    watched.belongs("background", two.pid)
    gpu.start_training(memory_mib=200, sm_percent=5, **flags)
    wait_for("the use of all", lambda: 5 in numbers(watched.rows(), "strangers_sm_percent"))
    time.sleep(0.5)
    row = watched.mark()
    watched.stop()
    assert [row[f"{who}_memory_mib"] for who in ("foreground", "background", "strangers")] == [
        1000,
        3000,
        200,
    ]
    row = next(row for row in reversed(watched.rows()) if row["background_sm_percent"] is not None)
    assert [row[f"{who}_sm_percent"] for who in ("foreground", "background", "strangers")] == [
        pytest.approx(30), pytest.approx(50), pytest.approx(5)]  # fmt: skip
    cpu = watched.rows("cpu")[-1]
    assert value(cpu, "foreground_largest_rss_mib") > 1
    assert value(cpu, "background_cpu_s") > 0
    assert watched.gpu()["mps"] is False


def test_what_nvml_does_not_tell_of_processes_is_empty(gpu: SimGpu, watch: Watch) -> None:
    gpu.set(processes="without memory")
    training = gpu.start_training(memory_mib=1000, sm_percent=30, work_seconds=100)
    watched = watch("--row", "0.2", "--foreground", str(training.pid))
    wait_for("use", lambda: numbers(watched.rows(), "foreground_sm_percent"))
    watched.stop()
    assert not numbers(watched.rows(), "foreground_memory_mib")
    assert set(numbers(watched.rows(), "background_memory_mib")) == {0}


def test_hidden_processes_are_not_taken_for_none(gpu: SimGpu, watch: Watch) -> None:
    gpu.set(processes="hidden")
    training = gpu.start_training(memory_mib=1000, sm_percent=30, work_seconds=100)
    watched = watch("--row", "0.2", "--foreground", str(training.pid))
    wait_for("rows", lambda: len(watched.rows()) >= 5)
    watched.stop()
    for row in watched.rows():
        assert row["strangers_memory_mib"] is None
        assert row["foreground_memory_mib"] is None


def test_processes_whose_ids_do_not_map_are_strangers_without_a_name(
    gpu: SimGpu, watch: Watch
) -> None:
    gpu.set(pid_offset=10**8)
    training = gpu.start_training(memory_mib=1000, sm_percent=30, work_seconds=100)
    watched = watch("--foreground", str(training.pid))
    watched.stop()
    assert watched.gpu()["processes_mapped"] is None
    (stranger,) = watched.strangers()
    assert stranger["pid"] == str(training.pid + 10**8)
    assert (stranger["user"], stranger["name"]) == ("?", "?")
    assert watched.rows()[-1]["foreground_memory_mib"] is None


def test_a_permission_that_hides_processes_is_a_reason(gpu: SimGpu, watch: Watch) -> None:
    gpu.fail(NO_PERMISSION, "nvmlDeviceGetProcessUtilization")
    training = gpu.start_training(memory_mib=1000, sm_percent=30, work_seconds=100)
    watched = watch("--row", "0.2", "--foreground", str(training.pid))
    watched.mark()
    watched.stop()
    assert list(watched.gpu()["missing"]) == ["process_utilisation"]
    assert watched.rows()[-1]["foreground_sm_percent"] is None
    assert watched.rows()[-1]["foreground_memory_mib"] == 1000


def test_a_stranger_is_named_while_it_is_there_and_gone(gpu: SimGpu, watch: Watch) -> None:
    watched = watch("--row", "0.1")
    begin_s = now_s()
    stranger = gpu.start_training(memory_mib=700, sm_percent=20, work_seconds=100)
    wait_for("the stranger", watched.strangers)
    seen_s = now_s()
    wait_for("its use", lambda: 20 in numbers(watched.rows(), "strangers_sm_percent"))
    time.sleep(0.3)
    stranger.kill()
    stranger.wait()
    wait_for("its end", lambda: watched.strangers()[-1]["event"] == "gone")
    wait_for("rows after it", partial(has_row_after, watched, now_s() + 1.5))
    watched.stop()
    events = watched.strangers()
    assert {event["event"] for event in events[:-1]} == {"seen"}
    assert len(events) < 6
    for event in events:
        assert event["pid"] == str(stranger.pid)
        assert (event["gpu"], event["kind"]) == ("gpu_0", "compute")
        assert event["name"].startswith("python")
        assert event["user"] not in ("?", "")
    assert begin_s - 1.0 <= float(events[0]["boottime_s"]) <= seen_s
    assert (events[-1]["memory_mib"], events[-1]["sm_percent"]) == ("700", "20")


def test_a_stranger_that_came_and_went_between_two_rows_is_named(gpu: SimGpu, watch: Watch) -> None:
    watched = watch("--row", "60")
    watched.mark()
    stranger = gpu.start_training(memory_mib=700, sm_percent=20, work_seconds=0.6)
    stranger.wait(DEADLINE_S)
    time.sleep(0.5)
    watched.mark()
    watched.mark()
    watched.stop()
    events = watched.strangers()
    assert [event["event"] for event in events] == ["seen", "gone"]
    assert {event["pid"] for event in events} == {str(stranger.pid)}
    slot = gpu.slots()[0]
    assert slot.start_s - 1.1 <= float(events[0]["boottime_s"]) <= slot.end_s
    assert float(events[1]["boottime_s"]) >= slot.end_s


def test_a_process_of_ours_that_has_ended_is_no_stranger(gpu: SimGpu, watch: Watch) -> None:
    watched = watch("--row", "0.2", "--foreground", str(os.getpid()))
    for _ in range(3):
        gpu.start_training(memory_mib=700, sm_percent=20, work_seconds=0.7).wait(DEADLINE_S)
    time.sleep(0.5)
    watched.stop()
    assert watched.gpu()["processes_mapped"]
    assert not watched.strangers()


def test_a_process_of_ours_that_ends_before_the_trees_are_looked_at_again_is_no_stranger(
    gpu: SimGpu, watch: Watch
) -> None:
    # So many processes that they are looked at every few seconds only, and rows come in between.
    crowd = subprocess.Popen(
        ["bash", "-c", "for ((i = 0; i < 200; i++)); do sleep 1000 & done; wait"],
        start_new_session=True,
    )
    try:
        watched = watch("--row", "0.2", "--foreground", str(os.getpid()))
        for _ in range(4):
            gpu.start_training(memory_mib=700, sm_percent=20, work_seconds=0.7).wait(DEADLINE_S)
        time.sleep(0.5)
        watched.stop()
    finally:
        os.killpg(crowd.pid, signal.SIGKILL)
        crowd.wait()
    assert 700 in numbers(watched.rows(), "foreground_memory_mib")
    assert not watched.strangers()


def test_a_process_that_nobody_saw_may_be_ours(gpu: SimGpu, watch: Watch) -> None:
    watched = watch("--interval", "30", "--row", "60", "--foreground", str(os.getpid()))
    lasting = gpu.start_training(memory_mib=700, sm_percent=20, work_seconds=100)
    watched.mark()
    unseen = gpu.start_training(memory_mib=300, sm_percent=10, work_seconds=0.4)
    unseen.wait(DEADLINE_S)
    time.sleep(0.3)
    row = watched.mark()
    time.sleep(1.2)
    later = watched.mark()
    watched.stop()
    events = watched.strangers()
    assert [event["event"] for event in events] == ["seen", "gone"]
    for event in events:
        assert (event["pid"], event["user"], event["name"]) == (str(unseen.pid), "?", "?")
        assert (event["memory_mib"], event["sm_percent"]) == ("", "10")
    assert row["foreground_sm_percent"] is row["strangers_sm_percent"] is None
    assert row["background_sm_percent"] == 0
    assert row["foreground_memory_mib"] is row["strangers_memory_mib"] is None
    assert row["background_memory_mib"] == 0
    assert lasting.poll() is None
    assert later["foreground_sm_percent"] == pytest.approx(20)
    assert (later["foreground_memory_mib"], later["strangers_memory_mib"]) == (700, 0)
    assert later["strangers_sm_percent"] == 0


def test_what_a_foreground_used_that_had_ended_before_it_was_looked_at_is_not_known(
    gpu: SimGpu, watch: Watch
) -> None:
    watched = watch("--row", "0.2")
    (watched.folder / "trees.tsv").touch()
    load = gpu.start_training(memory_mib=3000, sm_percent=40, work_seconds=100)
    watched.belongs("background", load.pid)
    wait_for("the load", lambda: 3000 in numbers(watched.rows(), "background_memory_mib"))
    before = watched.mark("cpu")
    watched.process.send_signal(signal.SIGSTOP)
    front = gpu.start_training(memory_mib=1000, sm_percent=30, work_seconds=1)
    watched.belongs("foreground", front.pid)
    front.wait(DEADLINE_S)
    resumed_s = now_s()
    watched.process.send_signal(signal.SIGCONT)
    wait_for("rows", partial(has_row_after, watched, resumed_s + 2))
    watched.stop()
    assert before["foreground_cpu_s"] == 0
    after = [row for row in watched.rows() if at(row) > resumed_s and row["kind"] in ("", "last")]
    for row in after:
        assert not {column for column in known(row) if column.startswith("foreground")}
    assert after[0]["strangers_sm_percent"] is None
    assert set(numbers(after, "strangers_sm_percent")) == {0}
    assert after[-1]["background_memory_mib"] == 3000
    last = watched.rows("cpu")[-1]
    assert last["foreground_cpu_s"] is last["foreground_largest_rss_mib"] is None
    assert value(last, "background_cpu_s") > 0
    assert {
        (event["pid"], event["name"], event["memory_mib"]) for event in watched.strangers()
    } == {(str(front.pid), "?", "")}
    (warning,) = (each for each in watched.report()["warnings"] if each["sensor"] != "rapl")
    assert warning["sensor"] == "foreground"
    assert warning["message"].startswith(f"there is no process {front.pid} (any more)")


# A Python whose clock is wrong until a file is there; NVML's samples go by the right one.
SET_CLOCK = """#!{python}
import os, runpy, sys, time
right = time.time
time.time = lambda: right() + (0.0 if os.path.exists({flag!r}) else {ahead_s!r})
sys.argv = sys.argv[4:]
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("ahead_s", [3600.0, -3600.0])
def test_processes_are_told_apart_after_the_clock_was_set(
    gpu: SimGpu, watch: Watch, tmp_path: Path, ahead_s: float
) -> None:
    python, flag = tmp_path / "python", tmp_path / "right"
    python.write_text(SET_CLOCK.format(python=sys.executable, flag=str(flag), ahead_s=ahead_s))
    python.chmod(0o755)
    training = gpu.start_training(memory_mib=700, sm_percent=20, work_seconds=100)
    options = ("--interval", "30", "--row", "60", "--foreground", str(training.pid))
    watched = watch(*options, env={"TANDEM_PYTHON": str(python)})
    watched.mark()
    flag.touch()
    watched.mark()
    stranger = gpu.start_training(memory_mib=500, sm_percent=80, work_seconds=0.4)
    stranger.wait(DEADLINE_S)
    time.sleep(0.3)
    watched.mark()
    time.sleep(1.2)
    row = watched.mark()
    watched.stop()
    assert {event["pid"] for event in watched.strangers()} == {str(stranger.pid)}
    assert row["foreground_sm_percent"] == pytest.approx(20)


def test_a_list_of_processes_that_is_lost_is_a_reason(gpu: SimGpu, watch: Watch) -> None:
    training = gpu.start_training(memory_mib=1000, sm_percent=30, work_seconds=100)
    watched = watch("--row", "0.2", "--foreground", str(training.pid))
    wait_for("rows", lambda: 1000 in numbers(watched.rows(), "foreground_memory_mib"))
    lost_s = now_s()
    gpu.fail(NO_PERMISSION, "nvmlDeviceGetGraphicsRunningProcesses_v3")
    wait_for("the loss", lambda: watched.gpu()["missing"])
    row = watched.mark()
    watched.stop()
    assert watched.gpu()["missing"] == {"processes": "NVML: Insufficient Permissions"}
    assert lost_s <= watched.gpu()["missing_since"]["processes"] <= now_s()
    (warning,) = (each for each in watched.report()["warnings"] if each["sensor"] != "rapl")
    assert warning["sensor"] == "gpu_0 processes"
    assert lost_s <= warning["boottime_s"] <= at(row)
    assert row["foreground_memory_mib"] is row["strangers_memory_mib"] is None


def test_a_warning_says_that_not_all_whom_nobody_saw_are_told_of(gpu: SimGpu, watch: Watch) -> None:
    watched = watch("--interval", "30", "--row", "60", "--foreground", str(os.getpid()))
    for first in range(0, MOST_UNSEEN + 1, 30):
        for pid in range(NO_PID + first, NO_PID + first + 30):
            gpu.end(gpu.add(pid=pid, sm_percent=1))
        time.sleep(0.2)
        watched.mark()
    watched.stop()
    assert f"gpu_0: more than {MOST_UNSEEN} processes ended before" in watched.stderr


def test_the_server_of_mps_is_no_stranger(gpu: SimGpu, watch: Watch, tmp_path: Path) -> None:
    server_path = tmp_path / "nvidia-cuda-mps-server"
    server_path.symlink_to("/bin/sleep")
    server = subprocess.Popen([str(server_path), "1000"])
    try:
        gpu.set(mps_pid=server.pid)
        training = gpu.start_training(memory_mib=700, sm_percent=20, work_seconds=100)
        watched = watch("--row", "0.2", "--foreground", str(training.pid))
        wait_for("rows", lambda: len(watched.rows()) >= 3)
        watched.stop()
    finally:
        server.kill()
        server.wait()
    assert watched.gpu()["mps"] is True
    assert not watched.strangers()
    assert watched.rows()[-1]["foreground_memory_mib"] == 700
    assert not numbers(watched.rows(), "foreground_sm_percent")  # all use is the server's, not 0
    last = watched.rows("on_gpus")[-1]
    assert (last["foreground_on"], last["strangers_on"], last["unclear_on"]) == (
        *("gpu_0", "", "gpu_0"),
    )


# -- on which boards -------------------------------------------------------------------------


def test_the_boards_that_are_not_sampled_are_looked_at_too(
    two_gpus: SimGpu, watch_two: Watch
) -> None:
    watched = watch_two("--row", "0.1", "--gpus", "0")
    report = watched.report()
    assert report["has_gpu"] is True
    assert [gpu["stem"] for gpu in report["other_gpus"]] == ["gpu_1"]
    training = two_gpus.start_training(device=1, work_seconds=100)
    two_gpus.start_training(work_seconds=100)
    watched.belongs("foreground", training.pid)
    wait_for("it is seen", lambda: watched.rows("on_gpus")[-1]["foreground_on"] == "gpu_1")
    two_gpus.fail(NO_PERMISSION, "nvmlDeviceGetComputeRunningProcesses_v3", device=1)
    wait_for("it is hidden", lambda: watched.rows("on_gpus")[-1]["unread_on"] == "gpu_1")
    two_gpus.mend("nvmlDeviceGetComputeRunningProcesses_v3")
    wait_for("it is seen again", lambda: watched.rows("on_gpus")[-1]["foreground_on"] == "gpu_1")
    watched.stop()
    assert watched.report()["pids_mapped_by"] == "a process of ours was seen"
    assert watched.rows("on_gpus")[-1]["strangers_on"] == "gpu_0"
    assert not (watched.folder / "gpu_1.csv").exists()


def test_ids_that_are_not_in_proc_may_be_anybodys(two_gpus: SimGpu, watch_two: Watch) -> None:
    for index in range(2):
        two_gpus.set(index, pid_offset=10**8)
        two_gpus.start_training(device=index, work_seconds=100)
    watched = watch_two("--row", "0.1", "--gpus", "0", "--foreground", str(os.getpid()))
    wait_for("a row", lambda: watched.rows("on_gpus")[-1]["unclear_on"] == "gpu_0 gpu_1")
    watched.stop()
    assert watched.report()["pids_mapped_by"] != "a process of ours was seen"


def test_an_nvml_that_cannot_start_tells_of_a_gpu(gpu: SimGpu, watch: Watch) -> None:
    gpu.fail(LIB_RM_VERSION_MISMATCH, *INIT)
    watched, hidden = watch(), watch(env={"CUDA_VISIBLE_DEVICES": "-1"})
    for each, has_gpu in ((watched, True), (hidden, None)):
        each.stop()
        assert each.report()["has_gpu"] is has_gpu
        assert "mismatch" in each.report()["gpus_reason"]


# -- RAPL ------------------------------------------------------------------------------------


def test_rapl_stands_in_the_rows_across_a_wrap(gpu: SimGpu, watch: Watch, tmp_path: Path) -> None:
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    range_uj = 10**12
    for name, text in (
        ("name", "package-0"),
        ("max_energy_range_uj", str(range_uj)),
        ("energy_uj", str(range_uj - 7)),
    ):
        (zone / name).write_text(text)
    watched = watch("--gpus", "none")
    (tmp_path / "next").write_text("5\n")
    (tmp_path / "next").rename(zone / "energy_uj")
    row = watched.mark("cpu")
    watched.stop()
    assert row["package_0_uj"] == 12
    assert watched.rows("cpu")[0]["package_0_uj"] == 0  # a window may begin at once
    assert watched.report()["rapl"] == {
        "zones": [{"column": "package_0_uj", "name": "package-0", "folder": str(zone)}],
        "reason": None,
    }
