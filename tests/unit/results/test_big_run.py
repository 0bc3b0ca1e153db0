"""A big run made up for tests is one that Tandem could have written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.big_run import write_big_run
from support.big_shared_run import shared_by
from support.compared import groups, rows
from support.raw_files import SPIKE_W
from support.records import flaws
from tandem.measure.windows.window import window_facts
from tandem.results.glance import Watched
from tandem.results.reading import RunReading
from tandem.results.record import foreground_window


@pytest.mark.parametrize("has_ended", [True, False])
def test_its_files_are_as_the_schemas_say_and_of_all_kinds(tmp_path: Path, has_ended: bool) -> None:
    path = write_big_run(tmp_path, configs=2, repeats=20, doses=(0.5, 1.0), has_ended=has_ended)
    run = RunReading(path)
    seen: Counter[str] = Counter()
    for each in run.experiments():
        seen[each.standing if each.counts else "does not count"] += 1
        if each.record:
            assert flaws(each.record) == []
        if each.interference:
            assert flaws(each.interference, "interference") == []
    missing = {"missing", "cut off"} if not has_ended else set()
    assert seen.keys() == {"valid", "not valid", "damaged", "does not count"} | missing
    assert seen.total() == 2 * 20 * 5 + 5 + 1  # and a second try of a group, and a warm-up


@pytest.mark.parametrize("has_ended", [True, False])
def test_that_of_several_workers_is_the_same_in_their_folders(
    tmp_path: Path, has_ended: bool
) -> None:
    size: Any = {"configs": 2, "repeats": 4, "doses": (0.5, 1.0), "has_ended": has_ended}
    alone = RunReading(write_big_run(tmp_path / "alone", has_faults=False, **size))
    path = write_big_run(tmp_path / "both", has_faults=False, kind=shared_by(4), **size)
    both = RunReading(path)
    assert both.ids == alone.ids
    records = [each.record for each in both.experiments() if each.record]
    assert [flaws(record) for record in records] == [[]] * len(records)
    assert {record["environment"]["hostname"] for record in records} == {"n1", "n2"}
    boards: dict[str, set[str]] = {}
    for record in records:
        boards.setdefault(str(record["group"]), set()).add(record["windows"][-1]["gpus"][0]["uuid"])
    assert {len(each) for each in boards.values()} == {1}
    assert len(set().union(*boards.values())) == 4
    assert all((path / name).is_symlink() for name in both.recorded)
    counts = [Watched(run.path, 1).look().counts for run in (alone, both)]
    assert counts[0] == counts[1]


def test_the_raw_files_of_a_record_say_what_it_says(tmp_path: Path) -> None:
    run = write_big_run(tmp_path, configs=2, repeats=1, doses=(1.0,), rate_hz=1.0)
    read = 0
    for each in RunReading(run).experiments():
        window = foreground_window(each.record) if each.record else None
        if window and each.standing == "valid":
            times_s = window["start_boottime_s"], window["end_boottime_s"]
            (found,) = window_facts(each.folder / "energy", *times_s)["gpus"]
            assert found["energy_joules"] == pytest.approx(window["gpus"][0]["energy_joules"], 0.02)
            assert found["power_max_watts"] == SPIKE_W
            read += 1
    assert read >= 5


def test_compare_finds_what_was_put_into_it(tmp_path: Path) -> None:
    run = write_big_run(tmp_path, configs=2, repeats=6, doses=(0.5, 1.0))
    found = groups(run, by="intensity")
    for background, expected in (("vision/large", [1.21, 1.42]), ("text/default", [1.055, 1.11])):
        mine = [each for each in found if background in str(each["background"])]
        estimates = [rows(each)["slowdown"]["estimate"] for each in mine]
        assert estimates == pytest.approx(expected, abs=0.02)
