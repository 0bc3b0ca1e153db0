"""A big run made up for tests is one that Tandem could have written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from support.big_run import write_big_run
from support.compared import groups, rows
from support.raw_files import SPIKE_W
from support.records import flaws
from tandem.measure.windows.window import window_facts
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
