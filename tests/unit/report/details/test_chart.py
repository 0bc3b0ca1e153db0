"""The timeline of an experiment: panels where there is data, and words for what is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tandem.measure.rows import GPU_COLUMNS, MACHINE_COLUMNS, cpu_columns
from tandem.report.details.chart import Chart, chart_of
from tandem.report.page.markup import html_of
from tandem.report.plots.sparks import sparks
from tandem.report.plots.timeline import timeline
from tandem.results.reading import RunReading

ROWS = 60


def table(file: Path, columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> None:
    columns = list(columns)
    lines = (",".join(str(row.get(name, "")) for name in columns) for row in rows)
    file.write_text("\n".join([",".join(columns), *lines]) + "\n")


def gpu_row(n: int, **more: Any) -> dict[str, Any]:
    usual = {"boottime_s": 1000 + n, "power_min_w": 290, "power_max_w": 310, "sm_percent": 80}
    usual |= {"foreground_sm_percent": 50, "background_sm_percent": 30, "strangers_sm_percent": 0}
    return usual | {"sm_clock_mhz": 1900, "event_reasons": "0", **more}


def cpu_row(n: int, **more: Any) -> dict[str, Any]:
    usual = {"boottime_s": 1000 + n, "suspended_s": 0, "package_0_uj": n * 90_000_000}
    return usual | {"foreground_cpu_s": n * 1.5, "background_cpu_s": n * 0.5, **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of an experiment without a record, with a minute of samples."""
    folder = tmp_path / "run" / "a_001_parallel"
    energy = folder / "energy"
    energy.mkdir(parents=True)
    rows = [gpu_row(n) for n in range(ROWS)]
    rows[40]["power_max_w"] = 650
    table(energy / "gpu_0.csv", GPU_COLUMNS, rows)
    table(energy / "cpu.csv", cpu_columns(["package_0"]), map(cpu_row, range(ROWS)))
    busy = ({"boottime_s": 1000 + n, "busy_cpu_s": 3.0 * n} for n in range(ROWS))
    table(energy / "machine.csv", MACHINE_COLUMNS, busy)
    known = {"row_s": 1.0, "gpus": [{"index": 3, "file": "gpu_0.csv"}]}
    (energy / "monitor.json").write_text(json.dumps(known))
    (folder / "attempts" / "1").mkdir(parents=True)
    ended = {"started_s": 1010.0, "ended_s": 1055.0, "exit_code": 1}
    (folder / "attempts" / "1" / "keeper.json").write_text(json.dumps(ended))
    (folder / "background_logs").mkdir()
    rounds = (
        "start\t1\t1002.0\nend\t1\t1020.0\t0\tended\nstart\t2\t1021.0\nend\t2\t1022.0\t3\tended\n"
    )
    (folder / "background_logs" / "rounds.tsv").write_text(rounds + "start\t3\t1023.0\n")
    return folder


def chart(folder: Path, buckets: int = 640) -> Chart:
    found = chart_of(RunReading(folder.parent).experiment(folder.name), buckets)
    assert found
    return found


def spans(made: Chart) -> dict[str, dict[str, tuple[float, float]]]:
    return {
        panel.title: {it.name: (it.envelope.least, it.envelope.largest) for it in panel.curves}
        for panel in made.panels
    }


def stretches(made: Chart, title: str) -> list[tuple[float, float]]:
    """Return from when to when each whole part of a panel's first line goes, in seconds."""
    panel = next(each for each in made.panels if each.title == title)
    parts = panel.curves[0].envelope.stretches()
    begin_s, axis = made.axis.begin_s, made.axis
    return [
        (round(axis.begin_of(it[0][0]) - begin_s), round(axis.begin_of(it[-1][0]) - begin_s))
        for it in parts
    ]


def test_there_is_a_panel_where_there_is_data_and_no_other(folder: Path) -> None:
    found = spans(chart(folder))
    assert list(found) == ["GPU 3 power", "GPU 3 use", "GPU 3 clocks", "CPU power", "CPU use"]
    assert found["GPU 3 power"] == {"board": (290.0, 650.0)}
    assert "strangers" not in found["GPU 3 use"]
    assert found["CPU power"] == {"package 0": (90.0, 90.0)}
    use = {"foreground": (1.5, 1.5), "background": (0.5, 0.5), "machine": (3.0, 3.0)}
    assert found["CPU use"] == use


def test_attempts_and_rounds_are_there_without_a_record(folder: Path) -> None:
    lanes = {lane.title: lane.text for lane in chart(folder).lanes}
    assert lanes == {
        "attempts": "1 (failed): 10.0 to 55.0 s",
        "rounds in background_logs": "1 completed; 1 failed; 1 stopped, or without a known end",
    }


def test_a_gap_is_a_gap_in_each_line_and_named(folder: Path) -> None:
    rows = [gpu_row(n) for n in range(ROWS) if not 20 < n < 30]
    table(folder / "energy" / "gpu_0.csv", GPU_COLUMNS, rows)
    made = chart(folder)
    assert stretches(made, "GPU 3 power") == [(0, 20), (30, 59)]
    lane = made.lanes[-1]
    assert (lane.title, lane.text) == ("no rows in gpu_0.csv", "1 gap, the longest 10.0 s")


def test_a_sensor_that_was_silent_is_a_gap_in_its_line_alone(folder: Path) -> None:
    rows = [gpu_row(n, **({"sm_percent": ""} if 20 < n < 30 else {})) for n in range(ROWS)]
    for row in rows:
        row["foreground_sm_percent"] = row["background_sm_percent"] = ""
    table(folder / "energy" / "gpu_0.csv", GPU_COLUMNS, rows)
    made = chart(folder)
    assert stretches(made, "GPU 3 use") == [(0, 20), (30, 59)]
    assert stretches(made, "GPU 3 power") == [(0, 59)]


