"""A window as a whole: its length, the CPU, warnings, and the old names of the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.monitored import GPU, cpu_rows, steady, without, write_cpu, write_monitor, write_table
from support.waves import START_S
from tandem.measure.rows import GPU_COLUMNS
from tandem.measure.windows.window import energy_metrics, window_facts


def test_cpu_energy_is_that_of_all_sockets(tmp_path: Path) -> None:
    write_monitor(tmp_path, [])
    write_cpu(tmp_path, cpu_rows())
    facts = window_facts(tmp_path, START_S + 2.25, START_S + 12.25)
    assert facts["cpu"] == {
        "package_joules": pytest.approx(800.0),
        "dram_joules": pytest.approx(80.0),
        "total_joules": pytest.approx(880.0),
        "reason": None,
        "foreground_cpu_seconds": pytest.approx(3.625),
        "background_cpu_seconds": None,
        "foreground_pss_max_mib": 112.0,
        "foreground_pss_reason": None,
        "foreground_largest_rss_max_mib": 72.0,
        "background_pss_max_mib": None,
        "background_pss_reason": None,
        "background_largest_rss_max_mib": None,
    }
    assert facts["started"] == "2027-01-15T08:16:42.250000+00:00"
    assert facts["ended"] == "2027-01-15T08:16:52.250000+00:00"
    assert (facts["duration_seconds"], facts["suspended_seconds"]) == (10.0, 0.0)


def test_joules_that_may_be_others_are_null_and_cpu_seconds_stay(tmp_path: Path) -> None:
    write_monitor(tmp_path, [])
    write_cpu(tmp_path, cpu_rows())
    why = "RAPL counts the whole machine, and this job has 1 of the 4 CPUs of its node"
    cpu = window_facts(tmp_path, START_S + 2.25, START_S + 12.25, why)["cpu"]
    assert (cpu["package_joules"], cpu["dram_joules"], cpu["total_joules"]) == (None, None, None)
    assert cpu["reason"] == why
    assert cpu["foreground_cpu_seconds"] == pytest.approx(3.625)


def suspended(folder: Path, for_s: float) -> None:
    """Write rows of a machine that was suspended behind the tenth, 3 s before its end."""
    rows, cpu = steady(21), cpu_rows(21)
    for each in (*rows[11:], *cpu[11:]):
        each["boottime_s"] += for_s
    for row in cpu[11:]:
        row["suspended_s"] = for_s
    for row in rows[11:]:
        row["unsampled_s"] = for_s if row is rows[11] else 0
    write_monitor(folder, rows)
    write_cpu(folder, cpu)


def test_a_suspension_is_no_part_of_a_duration(tmp_path: Path) -> None:
    suspended(tmp_path, 60.0)
    facts = window_facts(tmp_path, START_S + 5.0, START_S + 75.0)
    assert (facts["duration_seconds"], facts["suspended_seconds"]) == (10.0, 60.0)
    assert facts["gpus"][0]["energy_joules"] == pytest.approx(1000.0)
    assert facts["gpus"][0]["power_avg_watts"] == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("from_s", "to_s", "duration_s", "suspended_s"),
    [
        (2.0, 9.0, 7.0, 0.0),  # before it
        (72.0, 78.0, 6.0, 0.0),  # behind it
        (5.0, 10.5, 5.5, 0.0),  # ends right before it, between the same two rows
        (70.99, 75.0, 4.01, 0.0),  # begins right behind it
        (10.5, 70.99, 0.49, 60.0),
    ],
)
def test_a_suspension_lies_where_there_is_room_for_it(
    tmp_path: Path, from_s: float, to_s: float, duration_s: float, suspended_s: float
) -> None:
    suspended(tmp_path, 60.0)
    facts = window_facts(tmp_path, START_S + from_s, START_S + to_s)
    assert facts["duration_seconds"] == pytest.approx(duration_s)
    assert facts["suspended_seconds"] == suspended_s


def test_a_suspension_that_no_row_tells_of_is_not_known(tmp_path: Path) -> None:
    suspended(tmp_path, 60.0)
    facts = window_facts(tmp_path, START_S - 1.0, START_S + 75.0)
    assert (facts["duration_seconds"], facts["suspended_seconds"]) == (76.0, None)


def test_cpu_seconds_of_a_tree_that_the_first_row_inside_knows(tmp_path: Path) -> None:
    """The row at the start of a window lies just behind it, and may be the first with the tree."""
    rows = cpu_rows()
    for row in rows[:10]:
        row["foreground_cpu_s"] = None
    write_monitor(tmp_path, [])
    write_cpu(tmp_path, rows)
    cpu = window_facts(tmp_path, START_S + 9.96, START_S + 20.0)["cpu"]
    assert cpu["foreground_cpu_seconds"] == pytest.approx(5.0)
    cpu = window_facts(tmp_path, START_S + 9.9, START_S + 20.0)["cpu"]
    assert cpu["foreground_cpu_seconds"] is None


def test_cpu_seconds_of_trees_that_are_seldom_looked_at(tmp_path: Path) -> None:
    rows = cpu_rows()
    for row in [*rows[1:12], *rows[13:29]]:
        row["foreground_cpu_s"] = None
    write_monitor(tmp_path, [])
    write_cpu(tmp_path, rows)
    cpu = window_facts(tmp_path, START_S + 12.0, START_S + 20.5)["cpu"]
    assert cpu["foreground_cpu_seconds"] == pytest.approx(8.5 * 0.5, rel=0.01)


def test_cpu_energy_that_is_missing_has_a_reason(tmp_path: Path) -> None:
    write_monitor(tmp_path, [])
    write_cpu(tmp_path, without(cpu_rows(), "dram_0_uj", "dram_1_uj"), ["package_0", "package_1"])
    cpu = window_facts(tmp_path, START_S + 2.0, START_S + 12.0)["cpu"]
    assert (cpu["package_joules"], cpu["total_joules"]) == (pytest.approx(800.0), None)
    assert (cpu["dram_joules"], cpu["reason"]) == (None, "this machine has no RAPL zone for DRAM")
    rows = cpu_rows()
    for row in rows[10:]:
        row["package_1_uj"] = None
    write_cpu(tmp_path, rows)
    cpu = window_facts(tmp_path, START_S + 2.0, START_S + 12.0)["cpu"]
    assert (cpu["package_joules"], cpu["dram_joules"]) == (None, pytest.approx(80.0))
    assert cpu["reason"] == "package_1_uj is not known at an edge of the window"
    cpu = window_facts(tmp_path, START_S + 29.0, START_S + 32.0)["cpu"]
    assert cpu["reason"] == "the monitor's rows end 2.0 s before the window does"


def unread(folder: Path, column: str) -> None:
    """Let a zone have been there, but not have been read from the start."""
    monitor = json.loads((folder / "monitor.json").read_text())
    monitor["rapl"]["zones"].append({"column": column, "reason": "Permission denied"})
    (folder / "monitor.json").write_text(json.dumps(monitor))


def test_the_sum_lacks_no_zone_of_the_machine(tmp_path: Path) -> None:
    write_monitor(tmp_path, [])
    rows = without(cpu_rows(), "dram_1_uj")
    write_cpu(tmp_path, rows, ["package_0", "package_1", "dram_0"])
    cpu = window_facts(tmp_path, START_S + 2.0, START_S + 12.0)["cpu"]
    assert (cpu["package_joules"], cpu["dram_joules"]) == (pytest.approx(800.0), None)
    assert cpu["reason"] == "package_1_uj has no DRAM"
    unread(tmp_path, "dram_1_uj")
    unread(tmp_path, "package_2_uj")
    cpu = window_facts(tmp_path, START_S + 2.0, START_S + 12.0)["cpu"]
    assert (cpu["package_joules"], cpu["dram_joules"], cpu["total_joules"]) == (None, None, None)
    assert "package_2_uj: Permission denied; dram_1_uj: Permission denied" in cpu["reason"]


def test_a_package_that_uses_nothing_was_not_measured(tmp_path: Path) -> None:
    rows = cpu_rows()
    for row in rows:
        row["package_1_uj"] = 0
    write_monitor(tmp_path, [])
    write_cpu(tmp_path, rows)
    assert window_facts(tmp_path, START_S, START_S + 9.0)["cpu"]["package_joules"] is None


def test_without_a_monitor_nothing_is_known(tmp_path: Path) -> None:
    facts = window_facts(tmp_path / "nowhere", 10.0, 20.0)
    assert (facts["gpus"], facts["gpus_reason"]) == ([], "there was no monitor")
    assert (facts["started"], facts["cpu"]["reason"]) == (None, "there was no monitor")
    assert (facts["duration_seconds"], facts["suspended_seconds"]) == (10.0, None)
    reason = "CPU: there was no monitor; GPU: there was no monitor"
    assert energy_metrics(facts) == (None, reason)


def test_warnings_of_the_monitor_up_to_the_end_of_the_window(tmp_path: Path) -> None:
    write_monitor(tmp_path, steady())
    monitor = json.loads((tmp_path / "monitor.json").read_text())
    monitor["warnings"] = [
        {"boottime_s": START_S, "sensor": "rapl", "message": "forbidden", "hint": "sudo chmod"},
        {"boottime_s": START_S + 5.0, "sensor": "gpu_0", "message": "lost", "hint": ""},
        {"boottime_s": START_S + 9.0, "sensor": "gpu_1", "message": "lost", "hint": ""},
    ]
    (tmp_path / "monitor.json").write_text(json.dumps(monitor))
    facts = window_facts(tmp_path, START_S + 2.0, START_S + 6.0)
    assert facts["warnings"] == ["rapl: forbidden (sudo chmod)", "gpu_0: lost"]


# -- the old names -------------------------------------------------------------------------


def two_gpus(folder: Path, **second: Any) -> dict[str, Any]:
    """Return the facts of two GPUs of 100 W and 50 %; the second one's cells may differ."""
    write_monitor(folder, steady())
    write_table(folder / "gpu_1.csv", GPU_COLUMNS, steady(**second))
    write_cpu(folder, cpu_rows())
    monitor = json.loads((folder / "monitor.json").read_text())
    monitor["gpus"].append({**GPU, "file": "gpu_1.csv", "index": 1})
    (folder / "monitor.json").write_text(json.dumps(monitor))
    return window_facts(folder, START_S + 5.0, START_S + 15.0)


