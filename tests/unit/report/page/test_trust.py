"""What a report says for and against its figures."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from support import plans
from support.records import interference, of, put, write_run
from support.reports import noted, planned, record_for, write_journal
from tandem.plan.tries import as_it_stands
from tandem.report.page.kinds_of_text import Kinds
from tandem.report.page.sections.trust import Trust, thinned
from tandem.results.record import Record, foreground_name
from tandem.results.record_window import Stranger, Window, WindowGpu

PLAN = plans.design(loads=1)
IDS = [each.id for each in PLAN.experiments]


def test_checks_are_those_of_the_valid_experiments(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    busy: dict[str, Any] = {"windows[0].machine.others_cpu_percent": 7.5}
    seen = {"windows[0].gpus[0].strangers": [of(Stranger, name="python", user="bob")]}
    gone = {"valid": False, "invalid_reasons": ["GPU 0 was used"]}
    write_run(
        run,
        record_for(PLAN, IDS[0]),
        record_for(PLAN, IDS[1], **busy),
        record_for(PLAN, IDS[2], **seen, **gone),
    )
    text = noted(Trust, run)
    assert "What was seen in 2 experiments (valid)" in text
    assert f"1.3 to 7.5 % of all CPUs (most: {IDS[1]})" in text
    assert "none seen in 2 windows" in text and "bob" not in text
    assert "99.8 % of the foreground's time or more; at least 95 % is asked for" in text
    assert f"the longest took 0.101 s ({IDS[0]})" in text
    assert "GPU 0 (NVIDIA H100 80GB HBM3): energy counter every 20 ms, power every 100 ms" in text
    assert f"Not valid, in no comparison\n1: {IDS[2]}" in text
    assert f"Missing\n1: {IDS[3]}" in text
    assert "Idle drift" not in text


def test_where_nothing_is_valid_that_is_what_is_shown(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    seen = {"windows[0].gpus[0].strangers": [of(Stranger, name="python", user="bob")]}
    write_run(run, record_for(PLAN, IDS[0], **seen, valid=False, invalid_reasons=["x"]))
    text = noted(Trust, run)
    assert "What was seen in 1 experiment (not valid)" in text
    assert "python of bob, in 1 experiment" in text


def test_idle_windows_are_drawn_over_the_run(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    write_journal(run, ("run_started", {}))
    parallel = next(each for each in PLAN.experiments if each.backgrounds)
    made = record_for(PLAN, parallel.id)
    for power_w in (60.5, 62.0):
        idle = of(Window, name="idle", started="2026-01-31T23:00:00+00:00", attempt=None, load=None)
        idle["gpus"][0]["power_avg_watts"] = power_w
        made["windows"].append(idle)
    write_run(run, (made, interference(idle_drift_watts=1.5, idle_drift_reason=None)))
    text = noted(Trust, run)
    assert "Idle drift over the run\nGPU 0: 60.5 to 62 W in 2 idle windows." in text
    assert "The idle windows of a pair span 1.5 W." in text
    assert f"{parallel.id}, GPU 0: 60.5 W" in text
    assert "data as CSV" in text and "tandem table run_1 --kind windows" in text


def test_of_many_idle_windows_no_spike_is_lost() -> None:
    begin = datetime(2026, 1, 31, tzinfo=timezone.utc)
    windows = [
        (f"x{minute}", begin + timedelta(minutes=minute), ("lab3", board), 60.0 + minute % 3 / 10)
        for minute in range(1000)
        for board in ("GPU-a", "GPU-b")
    ]
    windows[777] = (*windows[777][:3], 99.0)
    drawn, together = thinned(windows, 100)
    assert together == 40 and 95 <= len(drawn) <= 104
    assert windows[777] in drawn
    assert thinned(windows[:50], 100) == (windows[:50], 1)


def test_what_ran_again_or_was_cut_off_is_named(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    group = PLAN.by_id[IDS[0]].group
    again = {f"{each.id}_try2": each.id for each in PLAN.groups[group]}
    added = ("added", {"as": "try", "experiments": again})
    aside = ("set_aside", {"experiment": IDS[0], "folder": f"cut_off/{IDS[0]}.1"})
    ended = [("ended", {"experiment": name, "duration_s": 1.0}) for name in (*IDS, *again)]
    write_journal(run, ("run_started", {}), added, aside, *ended, ("run_ended", {}))
    standing = as_it_stands(PLAN, [added[1]])
    write_run(run, *(record_for(standing, name) for name in (*IDS, *again)))
    text = noted(Trust, run)
    first = ", ".join(each.id for each in PLAN.groups[group])
    assert f"Of groups that ran again\n2: {first}" in text
    assert f"Cut off\n1: cut_off/{IDS[0]}.1" in text
    assert "What was seen in 4 experiments" in text


def test_tries_of_workers_that_do_not_count_are_named(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    lost = ("lost", {"experiment": IDS[0], "standing": f"workers/b/{IDS[0]}", "worker": "a"})
    place = f"workers/a/{IDS[1]}"
    damaged = ("set_aside", {"experiment": IDS[1], "folder": place, "stood": True, "worker": "b"})
    write_journal(run, ("run_started", {}), lost, damaged)
    text = noted(Trust, run)
    assert f"Run twice; another worker's counts\n1: workers/a/{IDS[0]}" in text
    assert f"Damaged, and run again\n1: {place}" in text
    assert "Cut off" not in text


def test_warnings_are_counted_by_kind(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    texts = [f"others used {percent} % of all CPUs" for percent in ("12.5", "9", "30")]
    write_run(
        run,
        *(record_for(PLAN, name, warnings=[text]) for name, text in zip(IDS, texts, strict=False)),
    )
    assert "\n3\nothers used 9 to 30 % of all CPUs" in noted(Trust, run)


def test_figures_are_put_together_and_names_are_not() -> None:
    kinds = Kinds()
    for text in (
        *("GPU 0 was at 5 % for 1.5 s", "GPU 0 was at 7 % for 0.5 s", "GPU 1 was at 5 % for 1.5 s"),
        *(
            "processes are still alive: python 4711, sh 12",
            "processes are still alive: python 9, sh 8",
        ),
    ):
        kinds.note(text)
    assert kinds.lines() == [
        ("GPU 0 was at 5 to 7 % for 0.5 to 1.5 s", 2),
        ("processes are still alive: python …, sh …", 2),
        ("GPU 1 was at 5 % for 1.5 s", 1),
    ]


def test_what_one_record_says_several_times_is_one_experiment() -> None:
    kinds = Kinds()
    kinds.note("GPU 0 was used by process 7", "GPU 0 was used by process 8", "no metric")
    kinds.note("GPU 0 was used by process 9")
    assert kinds.lines() == [("GPU 0 was used by process …", 2), ("no metric", 1)]


def test_a_window_counts_once_on_several_boards_and_only_where_somebody_looked(
    tmp_path: Path,
) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    boards = [of(WindowGpu, index=index, uuid=f"GPU-{index}") for index in (0, 1)]
    blind = of(WindowGpu, strangers_reason="NVML stopped to answer", throttled_percent={})
    hidden = of(WindowGpu, strangers_hidden_reason="only its own PID namespace")
    odd = {"validity.min_coverage": 0.955}
    write_run(
        run,
        record_for(PLAN, IDS[0], windows=[of(Window, gpus=boards)], **odd),
        record_for(PLAN, IDS[1], windows=[of(Window, gpus=[boards[0], blind])], **odd),
        record_for(PLAN, IDS[2], windows=[of(Window, gpus=[hidden])], **odd),
    )
    text = noted(Trust, run)
    assert "none seen in 1 window\n" in text
    assert "not known in 1 window: NVML stopped to answer" in text
    assert "not visible in 1 window: only its own PID namespace" in text
    assert "energy of 3 windows by counter" in text
    assert "of a window (most: vision_resnet20_c01_r1_solo)\nnot known in 1 window" in text
    assert "at least 95.5 % is asked for" in text


def test_an_empty_folder(tmp_path: Path) -> None:
    text = noted(Trust, tmp_path)
    assert text.startswith("No experiment that counts has a record.")
    assert "Warnings\nNone." in text


# -- several hosts and boards -----------------------------------------------------------


def on(host: str, uuid: str, index: int = 0) -> dict[str, Any]:
    board = {"windows[0].gpus[0].uuid": uuid, "windows[0].gpus[0].index": index}
    return {"environment.hostname": host, **board}


def made(name: str, **values: Any) -> Record:
    window = foreground_name(PLAN.by_id[name].control)
    values = {"windows[0].name": window, **values}
    if PLAN.by_id[name].control:
        values["background"] = None
    return record_for(PLAN, name, **values)


def test_pairs_of_one_board_each_are_told_where_there_are_several(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    places = [on("n1", "GPU-a")] * 2 + [on("n2", "GPU-b")] * 2
    write_run(run, *(made(name, **at) for name, at in zip(IDS, places, strict=True)))
    text = noted(Trust, run)
    assert "Pairs on one board\n2 pairs on 2 boards of 2 hosts, each pair on one of them" in text
    both = "GPU 0 of n1 (NVIDIA H100 80GB HBM3), GPU 0 of n2 (NVIDIA H100 80GB HBM3): energy"
    assert both in text


def test_a_pair_across_boards_is_named(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    parallel = next(each.id for each in PLAN.experiments if each.backgrounds)
    places = [on("n1", "GPU-b" if name == parallel else "GPU-a") for name in IDS]
    write_run(run, *(made(name, **at) for name, at in zip(IDS, places, strict=True)))
    found = f"1 of 2 pairs not: {parallel} ran on another than their control"
    assert found in noted(Trust, run)


def test_of_one_board_nothing_is_said_of_pairs(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    write_run(run, *(made(name) for name in IDS))
    assert "Pairs on one board" not in noted(Trust, run)


def test_idle_boards_of_several_hosts_are_told_apart(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    write_journal(run, ("run_started", {}))
    places = [("n1", "GPU-a0000000-1"), ("n1", "GPU-b0000000-2"), ("n2", "GPU-c0000000-3")]
    for name, (host, uuid) in zip(IDS, places, strict=False):
        found = record_for(PLAN, name, **on(host, uuid))
        idle = of(Window, name="idle", started="2026-01-31T23:00:00+00:00", attempt=None, load=None)
        put(idle, **{"gpus[0].power_avg_watts": 60.5, "gpus[0].uuid": uuid, "gpus[0].index": 0})
        found["windows"].append(idle)
        write_run(run, found)
    text = noted(Trust, run)
    for board in ("GPU-a0000000 of n1", "GPU-b0000000 of n1", "GPU 0 of n2"):
        assert f"{board}: 60.5 W in 1 idle window." in text
