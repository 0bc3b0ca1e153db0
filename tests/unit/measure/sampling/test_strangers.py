"""Who is on a GPU, row by row: ours, strangers, and those that nobody saw in time."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from tandem.measure.sampling.files import Csv
from tandem.measure.sampling.roles import Member, Trees
from tandem.measure.sampling.strangers import COLUMNS, MOST_UNSEEN, Occupants
from tandem.nvml.devices import Process
from tandem.nvml.sensors import ProcessSample

NO_PID = 2**22 + 1  # Linux gives no process so high an id
BEGIN_S = 100.0


def after(passed_s: float) -> float:
    return BEGIN_S + passed_s


@pytest.fixture
def occupants(tmp_path: Path) -> Occupants:
    """The occupants of a GPU that is watched from BEGIN_S on, while a tree of ours is there."""
    trees = Trees(str(tmp_path / "trees.tsv"))
    trees.add("foreground", os.getpid())
    return Occupants("gpu_0", trees, Csv(str(tmp_path / "strangers.csv"), COLUMNS), BEGIN_S)


def events(tmp_path: Path) -> list[dict[str, str]]:
    with open(tmp_path / "strangers.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_only_the_first_of_very_many_that_nobody_saw_are_told_of(
    occupants: Occupants, tmp_path: Path
) -> None:
    for row in range(1, 16):
        pids = range(NO_PID + 10 * row, NO_PID + 10 * row + 10)
        samples = [ProcessSample(pid, after(row - 0.5), 7.0) for pid in pids]
        occupants.look(after(row), [], samples, 70.0, False)
    assert occupants.unseen == 150
    assert len(events(tmp_path)) == 2 * MOST_UNSEEN
    assert not occupants.present


@pytest.mark.parametrize(("rows", "memory_mib"), [(1, ""), (2, "500")])
def test_who_is_listed_once_and_gone_may_be_ours_who_stays_is_not(
    occupants: Occupants, tmp_path: Path, rows: int, memory_mib: str
) -> None:
    for row in range(1, rows + 1):
        occupants.look(after(row), [Process(NO_PID, "compute", 500.0)], [], 0.0, False)
    occupants.look(after(9), [], [], 0.0, False)
    assert [event["event"] for event in events(tmp_path)] == ["seen", "gone"]
    assert {event["name"] for event in events(tmp_path)} == {"?"}
    assert events(tmp_path)[-1]["memory_mib"] == memory_mib


def test_the_memory_of_a_process_that_was_never_listed_is_not_known(occupants: Occupants) -> None:
    ours, other, unlisted = NO_PID, NO_PID + 1, NO_PID + 2
    for pid in (ours, other, unlisted):
        occupants.trees.members[pid] = Member("foreground", "10000", BEGIN_S)
    both = [Process(pid, "compute", 500.0) for pid in (ours, other)]
    assert occupants.look(after(1), both, [], 0.0, False)["foreground_memory_mib"] == 1000
    samples = [ProcessSample(ours, after(1.5), 30.0)]
    was_listed = occupants.look(after(2), both[1:], samples, 30.0, False)
    assert was_listed["foreground_memory_mib"] == 500
    samples = [ProcessSample(unlisted, after(2.5), 30.0)]
    was_not = occupants.look(after(3), both[1:], samples, 30.0, False)
    assert was_not["foreground_memory_mib"] is None
    assert was_not["background_memory_mib"] == was_not["strangers_memory_mib"] == 0


def test_rounds_that_follow_each_other_do_not_count_as_side_by_side(occupants: Occupants) -> None:
    samples = []
    for index in range(4):
        begin_s = after(0.25 * index)
        start_ticks = str(round(begin_s * os.sysconf("SC_CLK_TCK")))
        occupants.trees.members[NO_PID + index] = Member("background", start_ticks, begin_s)
        samples.append(ProcessSample(NO_PID + index, after(0.25 * index + 0.2), 40.0))
    usage = occupants.look(after(1), [], samples, 32.0, False)
    assert usage["background_sm_percent"] == pytest.approx(4 * 0.2 * 40)
