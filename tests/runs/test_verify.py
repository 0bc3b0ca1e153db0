"""Records made again from the files of a measured run, and checked: anywhere, whatever was changed.

One run on the simulated GPU for all of it: a parallel experiment with a dose and its control.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from simgpu import SimGpu
from support import ROOT
from support.stage import DEADLINE_S, Stage, training_line

pytestmark = pytest.mark.xdist_group("verify")  # one measured run for all that reads it
FRONT = {"watts": 240, "sm_percent": 60, "memory_mib": 1000, "work_seconds": 2, "epochs": 4}
BACK = {"watts": 120, "sm_percent": 30, "memory_mib": 3000, "work_seconds": 0.4}
CONTROLS = {"idle_seconds": 0.5, "background_seconds": 2, "solo": True, "order": "parallel_first"}
PARALLEL, SOLO = "front_default_001_parallel", "front_default_002_solo"
MADE = [f"{PARALLEL}/experiment.json", f"{SOLO}/experiment.json", f"{PARALLEL}/interference.json"]
PYTHONS = ("python3.13", "python3.12", "python3.10", "/usr/bin/python3")
WHICH = "import sys; print(sys.executable, sys.version.split()[0], sys.version_info >= (3, 10))"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, simgpu_library: Path) -> Iterator[Path]:
    """The folder of the run; what was trained, and what said so, is gone."""
    folder = tmp_path_factory.mktemp("measured")
    with ExitStack() as stack:
        gpu = stack.enter_context(SimGpu(folder / "gpu.state", simgpu_library))
        stage = Stage(folder, more_environment=gpu.environment({}))
        stack.callback(stage.clean_up)
        front, back = (training_line(gpu.command(**flags)) for flags in (FRONT, BACK))
        doses = [{"intensity": 0.8, "restart_delay_seconds": 0}]
        stage.build(front, back, doses, controls=CONTROLS, validity={"min_coverage": 0.2})
        done = stage.run()
        assert "2 experiments: " in done.stdout, done.stdout
    shutil.rmtree(folder / "repos")
    (folder / "registry.json").unlink()
    (folder / "settings.json").unlink()
    (run,) = folder.glob("results/run_*")
    yield run


@pytest.fixture
def run(measured: Path, tmp_path: Path) -> Path:
    """A copy of it, in another place, to be changed."""
    copy = tmp_path / "moved" / measured.name
    shutil.copytree(measured, copy, symlinks=True)
    return copy


def driver(*words: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [more.pop("python", sys.executable), str(ROOT / "driver.py"), *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=DEADLINE_S, **more
    )


def edit(file: Path, change: Callable[[Any], None]) -> None:
    """Change what a JSON file holds."""
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


# -- made again ----------------------------------------------------------------------------


def test_records_made_again_are_the_same_bytes(measured: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in measured.rglob("*")}
    done = driver("record", measured, "--to", tmp_path / "new")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'new'}: 2 records, to compare with those of {measured}\n"
    for name in (*MADE, "summary.csv"):
        assert (tmp_path / "new" / name).read_bytes() == (measured / name).read_bytes(), name
    assert {path: path.stat().st_mtime_ns for path in measured.rglob("*")} == before


def test_a_folder_with_something_in_it_is_not_written_into(run: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    done = driver("record", run, "--to", tmp_path / "full")
    assert (done.returncode, "is there already (name a new folder)" in done.stderr) == (2, True)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]


def test_why_no_record_can_be_made_is_said_beside_it(run: Path, tmp_path: Path) -> None:
    append(f"{PARALLEL}/{ROUNDS}", "start\t999\t1e300\n")(run)
    done = driver("record", run, "--to", tmp_path / "new")
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads((tmp_path / "new" / MADE[0]).read_text())
    assert made["status"] == "not recorded"
    assert "Traceback" in (tmp_path / "new" / PARALLEL / "record_error.txt").read_text()
    assert not (run / PARALLEL / "record_error.txt").exists()


def test_what_is_missing_is_made_in_the_run(run: Path, measured: Path) -> None:
    for name in (*MADE, "summary.csv"):
        (run / name).unlink()
    done = driver("record", run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{run}: 2 records, 0 experiments still to run"
    for name in (*MADE, "summary.csv"):
        assert (run / name).read_bytes() == (measured / name).read_bytes(), name


@pytest.mark.parametrize("name", [MADE[2], "summary.csv"])
def test_a_view_of_the_records_is_made_again_alone(run: Path, measured: Path, name: str) -> None:
    (run / name).write_bytes((run / name).read_bytes()[:200])
    done = driver("record", run)
    assert done.returncode == 0, done.stderr
    assert (run / name).read_bytes() == (measured / name).read_bytes()
    assert (run / MADE[0]).read_bytes() == (measured / MADE[0]).read_bytes()


def test_a_cell_that_was_edited_is_made_again(run: Path, measured: Path) -> None:
    table = run / "summary.csv"
    table.write_text(table.read_text().replace("finished", "GPU busy"))
    done = driver("record", run)
    assert (done.returncode, f"rebuilt {table} (2 rows)" in done.stdout) == (0, True)
    assert table.read_bytes() == (measured / "summary.csv").read_bytes()


# -- as it was -----------------------------------------------------------------------------


def other_python() -> tuple[str, str]:
    """Return another Python's program and its version; one that is not ours by all means."""
    for name in PYTHONS:
        program = shutil.which(name)
        if program is None:
            continue
        found = subprocess.run([program, "-c", WHICH], capture_output=True, text=True, check=False)
        words = found.stdout.split()
        if words[2:] == ["True"] and words[1] != sys.version.split()[0]:
            return words[0], words[1]
    pytest.skip("there is no other Python here from 3.10 on (python3.13, 3.12, 3.10, system's)")


