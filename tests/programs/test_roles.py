"""Whose a process is, and what the trees of a role use: with real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.stage import wait_for
from tandem.measure.sampling.roles import YOUNG_S, YOUNG_SHARE, Root, Trees
from tandem.nvml.sensors import REMEMBERED_S
from tandem.processes.proc import children, cpu_s, descendants, stat

PYTHON = [sys.executable, "-S", "-E", "-c"]
WAIT = "import sys; sys.stdin.readline()"
# Starts as many children as it is told, and passes its own standard input on to them all.
PARENT = (
    "import subprocess, sys; [subprocess.Popen(sys.argv[2:]) for _ in range(int(sys.argv[1]))]; "
)
SPIN = "import time; [0 for _ in iter(lambda: time.process_time() < 0.2, False)]"

Start = Callable[..., subprocess.Popen[str]]


def ticks(pid: int) -> str:
    return stat(pid)[19]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs that wait for a line; they and their children end with the test."""
    started: list[subprocess.Popen[str]] = []

    def start_one(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start_one
    for process in started:
        everyone = [process.pid, *descendants(process.pid)]
        for pid in everyone:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        process.communicate()


def family(start: Start, count: int) -> subprocess.Popen[str]:
    """Start a process with so many children, which wait as it does."""
    parent = start(*PYTHON, PARENT + WAIT, str(count), *PYTHON, "import time; time.sleep(1000)")
    wait_for("all children", lambda: len(children(parent.pid)) == count)
    return parent


def test_a_process_belongs_to_the_nearest_root_above_it(tmp_path: Path, start: Start) -> None:
    parent, stranger = family(start, 2), start(*PYTHON, WAIT)
    first, second = children(parent.pid)
    trees = Trees(str(tmp_path / "trees.tsv"))
    assert trees.add("foreground", parent.pid)
    assert trees.add("background", second)
    for _ in range(2):  # not looked at yet; looked at
        roles = [trees.role_of(pid, 1.0) for pid in (parent.pid, first, second, stranger.pid)]
        assert roles == ["foreground", "foreground", "background", None]
        trees.look(1.0)


def test_roots_come_from_a_file_that_grows(tmp_path: Path, start: Start) -> None:
    one, other = start(*PYTHON, WAIT), start(*PYTHON, WAIT)
    path = tmp_path / "trees.tsv"
    trees = Trees(str(path))
    trees.look(1.0)
    assert not trees.roots_known
    path.touch()
    trees.look(2.0)
    assert trees.roots_known
    with open(path, "a", buffering=1) as file:
        file.write(f"foreground\t{one.pid}\t{ticks(one.pid)}\nbackground\t{other.pid}\t")
        file.flush()
        trees.look(3.0)
        assert [trees.role_of(each.pid, 1.0) for each in (one, other)] == ["foreground", None]
        file.write(f"{ticks(other.pid)}\nnonsense\nforeground\tx\t1\n")
        file.flush()
        trees.look(4.0)
    assert [trees.role_of(each.pid, 1.0) for each in (one, other)] == ["foreground", "background"]


def test_a_root_whose_id_is_another_process_now_is_none(tmp_path: Path, start: Start) -> None:
    process = start(*PYTHON, WAIT)
    trees = Trees(str(tmp_path / "trees.tsv"))
    (tmp_path / "trees.tsv").write_text(f"foreground\t{process.pid}\t1\n")
    trees.look(1.0)
    assert not trees.add("foreground", process.pid, "1")
    assert trees.role_of(process.pid, 2.0) is None
    # It was ours, and its id has become a stranger's since.
    trees.add("foreground", process.pid)
    trees.look(2.0)
    trees.roots[process.pid].start_ticks = "1"
    trees.members[process.pid] = type(trees.members[process.pid])("foreground", "1", 2.0)
    assert trees.role_of(process.pid, 2.0) is None


def test_who_was_ours_is_remembered_after_its_end(tmp_path: Path, start: Start) -> None:
    parent = family(start, 1)
    (child,) = children(parent.pid)
    trees = Trees(str(tmp_path / "trees.tsv"))
    trees.add("background", parent.pid)
    trees.look(1.0)
    parent.communicate("\n")
    os.kill(child, 9)
    wait_for("the end", lambda: not stat(child))
    trees.look(2.0)
    assert trees.role_of(child, 2.0) == "background"
    trees.look(2.0 + REMEMBERED_S)
    assert trees.role_of(child, 2.0) is None
    assert not trees.members


def test_who_was_found_by_its_parents_is_remembered_too(tmp_path: Path, start: Start) -> None:
    parent = family(start, 1)
    (child,) = children(parent.pid)
    trees = Trees(str(tmp_path / "trees.tsv"))
    trees.add("background", parent.pid)
    assert trees.role_of(child, 1.0) == "background"
    os.kill(child, 9)
    parent.communicate("\n")
    wait_for("the end", lambda: not stat(child))
    assert trees.role_of(child, 2.0) == "background"


def ended(start: Start) -> tuple[int, str]:
    """Return id and start time of a process that has ended."""
    process = start(*PYTHON, WAIT)
    start_ticks = ticks(process.pid)
    process.communicate("\n")
    return process.pid, start_ticks


def test_a_role_whose_root_had_ended_before_it_was_looked_at_is_lost(
    tmp_path: Path, start: Start
) -> None:
    one = start(*PYTHON, WAIT)
    pid, start_ticks = ended(start)
    trees = Trees(str(tmp_path / "trees.tsv"))
    trees.look(1.0)
    assert not trees.active_since(0.0)
    (tmp_path / "trees.tsv").write_text(
        f"background\t{one.pid}\t{ticks(one.pid)}\nforeground\t{pid}\t{start_ticks}\n"
    )
    trees.look(2.0)
    assert trees.lost == {"foreground": f"there is no process {pid} (any more)"}
    assert trees.active_since(1.5) == {"foreground", "background"}
    assert trees.active_since(2.5) == {"background"}


@pytest.mark.parametrize(("looked_s", "is_lost"), [(None, True), (1.0, True), (5.0, False)])
def test_a_role_whose_root_ended_long_after_it_was_looked_at_is_lost(
    tmp_path: Path, start: Start, looked_s: float | None, is_lost: bool
) -> None:
    root = start(*PYTHON, WAIT)
    trees = Trees(str(tmp_path / "trees.tsv"))
    trees.add("foreground", root.pid)
    if looked_s is not None:
        trees.look(looked_s)
    root.communicate("\n")
    trees.look(6.0)
    assert not trees.roots
    assert bool(trees.lost) == is_lost


@pytest.mark.parametrize("count", [1, 2])
def test_cpu_seconds_of_a_role_never_fall_when_processes_and_roots_end(
    tmp_path: Path, start: Start, count: int
) -> None:
    trees = Trees(str(tmp_path / "trees.tsv"))
    seen_s = [0.0]

    def look() -> float:
        trees.look(len(seen_s))
        seen_s.append(trees.uses["foreground"].cpu_s)
        assert seen_s[-1] >= seen_s[-2]
        return seen_s[-1]

    # A parent waits for its child, so the child's time becomes its own.
    program = "import subprocess, sys; subprocess.run(sys.argv[1:]); " + WAIT
    parents = [start(*PYTHON, program, *PYTHON, SPIN) for _ in range(count)]
    for parent in parents:
        trees.add("foreground", parent.pid)
    wait_for("the children's work", lambda: look() >= 0.1)
    wait_for("their end", lambda: look() and all(cpu_s(each.pid) > 0.15 for each in parents))
    used_s = sum(cpu_s(parent.pid) for parent in parents)
    assert look() == pytest.approx(used_s, abs=0.011 * count)  # a tick each
    for parent in parents:
        parent.communicate("\n")
        assert look() == pytest.approx(used_s, abs=0.03 * count)
    assert not trees.roots
    assert trees.uses["background"].cpu_s == 0.0


def test_a_child_that_is_collected_while_we_look_counts_once() -> None:
    root = Root("foreground", 1, "1")
    for cpu_s_seen, total_s in ((5.0, 5.0), (2.0, 5.0), (5.5, 5.5), (6.0, 6.0)):
        root.count(cpu_s_seen)
        assert root.cpu_s == total_s


def test_time_that_no_parent_collects_is_kept() -> None:
    root = Root("foreground", 1, "1")
    for cpu_s_seen, total_s in ((5.0, 5.0), (2.0, 5.0), (2.5, 5.0), (3.0, 5.5)):
        root.count(cpu_s_seen)
        assert root.cpu_s == total_s


def rss_mib(pid: int) -> float:
    return int(stat(pid)[21]) * os.sysconf("SC_PAGE_SIZE") / 1024**2


def test_memory_of_the_largest_process_of_a_role(tmp_path: Path, start: Start) -> None:
    parent, other = family(start, 2), family(start, 0)
    first, second = children(parent.pid)
    trees = Trees(str(tmp_path / "trees.tsv"))
    trees.add("foreground", parent.pid)
    trees.add("background", second)
    trees.add("background", other.pid)

    def used_mib() -> tuple[float, float]:
        trees.look(1.0)
        uses = trees.uses["foreground"], trees.uses["background"]
        return uses[0].largest_rss_mib, uses[1].largest_rss_mib

    def true_mib() -> tuple[float, float]:
        front, back = (parent.pid, first), (second, other.pid)
        return max(map(rss_mib, front)), max(map(rss_mib, back))

    def is_right() -> bool:
        used, true = used_mib(), true_mib()
        return min(true) > 1 and used == pytest.approx(true, rel=0.01)

    # They are still starting, and so growing: at first they have next to nothing.
    wait_for("the right memory", is_right)


def test_looking_at_many_processes_stays_within_its_share(tmp_path: Path, start: Start) -> None:
    trees = Trees(str(tmp_path / "trees.tsv"))
    parent = family(start, 200)
    trees.add("foreground", parent.pid)
    trees.look(1.0)
    assert len(trees.members) == 201
    share = trees.cost_s / 10.0  # as if a look cost a tenth of what may be spent in 10 s
    assert not trees.look(10.9, share)
    assert trees.look(11.1, share)
    assert trees.look(11.2)


def test_a_new_root_is_looked_at_at_once_and_often_for_a_while(
    tmp_path: Path, start: Start
) -> None:
    path = tmp_path / "trees.tsv"
    trees = Trees(str(path))
    trees.add("background", family(start, 20).pid)
    trees.look(1.0)
    assert not trees.look(1.0, 1e-9)
    root = start(*PYTHON, WAIT)
    path.write_text(f"foreground\t{root.pid}\t{ticks(root.pid)}\n")
    assert trees.look(1.0, 1e-9)
    assert trees.members[root.pid].role == "foreground"
    pause_s = trees.cost_s / YOUNG_SHARE
    assert not trees.look(1.0 + pause_s * 0.9, 1e-9)
    assert trees.look(1.0 + pause_s * 1.1, 1e-9)
    assert not trees.look(1.1 + YOUNG_S, 1e-9)
    path.write_text(path.read_text() + "foreground\t")  # half a line is no news
    assert not trees.look(1.1 + YOUNG_S, 1e-9)