def test_the_old_names_of_two_gpus(tmp_path: Path) -> None:
    facts = two_gpus(tmp_path, sm_percent=80, temperature_c=70, power_max_w=150)
    values, reason = energy_metrics(facts)
    assert reason is None
    assert values == {
        "cpu_energy_pkg_joules": pytest.approx(800.0),
        "cpu_energy_ram_joules": pytest.approx(80.0),
        "cpu_energy_total_joules": pytest.approx(880.0),
        "gpu_power_avg_watts": pytest.approx(200.0),
        "gpu_power_max_watts": 250.0,
        "gpu_power_min_watts": 200.0,
        "gpu_energy_total_joules": pytest.approx(2000.0),
        "gpu_temp_avg_celsius": pytest.approx(65.0),
        "gpu_temp_max_celsius": 70.0,
        "gpu_util_avg_percent": pytest.approx(65.0),
        "gpu_util_max_percent": 80.0,
    }


def test_a_sum_with_a_missing_part_is_none(tmp_path: Path) -> None:
    lost = {"energy_counter_mj": None, "energy_trapezoid_j": None, "sm_percent": None}
    values, reason = energy_metrics(two_gpus(tmp_path, **lost))
    assert values is not None
    assert values["gpu_energy_total_joules"] is None
    assert values["gpu_util_avg_percent"] is None
    assert values["gpu_temp_max_celsius"] == 60.0
    assert values["cpu_energy_total_joules"] == pytest.approx(880.0)
    assert reason == (
        "GPU 1: the energy counter is not known at an edge of the window;"
        " the power is not known at an edge of the window;"
        " not known of every GPU (see the warnings): gpu_util_avg_percent, gpu_util_max_percent"
    )


