"""On which GPUs a training was in a window, and what must be known to say that it was on none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.monitored import steady, write_monitor, write_table
from support.waves import START_S
from tandem.measure.rows import PLACE_COLUMNS
from tandem.measure.windows.places import absence
from tandem.measure.windows.window import energy_metrics, window_facts

FROM_S, TO_S = START_S + 5.0, START_S + 15.0
IDLE = {"sm_percent": 0}
NOT_MAPPED = "NVML's process ids are not known to be those of /proc here"
NOT_CLEAR = "who was on GPU 0 is not known"
MEASURED = {"index": 0, "uuid": "GPU-0", "measured": True}
OTHER = {"index": 1, "uuid": "GPU-1", "measured": False}


def facts_of(
    folder: Path, board: dict[str, Any], to_s: float = TO_S, /, *, by: str | None, **on: str
) -> dict[str, Any]:
    """Return the facts of a window in which each row has who was on what; `by`: ids map by it."""
    write_monitor(folder, steady(**board))
    monitor = json.loads((folder / "monitor.json").read_text())
    other = {"stem": "gpu_1", "index": 1, "uuid": "GPU-1"}
    monitor |= {"pids_mapped_by": by, "other_gpus": [other]}
    (folder / "monitor.json").write_text(json.dumps(monitor))
    rows = [{"boottime_s": START_S + second, **on} for second in range(31)]
    write_table(folder / "on_gpus.csv", PLACE_COLUMNS, rows)
    return window_facts(folder, FROM_S, to_s)


def used(facts: dict[str, Any], role: str = "foreground") -> tuple[Any, Any, Any]:
    """Return the GPUs that it used, why they are not known, and whether it was on GPU 0."""
    found = facts["gpus_used"][role]
    return found["gpus"], found["reason"], facts["gpus"][0][f"{role}_seen"]


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ({"foreground_on": "gpu_0"}, ([MEASURED], None, True)),
        ({"foreground_on": "gpu_1 gpu_0"}, ([MEASURED, OTHER], None, True)),
        ({"foreground_on": "gpu_1"}, ([OTHER], None, None)),
        ({"foreground_on": "gpu_1", "background_on": "gpu_0"}, ([OTHER], None, False)),
        ({"background_on": "gpu_0"}, ([], None, False)),
        ({"strangers_on": "gpu_0"}, ([], None, False)),
        ({"strangers_on": "gpu_0", "unclear_on": "gpu_0"}, (None, NOT_CLEAR, None)),
        ({"strangers_on": "gpu_0", "unread_on": "gpu_0"}, (None, NOT_CLEAR, None)),
        ({"background_on": "gpu_0", "unclear_on": "gpu_1"}, (None, "who was on GPU 1", False)),
        ({}, (None, "GPU 0 was used, and NVML lists nobody on it", None)),
    ],
)
def test_who_was_on_a_gpu_that_is_used(
    folder: Path, on: dict[str, str], expected: tuple[Any, Any, Any]
) -> None:
    gpus, reason, seen = used(facts_of(folder, {}, by="a process of ours was seen", **on))
    assert (gpus, seen) == (expected[0], expected[2])
    assert (reason or "").startswith(expected[1] or "") and bool(reason) == bool(expected[1])


@pytest.mark.parametrize(
    ("board", "seen"),
    [
        (IDLE, False),
        ({}, None),  # it was used
        ({"sm_percent": None}, None),  # whether it was used is not known
        ({**IDLE, "memory_used_mib": None}, None),
        ({**IDLE, "power_max_w": 130}, None),  # its power moved
    ],
)
def test_an_idle_gpu_had_nobody_on_it_whatever_ids_map(
    folder: Path, board: dict[str, Any], seen: bool | None
) -> None:
    """As in a container that does not have its host's process ids."""
    assert used(facts_of(folder, board, by=None)) == (None, NOT_MAPPED, seen)


@pytest.mark.parametrize(
    ("board", "sees_all", "on", "to_s", "reason"),
    [
        ({}, True, {"foreground_on": "gpu_0"}, TO_S, None),
        (IDLE, True, {}, TO_S, None),
        ({}, True, {}, TO_S, "GPU 0 was used, and NVML lists nobody on it"),
        ({}, True, {}, FROM_S + 2.0, None),  # too short to be listed
        ({}, False, {"foreground_on": "gpu_0"}, TO_S, "PID namespace alone"),
        (IDLE, False, {}, TO_S, "PID namespace alone"),
    ],
)
def test_that_nobody_is_listed_is_not_that_nobody_is_there(
    folder: Path,
    *,
    board: dict[str, Any],
    sees_all: bool,
    on: dict[str, str],
    to_s: float,
    reason: str | None,
) -> None:
    """In a container one's own processes may be listed, and those of others never."""
    facts_of(folder, board, by="a process of ours was seen", **on)
    monitor = json.loads((folder / "monitor.json").read_text())
    (folder / "monitor.json").write_text(json.dumps(monitor | {"sees_all_processes": sees_all}))
    [gpu] = window_facts(folder, FROM_S, to_s)["gpus"]
    assert (gpu["strangers"], gpu["strangers_reason"]) == ([], None)
    found = gpu["strangers_hidden_reason"]
    assert (found is None) == (reason is None)
    assert (found or "").endswith(reason or "")