def test_a_suspension_is_a_gap_in_all_lines_however_short(folder: Path) -> None:
    rows = [cpu_row(n, suspended_s=0.8 if n >= 30 else 0) for n in range(ROWS)]
    table(folder / "energy" / "cpu.csv", cpu_columns(["package_0"]), rows)
    made = chart(folder)
    for title in ("GPU 3 power", "CPU use"):
        assert len(stretches(made, title)) == 2, title
    assert [lane.title for lane in made.lanes][-1] == "suspended"


def test_what_held_the_clocks_back_is_named(folder: Path) -> None:
    rows = [gpu_row(n, event_reasons="4" if 10 <= n < 20 else "1") for n in range(ROWS)]
    table(folder / "energy" / "gpu_0.csv", GPU_COLUMNS, rows)
    assert ("GPU 3 held back", "by sw power cap") in [
        (it.title, it.text) for it in chart(folder).lanes
    ]
    counted = [{**row, "throttled_thermal_s": max(0, n - 30)} for n, row in enumerate(rows)]
    table(folder / "energy" / "gpu_0.csv", GPU_COLUMNS, counted)
    [lane] = [it for it in chart(folder).lanes if it.title == "GPU 3 held back"]
    assert lane.text == "by thermal"
    assert round(lane.spans[0].begin_s) == 1031


def test_damaged_torn_and_pruned_files_are_drawn_as_far_as_they_go_and_named(folder: Path) -> None:
    file = folder / "energy" / "gpu_0.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines[:20], "1020,garb\0age\n", *lines[22:40], lines[40][:15]]))
    (folder / "energy" / "cpu.csv").unlink()
    made = chart(folder)
    assert "GPU 3 power" in spans(made)
    no_cpu = "energy/cpu.csv cannot be read: No such file or directory."
    assert made.remarks == [no_cpu, "energy/gpu_0.csv: 2 damaged lines left out."]
    file.unlink()
    assert chart(folder).remarks == [no_cpu, "energy/gpu_0.csv is not there."]
    (folder / "energy" / "machine.csv").unlink()
    pruned = chart(folder)
    assert not pruned.panels
    assert pruned.remarks == ["There are no samples: pruned, or never written."]
    assert [lane.title for lane in pruned.lanes] == ["attempts", "rounds in background_logs"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"gpus": 5, "row_s": "x"}', '{"gpus": [1]}'])
def test_without_a_whole_monitor_json_boards_are_called_by_their_files(
    folder: Path, text: str
) -> None:
    (folder / "energy" / "monitor.json").write_text(text)
    assert "gpu_0 power" in spans(chart(folder))


def test_where_no_file_tells_of_a_moment_there_is_no_timeline(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert chart_of(RunReading(tmp_path).experiment("a"), 640) is None


def test_the_drawing_says_in_words_what_it_shows(folder: Path) -> None:
    page = html_of(timeline(chart(folder)))
    assert page.count("<svg") == page.count('role="img"') == 7
    assert 'aria-label="GPU 3 power: board (thin) 290 to 650 W"' in page
    assert "foreground (solid) 50 %, background (dashed) 30 %" in page


def test_a_failed_round_has_another_shape_than_a_completed_one(folder: Path) -> None:
    page = html_of(timeline(chart(folder)))
    whole, failed = (
        re.search(rf'd="M\d+ (\d+)h\d+v(\d+)h-\d+z" class="{kind}"', page)
        for kind in ("whole", "failed")
    )
    assert whole and failed
    assert whole.groups() != failed.groups()


def test_the_terminal_has_a_character_a_bucket(folder: Path) -> None:
    lines = list(sparks(chart(folder, 30), 50, has_utf8=True))
    power = lines[lines.index("GPU 3 power, board: 290 to 650 W") + 1]
    assert len(power) == 30 and power.count("█") == 1
    plain = "\n".join(sparks(chart(folder, 30), 50, has_utf8=False))
    assert plain.isascii() and "#" in plain


def test_rounds_that_were_folded_are_counted_one_by_one(folder: Path) -> None:
    old = ("folded", 1, 50, 1002.0, 1020.0, 17.0, 47, 2, 0, 0, 0.5, 1, 0, 0, 9.5)
    rounds = "\t".join(map(str, old)) + "\nstart\t51\t1021.0\n"
    (folder / "background_logs" / "rounds.tsv").write_text(rounds)
    lanes = {lane.title: lane.text for lane in chart(folder).lanes}
    assert lanes["rounds in background_logs"] == (
        "2 failed; 1 hollow; 47 completed; 1 stopped, or without a known end;"
        " old rounds are drawn together"
    )


def test_mig_devices_of_one_board_are_told_apart(folder: Path) -> None:
    energy = folder / "energy"
    files = ["gpu_0_mig_0.csv", "gpu_0_mig_1.csv"]
    for name in files:
        (energy / name).write_bytes((energy / "gpu_0.csv").read_bytes())
    (energy / "gpu_0.csv").unlink()
    known = {"row_s": 1.0, "gpus": [{"index": 0, "file": name} for name in files]}
    (energy / "monitor.json").write_text(json.dumps(known))
    titles = [panel.title for panel in chart(folder).panels]
    assert "GPU 0 MIG 0 power" in titles and "GPU 0 MIG 1 power" in titles