def test_zero_is_measured(tmp_path: Path) -> None:
    values, _ = energy_metrics(two_gpus(tmp_path, sm_percent=0, temperature_c=0))
    assert values is not None
    assert (values["gpu_util_avg_percent"], values["gpu_util_max_percent"]) == (25.0, 50.0)


def test_cpu_energy_is_not_guessed_where_rows_are_missing_at_an_edge(tmp_path: Path) -> None:
    """Nobody knows how power went in between; of a long window it is next to nothing."""
    write_monitor(tmp_path, [])
    rows = cpu_rows(231)
    del rows[4:7]
    rows[10]["package_0_uj"] = None
    write_cpu(tmp_path, rows)
    cpu = window_facts(tmp_path, START_S + 5.0, START_S + 15.0)["cpu"]
    assert (cpu["package_joules"], cpu["dram_joules"]) == (None, None)
    assert "package_0_uj is not known within 2.0 s of an edge of the window" in cpu["reason"]
    for from_s, to_s in ((5.0, 225.0), (8.5, 30.0)):
        cpu = window_facts(tmp_path, START_S + from_s, START_S + to_s)["cpu"]
        assert cpu["package_joules"] == pytest.approx(80.0 * (to_s - from_s))


def test_memory_that_could_be_read_for_a_while_is_not_the_most(tmp_path: Path) -> None:
    write_monitor(tmp_path, [])
    write_cpu(tmp_path, cpu_rows())
    monitor = json.loads((tmp_path / "monitor.json").read_text())
    monitor["memory_reasons"] = {"foreground": "Permission denied"}
    (tmp_path / "monitor.json").write_text(json.dumps(monitor))
    cpu = window_facts(tmp_path, START_S + 2.0, START_S + 12.0)["cpu"]
    assert cpu["foreground_pss_max_mib"] is None
    assert cpu["foreground_pss_reason"] == "Permission denied"
    assert cpu["foreground_largest_rss_max_mib"] == 72.0