def test_a_run_is_what_its_files_say(measured: Path) -> None:
    done = driver("verify", measured)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(
        rf"{measured}: \d+ comparisons with the raw files: every figure is what they say\n",
        done.stdout,
    )


def test_also_where_it_was_moved(run: Path) -> None:
    done = driver("verify", run)
    assert (done.returncode, done.stderr) == (0, "")


def test_also_on_another_python_that_has_nothing(run: Path) -> None:
    """Without any package, variable, or the machine's own tools in the path."""
    python, version = other_python()
    assert version != sys.version.split()[0]
    done = driver("verify", run, python=python, env={})
    assert (done.returncode, done.stderr) == (0, ""), version
    for name in [*MADE, "summary.csv"]:
        (run / name).unlink()
    assert driver("record", run, python=python, env={}).returncode == 0
    assert driver("verify", run).returncode == 0


# -- what is found -------------------------------------------------------------------------


def change_energy(run: Path) -> None:
    """One digit of the energy counter, in the last row before the foreground ended."""
    ended_s = json.loads((run / MADE[0]).read_text())["attempts"][0]["end_boottime_s"]
    (file,) = (run / PARALLEL / "energy").glob("gpu_*.csv")
    lines = file.read_text().splitlines(keepends=True)
    names = lines[0].rstrip().split(",")
    last = max(n for n, line in enumerate(lines) if n and float(line.split(",")[0]) <= ended_s)
    cells = lines[last].split(",")
    counter = cells[names.index("energy_counter_mj")]
    cells[names.index("energy_counter_mj")] = f"{(int(counter[0]) + 1) % 10}{counter[1:]}"
    lines[last] = ",".join(cells)
    file.write_text("".join(lines))


def move_round(run: Path) -> None:
    """The second round ends a little later, and so in the same windows: few figures change."""
    file = run / PARALLEL / "background_logs" / "rounds.tsv"
    text = file.read_text()
    ended = re.search(r"end\t2\t([0-9.]+)", text)
    assert ended
    later = f"{float(ended[1]) + 0.05:.3f}"
    file.write_text(text.replace(ended[0], f"end\t2\t{later}"))


