"""What the monitor reads of the machine, and which part of it is the run's own: real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.stage import Stage, wait_for
from tandem.measure.rows import last_row
from tandem.measure.sampling import memory
from tandem.measure.sampling.machine import Machine
from tandem.measure.sampling.memory import CREDIT_S, SHARE, Memory, pss_mib
from tandem.measure.sampling.roles import Trees
from tandem.processes.proc import children, stat

PYTHON = [sys.executable, "-S", "-E", "-c"]
SPIN = "import time; [0 for _ in iter(lambda: time.process_time() < 0.2, False)]"
# Runs a program so often, one after the other, and says so; ends with its input.
AGAIN = (
    "import subprocess, sys; {before}"
    "[subprocess.Popen(sys.argv[2:]).wait() for _ in range(int(sys.argv[1]))];"
    "print('done', flush=True); sys.stdin.readline()"
)

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs that wait for a line; they end with the test."""
    started: list[subprocess.Popen[str]] = []

    def start_one(*words: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
        started.append(process)
        return process

    yield start_one
    for process in started:
        for pid in children(process.pid):
            os.kill(pid, 9)
        process.kill()
        process.communicate()


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(str(tmp_path / "trees.tsv"))


def machine_of(folder: Path, trees: Trees, **files: str) -> Machine:
    """Return the machine that files in /proc's place describe, for a run whose process we are."""
    for name, text in files.items():
        path = folder / "proc" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Machine(str(folder / "proc"), str(folder), os.getpid(), trees)


def own_s(machine: Machine, now_s: float) -> float | None:
    machine.read("mark", now_s)
    assert machine.trees.look(now_s)
    return machine.own.used_s()


STAT = "cpu  1000 200 300 4000 500 60 70 80 900 100\ncpu0 1 2 3 4 5 6 7 8 9 10\nctxt 5\n"
PSI = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n"
FULL = PSI + "full avg10=0.00 avg60=0.00 avg300=0.00 total=250000\n"


def test_what_stands_in_proc(tmp_path: Path, trees: Trees) -> None:
    """Waiting for a disk is idle, guests are within user and nice, interrupts are nobody's."""
    files = {"vmstat": "pgfault 3\npswpin 512\npswpout 7\n", "pressure__cpu": FULL}
    files |= {"pressure__memory": FULL, "pressure__io": FULL}
    machine = machine_of(tmp_path, trees, stat=STAT, **files)
    machine.read("mark", 5.0)
    machine.put_row("mark", 5.0, False)
    assert last_row(tmp_path / "machine.csv") == {
        "boottime_s": 5.0,
        "kind": "mark",
        "total_cpu_s": 62.1,
        "busy_cpu_s": 15.0,
        "own_cpu_s": None,
        "steal_cpu_s": 0.8,
        "swapped_in_mib": 512 * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "cpu_some_s": 1.5,
        "memory_some_s": 1.5,
        "memory_full_s": 0.25,
        "io_some_s": 1.5,
        "io_full_s": 0.25,
    }
    assert machine.reason is None


@pytest.mark.parametrize("text", ["", "intr 1 2 3\n", "cpu  1 2 3\n"])
def test_a_kernel_that_tells_nothing(tmp_path: Path, trees: Trees, text: str) -> None:
    machine = machine_of(tmp_path, trees, **({"stat": text} if text else {}))
    machine.read("", 5.0)
    machine.put_row("", 5.0, True)
    row = last_row(tmp_path / "machine.csv") or {}
    assert {column for column, cell in row.items() if cell} <= {"boottime_s", "own_cpu_s"}
    place = tmp_path / "proc" / "stat"
    assert machine.reason == (None if text else f"{place} cannot be read")


def test_children_that_ended_between_two_looks_are_the_runs_own(
    tmp_path: Path, trees: Trees, start: Start
) -> None:
    """Also when their parent has ended too, and its parent."""
    machine = machine_of(tmp_path, trees, stat=STAT)
    before_s, before = own_s(machine, 1.0), os.times()
    parent = start(*PYTHON, AGAIN.format(before=""), "3", *PYTHON, SPIN)
    trees.add("foreground", parent.pid)
    middle_s = own_s(machine, 2.0)
    assert parent.stdout
    assert parent.stdout.readline() == "done\n"
    after_s = own_s(machine, 3.0)
    assert before_s is not None and middle_s is not None and after_s is not None
    assert after_s - middle_s > 0.5
    parent.communicate("\n")
    end_s, now = own_s(machine, 4.0), os.times()
    truth_s = sum(now[:4]) - sum(before[:4])
    assert end_s is not None
    assert end_s - before_s == pytest.approx(truth_s, abs=0.05)


def test_where_the_time_of_children_is_lost_nothing_is_said(
    tmp_path: Path, trees: Trees, start: Start
) -> None:
    """Who ignores SIGCHLD collects nobody."""
    machine = machine_of(tmp_path, trees, stat=STAT)
    assert own_s(machine, 1.0) is not None
    deaf = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
    parent = start(*PYTHON, AGAIN.format(before=deaf), "1", *PYTHON, "pass")
    assert parent.stdout
    assert parent.stdout.readline() == "done\n"
    trees.add("foreground", parent.pid)
    assert own_s(machine, 2.0) is None
    name = stat(parent.pid) and Path(f"/proc/{parent.pid}/comm").read_text().strip()
    assert machine.reason == (
        f"process {parent.pid} ({name}) of this run ignores the end of its children (SIGCHLD),"
        " whose CPU time is lost then"
    )


def test_a_monitor_by_hand_knows_no_run(tmp_path: Path, trees: Trees) -> None:
    machine = Machine("/proc", str(tmp_path), None, trees)
    machine.read("", 1.0)
    assert trees.look(1.0)
    assert machine.own.used_s() is None
    assert machine.reason == "the monitor was not given the process of this run (--run)"


def test_reading_stays_within_its_share(tmp_path: Path, trees: Trees) -> None:
    machine = machine_of(tmp_path, trees, stat=STAT)
    machine.read("", 1.0)
    machine.cost_s = 0.001
    for now_s, kind, is_read in ((2.9, "", False), (3.1, "", True), (3.2, "mark", True)):
        machine.read(kind, now_s)
        assert bool(machine.cells) == is_read
        machine.cost_s = 0.001


# -- memory ------------------------------------------------------------------------------

FORKS = (
    "import os, sys, time; held = bytearray(64 << 20);"
    "held[::4096] = b'x' * len(held[::4096]);"
    "pids = [os.fork() or time.sleep(1000) for _ in range(4)]; print('done', flush=True);"
    "sys.stdin.readline()"
)


def test_pages_that_processes_share_count_once(trees: Trees, start: Start) -> None:
    parent = start(*PYTHON, FORKS)
    assert parent.stdout
    assert parent.stdout.readline() == "done\n"
    trees.add("background", parent.pid)
    trees.look(1.0)
    found = Memory(trees).look(1.0)
    pids = [parent.pid, *children(parent.pid)]
    wait_for("all", lambda: len(children(parent.pid)) == 4)
    assert 64 <= found["background"] < 100
    assert 64 <= trees.uses["background"].largest_rss_mib < 100
    assert pss_mib(pids) == pytest.approx(found["background"], rel=0.1)
    assert "foreground" not in found


def test_who_has_ended_holds_nothing(start: Start) -> None:
    process = start(*PYTHON, "pass")
    process.wait()
    assert pss_mib([process.pid]) == 0


def test_where_memory_cannot_be_read_the_reason_is_kept(
    trees: Trees, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's process, say. Nobody asks again, and the other role goes on."""

    def refuse(pids: list[int]) -> float:
        if front.pid in pids:
            raise PermissionError(13, "Permission denied", f"/proc/{front.pid}/smaps_rollup")
        return 5.0

    front, back = start(*PYTHON, FORKS), start(*PYTHON, FORKS)
    monkeypatch.setattr(memory, "pss_mib", refuse)
    trees.add("foreground", front.pid)
    trees.add("background", back.pid)
    looking = Memory(trees)
    trees.look(1.0)
    assert looking.look(1.0) == {"background": 5.0}
    assert looking.reasons == {"foreground": f"/proc/{front.pid}/smaps_rollup: Permission denied"}


def test_memory_is_asked_for_as_seldom_as_it_takes_long(trees: Trees, start: Start) -> None:
    trees.add("foreground", start(*PYTHON, FORKS).pid)
    trees.look(1.0)
    looking = Memory(trees)
    assert looking.look(1.0)
    looking.cost_s, looking.credit_s = 0.02, 0.0
    use = trees.uses["foreground"]
    use.largest_rss_mib = 50.0
    pause_s = 0.02 / SHARE
    use.largest_rss_mib *= 2  # much has changed, and there is no credit
    assert not looking.is_due(1.0 + pause_s * 0.9, {"foreground": [1], "background": []})
    assert looking.is_due(1.0 + pause_s * 1.1, {"foreground": [1], "background": []})
    looking.credit_s, looking.looked_s = CREDIT_S, 30.0
    use.largest_rss_mib *= 1.01
    assert not looking.is_due(31.0, {"foreground": [1], "background": []})
    use.largest_rss_mib *= 1.1
    assert looking.is_due(32.0, {"foreground": [1], "background": []})
    assert looking.is_due(33.0, {"foreground": [1, 2], "background": []})


# -- a run -------------------------------------------------------------------------------


def test_a_run_knows_its_own_cpu_time(stage: Stage) -> None:
    """Many short processes one after the other, and a background's, are nobody else's."""
    short = f"for n in 1 2 3 4 5 6 7 8; do {sys.executable} -S -E -c '{SPIN}'; done"
    stage.proc = Path("/proc")
    stage.build(f"{short}; echo Test Accuracy: 50", short, validity={"min_coverage": 0})
    stage.run()
    record = stage.record()
    window = next(each for each in record["windows"] if each["name"] == "foreground")
    machine = window["machine"]
    assert machine["others_cpu_reason"] is None
    rows = (stage.experiment / "energy" / "machine.csv").read_text().splitlines()
    columns = rows[0].split(",")
    marks = [dict(zip(columns, row.split(","), strict=True)) for row in rows if ",mark," in row]
    used_s = float(marks[-1]["own_cpu_s"]) - float(marks[0]["own_cpu_s"])
    assert used_s > 0.95 * record["attempts"][0]["cpu_seconds"] > 0.5
    busy_s = float(marks[-1]["busy_cpu_s"]) - float(marks[0]["busy_cpu_s"])
    total_s = float(marks[-1]["total_cpu_s"]) - float(marks[0]["total_cpu_s"])
    others = 100 * max(busy_s - used_s, 0) / total_s
    assert machine["others_cpu_percent"] == pytest.approx(others, abs=3)


@pytest.mark.long
def test_beside_busy_loops_a_record_is_valid_with_a_warning(stage: Stage, start: Start) -> None:
    stage.build("sleep 2; echo Test Accuracy: 50", None)
    for _ in range(max(2, (os.cpu_count() or 1) // 4)):
        start(*PYTHON, "while True: pass")
    stage.proc = Path("/proc")
    run = stage.run()
    assert run.returncode == 0
    (warning,) = stage.record()["warnings"]
    assert warning.startswith("others used ")
    assert warning.endswith(" % of all CPUs beside the foreground")
    assert f"warning: {warning}" in run.stdout


@pytest.mark.long
def test_the_memory_of_a_training_that_forks(stage: Stage) -> None:
    """Its record says what they hold together, and the largest of them."""
    program = FORKS.replace("time.sleep(1000)", "os._exit(time.sleep(2) or 0)")
    program = program.replace("sys.stdin.readline()", "[os.wait() for _ in pids]")
    program = program.replace("'done'", "'Test Accuracy: 50'")
    stage.build(f'{sys.executable} -S -E -c "{program}"', None)
    assert stage.run().returncode == 0
    cpu = stage.record()["windows"][0]["cpu"]
    assert 64 <= cpu["foreground_largest_rss_max_mib"] < 100
    assert 64 <= cpu["foreground_pss_max_mib"] < 120
    assert cpu["foreground_pss_reason"] is None