def test_memory_that_grew_since_the_monitor_began_is_somebodys(folder: Path) -> None:
    (folder / "on_gpus.csv").unlink(missing_ok=True)  # of a test before this one
    write_monitor(folder, steady(1, **IDLE) + steady(**IDLE, memory_used_mib=1400)[1:])
    assert window_facts(folder, FROM_S, TO_S)["gpus"][0]["foreground_seen"] is None


@pytest.mark.parametrize(
    ("length_s", "idle", "busy"), [(2.0, None, None), (4.0, False, None), (6.0, False, False)]
)
def test_what_is_short_was_perhaps_not_seen(
    folder: Path, length_s: float, idle: bool | None, busy: bool | None
) -> None:
    for board, seen in ((IDLE, idle), ({}, busy)):
        facts = facts_of(
            folder, board, FROM_S + length_s, by="initial PID namespace", background_on="gpu_0"
        )
        gpus, reason, is_on = used(facts)
        assert is_on is seen
        assert (gpus is None) == (length_s < 5.0) == ("too short" in str(reason))
        assert used(facts, "background")[2] is True


def test_a_time_in_which_nobody_looked_is_a_reason(folder: Path) -> None:
    facts_of(folder, {}, by="initial PID namespace", background_on="gpu_0")
    lines = (folder / "on_gpus.csv").read_text().splitlines(keepends=True)
    (folder / "on_gpus.csv").write_text("".join(lines[:8] + lines[15:]))
    assert used(window_facts(folder, FROM_S, TO_S))[:2] == (None, "nobody looked for 8.0 s")


def test_the_row_at_the_start_is_of_an_earlier_attempt(folder: Path) -> None:
    facts_of(folder, {}, by="a process of ours was seen", background_on="gpu_0")
    with open(folder / "on_gpus.csv") as file:
        lines = file.readlines()
    lines.insert(7, f"{FROM_S + 0.01},mark,gpu_0,,,,\n")
    (folder / "on_gpus.csv").write_text("".join(lines))
    assert used(window_facts(folder, FROM_S, TO_S)) == ([], None, False)


def test_a_process_that_ended_while_nobody_looked_may_have_been_there(folder: Path) -> None:
    facts_of(folder, {}, by="a process of ours was seen", background_on="gpu_0")
    monitor = json.loads((folder / "monitor.json").read_text())
    why = "process 7 ended while nobody looked"
    monitor["warnings"] = [{"sensor": "foreground", "message": why, "hint": "", "boottime_s": 0.0}]
    (folder / "monitor.json").write_text(json.dumps(monitor))
    assert used(window_facts(folder, FROM_S, TO_S)) == (None, why, None)


@pytest.mark.parametrize(
    ("has_gpu", "gpus", "reason"), [(False, [], None), (True, None, "NVML: no"), (None, None, "N")]
)
def test_a_machine_without_a_gpu_is_another_than_one_that_nobody_looked_at(
    folder: Path, has_gpu: bool | None, gpus: Any, reason: str | None
) -> None:
    facts_of(folder, {}, by="initial PID namespace")
    monitor = json.loads((folder / "monitor.json").read_text())
    monitor |= {"gpus": [], "other_gpus": [], "has_gpu": has_gpu, "gpus_reason": "NVML: no"}
    (folder / "monitor.json").write_text(json.dumps(monitor))
    found = window_facts(folder, FROM_S, TO_S)["gpus_used"]["foreground"]
    assert (found["gpus"], (found["reason"] or "")[:8]) == (gpus, (reason and "NVML: no") or "")


def test_the_energy_of_a_gpu_that_it_was_not_on_is_not_the_foregrounds(folder: Path) -> None:
    facts = facts_of(folder, IDLE, by="initial PID namespace", foreground_on="gpu_1")
    assert facts["gpus"][0]["energy_joules"] == pytest.approx(1000)
    text = "no process of the foreground was on GPU 0 (it was on GPU 1)"
    assert absence(facts, "foreground") == text
    values, reason = energy_metrics(facts)
    assert values is None
    assert reason == f"CPU: forbidden; GPU: {text}"
    on_it = facts_of(folder, {}, by="a process of ours was seen", foreground_on="gpu_0")
    assert absence(on_it, "foreground") is None
    values, _ = energy_metrics(on_it)
    assert values and values["gpu_energy_total_joules"] == pytest.approx(1000)