def in_record(**values: Any) -> Callable[[Path], None]:
    """Values of the parallel record's own keys."""
    return lambda run: edit(run / MADE[0], lambda record: record.update(values))


def more_energy(run: Path) -> None:
    def change(record: Any) -> None:
        record["energy_metrics"]["gpu_energy_total_joules"] += 1

    edit(run / MADE[0], change)


def more_slowdown(run: Path) -> None:
    def change(interference: Any) -> None:
        interference["figures"]["slowdown"]["value"] += 0.01

    edit(run / MADE[2], change)


def change_cell(run: Path) -> None:
    with open(run / "summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["duration_seconds"] = "1.5"
    with open(run / "summary.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def append(name: str, text: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        with open(run / name, "a") as file:
            file.write(text)

    return change


def remove(*names: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        for name in names:
            (run / name).unlink()

    return change


def write(name: str, text: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        (run / name).write_text(text)

    return change


def change_plan(run: Path) -> None:
    file = run / "plan.json"
    file.write_text(file.read_text().replace('"seed": ', '"seed": 1'))


def add_row(run: Path) -> None:
    row = (run / "summary.csv").read_text().splitlines()[1]
    append("summary.csv", f"{row}\n")(run)


LOG, ROUNDS = "attempts/1/training.log", "background_logs/rounds.tsv"


def remove_experiment(run: Path) -> None:
    shutil.rmtree(run / SOLO)
    table = run / "summary.csv"
    rows = [line for line in table.read_text().splitlines() if not line.startswith(SOLO)]
    table.write_text("\n".join(rows) + "\n")


def replace_by_folder(name: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        (run / name).unlink()
        (run / name).mkdir()

    return change


FOUND: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "a digit of a GPU's samples": (
        change_energy,
        [
            r"front_default_001_parallel: energy/gpu_0\S*\.csv has changed since the record was",
            r"\S+_parallel/experiment\.json: windows\[2\]\.gpus\[0\]\.energy_joules: [0-9.]+ found"
            r", [0-9.]+ from the raw files \(off by -?[0-9.e+]+\)",
            r"\S+_parallel/interference\.json: figures\.energy_ratio\.value: ",
        ],
    ),
    "a round": (
        move_round,
        [
            r"\S+_parallel: background_logs/rounds\.tsv has changed",
            r"\S+_parallel/experiment\.json: background\.parts\[0\]\.rounds\[1\]\.end_boottime_s: "
            r".* \(off by -0\.05\)",
        ],
    ),
    "a figure of a record": (
        more_energy,
        [
            r"\S+_parallel/experiment\.json: energy_metrics\.gpu_energy_total_joules: .*off by 1\)",
            r"\S+_parallel/interference\.json: records\.front_default_001_parallel: ",
        ],
    ),
    "whether a record is valid": (
        in_record(valid="perhaps"),
        [r"\S+_parallel/experiment\.json: valid: 'perhaps' found, (True|False) from the raw files"],
    ),
    "digests that nobody is to see": (
        in_record(digests={}),
        [r"\S+_parallel: energy/cpu\.csv was not there when the record was made"],
    ),
    "a figure of a pair": (
        more_slowdown,
        [r"\S+_parallel/interference\.json: figures\.slowdown\.value: .*\(off by 0\.01\)"],
    ),
    "a cell": (
        change_cell,
        [r"summary\.csv: front_default_001_parallel\.duration_seconds: 1\.5 found, \d"],
    ),
    "what the machine was": (
        append("machine.json", " "),
        [r"machine\.json: has changed since the record was made"],
    ),
    "what the machine was, gone": (remove("machine.json"), [r"machine\.json: is missing"]),
    "a row too much": (add_row, [r"summary\.csv: has an experiment twice"]),
    "a keeper's report that is gone": (
        remove(f"{PARALLEL}/attempts/1/keeper.json"),
        [
            r"\S+_parallel: attempts/1/keeper\.json is missing",
            r"\S+_parallel/experiment\.json: attempts\[0\]\.reason: 'ended' found, 'no report' ",
        ],
    ),
    "samples that are gone": (
        remove(f"{PARALLEL}/energy/cpu.csv"),
        [r"\S+_parallel: energy/cpu\.csv is missing"],
    ),
    "a log": (
        append(f"{SOLO}/{LOG}", "Test Accuracy: 99.9\n"),
        [
            r"front_default_002_solo: attempts/1/training\.log has changed",
            r"\S+_solo/experiment\.json: performance_metrics\.accuracy: .* found, 99\.9 from",
        ],
    ),
    "an outcome": (
        lambda run: edit(run / SOLO / "outcome.json", lambda it: it.update(stop_reason="ours")),
        [
            r"\S+_solo: outcome\.json has changed",
            r"\S+_solo/experiment\.json: stop\.reason: 'foreground ended' found, 'ours' from",
        ],
    ),
    "an outcome that is gone": (
        remove(f"{SOLO}/outcome.json"),
        [r"\S+_solo/experiment\.json: .*: holds no outcome\.json"],
    ),
    "rounds of which no record can be made": (
        append(f"{PARALLEL}/{ROUNDS}", "start\t999\t1e300\n"),
        [
            r"\S+_parallel: background_logs/rounds\.tsv has changed",
            r"\S+_parallel/experiment\.json: status: 'finished' found, 'not recorded' from the raw",
        ],
    ),
    "what the monitor says of itself": (
        write(f"{SOLO}/energy/monitor.json", "{"),
        [
            r"\S+_solo: energy/monitor\.json has changed",
            r"\S+_solo/experiment\.json: status: 'finished' found, 'not recorded' from the raw",
        ],
    ),
    "no record": (
        remove(MADE[1]),
        [r"\S+_solo/experiment\.json: .*: cannot be read: No such file or directory"],
    ),
    "a torn record": (write(MADE[1], "{"), [r"\S+_solo/experiment\.json: .*: not JSON"]),
    "a record that lacks something": (
        lambda run: edit(run / MADE[1], lambda record: record.pop("stop")),
        [r"\S+_solo/experiment\.json: not a whole record of this experiment and this version"],
    ),
    "no figures of the pair": (
        remove(MADE[2]),
        [r"\S+_parallel/interference\.json: is missing or damaged"],
    ),
    "no table": (
        remove("summary.csv"),
        [r"summary\.csv: is missing, damaged, or has other columns"],
    ),
    "an experiment that was removed with its row": (
        remove_experiment,
        [r"\S+_solo/experiment\.json: .*_solo: holds no outcome\.json"],
    ),
    "samples that are a folder": (
        replace_by_folder(f"{SOLO}/energy/strangers.csv"),
        [r"\S+_solo: energy/strangers\.csv cannot be read"],
    ),
    "an outcome that is damaged inside": (
        lambda run: edit(run / SOLO / "outcome.json", lambda outcome: outcome.update(git={})),
        [r"\S+_solo: its files cannot be read: .*outcome\.json: damaged: KeyError"],
    ),
    "a plan": (change_plan, [r"\S+plan\.json: not as this version of Tandem wrote it"]),
    "all that was ended": (
        remove(*MADE, f"{PARALLEL}/outcome.json", f"{SOLO}/outcome.json"),
        [r"summary\.csv: front_default_00\d_\w+ has a row, and no record"],
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_differs_is_found_and_said(run: Path, what: str) -> None:
    change, expected = FOUND[what]
    change(run)
    done = driver("verify", run)
    assert (done.returncode, done.stderr) == (1, "")
    *lines, last = done.stdout.splitlines()
    for pattern in expected:
        assert any(re.match(pattern, line) for line in lines), (pattern, done.stdout)
    assert re.search(rf"raw files: {len(lines)} differences?$", last)


def test_nothing_else_is_said_of_a_cell(run: Path) -> None:
    """A difference is told once, where it is."""
    change_cell(run)
    assert len(driver("verify", run).stdout.splitlines()) == 2


def test_several_runs_are_told_apart(run: Path, measured: Path) -> None:
    change_cell(run)
    done = driver("verify", measured, run)
    assert done.returncode == 1
    first, _, last = done.stdout.splitlines()
    assert first.startswith(f"{measured}: ")
    assert last.startswith(f"{run}: ")


# -- what cannot be checked ----------------------------------------------------------------


@pytest.fixture
def pruned(run: Path) -> Path:
    rules = ("--keep", "samples=0", "--keep", "logs=0")
    done = driver("prune", "--results", run.parent, *rules)
    assert done.returncode == 0, done.stderr
    return run


def test_what_was_pruned_cannot_be_checked_and_that_is_said(pruned: Path) -> None:
    done = driver("verify", pruned)
    assert (done.returncode, done.stderr) == (0, "")
    *unchecked, last = done.stdout.splitlines()
    assert last.endswith("every figure is what they say")
    for line, name in zip(unchecked, (PARALLEL, SOLO), strict=True):
        what = "metrics, epochs and device, windows and energy"
        assert line.startswith(f"not checked: {name}/experiment.json: {what} (pruned: ")
        assert "energy/cpu.csv" in line
        assert LOG in line


def test_what_does_not_rest_on_what_was_pruned_is_checked_still(pruned: Path) -> None:
    move_round(pruned)
    change_cell(pruned)
    done = driver("verify", pruned)
    assert done.returncode == 1
    assert "rounds[1].end_boottime_s" in done.stdout
    assert "duration_seconds: 1.5 found" in done.stdout


def test_what_was_pruned_is_taken_from_the_records_themselves(
    pruned: Path, measured: Path, tmp_path: Path
) -> None:
    done = driver("record", pruned, "--to", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert f"{SOLO}: what rests on {LOG}, energy/cpu.csv" in done.stdout
    for name in (*MADE, "summary.csv"):
        assert (tmp_path / "new" / name).read_bytes() == (measured / name).read_bytes(), name


def test_what_was_only_removed_is_missing(run: Path) -> None:
    """Logs were pruned, and no samples."""
    assert driver("prune", "--results", run.parent, "--keep", "logs=0").returncode == 0
    (run / SOLO / "energy" / "cpu.csv").unlink()
    done = driver("verify", run)
    assert done.returncode == 1
    assert f"{SOLO}: energy/cpu.csv is missing" in done.stdout


# -- what is no run, or too old ------------------------------------------------------------


@pytest.mark.parametrize("command", ["verify", "record"])
def test_what_is_no_run(tmp_path: Path, command: str) -> None:
    done = driver(command, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no run: it holds no plan.json" in done.stderr
    assert driver(command, tmp_path / "nowhere").returncode == 2


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A run of version 0.1, as that left it; its record is the schema's example of then."""
    run = tmp_path / "run_20260131_120000"
    folder = run / "digits_mlp_001_parallel"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "tests/support/record_of_version_2.json", folder / "experiment.json")
    (run / "plan.json").write_text('{\n"plan_version": 2\n}\n')
    return run


@pytest.mark.parametrize("command", ["verify", "record"])
def test_a_run_of_before_is_named_as_too_old(old: Path, command: str) -> None:
    before = sorted(os.listdir(old))
    done = driver(command, old)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is too old: its records are of version 2, and outcome.json came with version 3" in (
        done.stderr
    )
    assert sorted(os.listdir(old)) == before


def test_a_run_of_before_can_be_compared(old: Path) -> None:
    done = driver("compare", old)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("digits/mlp ")
    assert re.search(r"^slowdown +measured +1 +1\.25", done.stdout, re.MULTILINE)
