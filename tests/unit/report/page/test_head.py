"""The head of a report: whether all is valid, and if not, why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support import plans
from support.records import of, write_run
from support.reports import noted, planned, record_for, write_journal
from tandem.report.page.sections.head import Head
from tandem.results.record_window import WindowGpu

PLAN = plans.design(loads=1)  # 2 blocks of a solo and a parallel one
IDS = [each.id for each in PLAN.experiments]


def whole_run(run: Path) -> Path:
    planned(run, PLAN)
    write_run(run, *(record_for(PLAN, name) for name in IDS))
    ended = [("ended", {"experiment": name, "duration_s": 1.0}) for name in IDS]
    write_journal(run, ("run_started", {"host": "lab3"}), *ended, ("run_ended", {}))
    return run


def test_all_valid(tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run_1")
    (run / "settings.json").write_text(json.dumps({"description": ["How much", "is it?"]}))
    text = noted(Head, run)
    assert text.splitlines()[:3] == ["night", "How much is it?", "✓ All 4 experiments are valid"]
    assert "This run" not in text and "not valid" not in text
    assert "2026-01-31 22:00 to 22:05 UTC, 5 min" in text
    assert "lab3: NVIDIA H100 80GB HBM3 (1 GPU)" in text
    assert "GPU: 0.0035 kWh (12,482 J) in 4 windows" in text
    assert "4 experiments, seed 7: 2 blocks of 1 group of 2 experiments" in text


def test_each_host_has_its_own_boards_and_no_part_of_a_window_counts(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    other: dict[str, Any] = {
        "environment.hostname": "lab4",
        "windows[0].gpus": [
            of(WindowGpu, uuid="GPU-a", name="A"),
            of(WindowGpu, uuid="GPU-b", energy_joules=None, energy_reason="it was lost"),
        ],
    }
    write_run(run, record_for(PLAN, IDS[0]), record_for(PLAN, IDS[1], **other))
    text = noted(Head, run)
    assert "lab3: NVIDIA H100 80GB HBM3 (1 GPU)" in text
    assert "lab4: A (1 GPU), NVIDIA H100 80GB HBM3 (1 GPU)" in text
    assert "GPU: 0.0009 kWh (3,120 J) in 1 window; not measured in 1: it was lost" in text


def test_reasons_are_grouped_with_their_counts(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    of: list[dict[str, Any]] = [
        {"valid": False, "invalid_reasons": [f"GPU 0 was busy for {seconds} s", "no metric found"]}
        for seconds in (10.5, 2, 3)
    ]
    made = zip(IDS, of, strict=False)
    write_run(run, *(record_for(PLAN, name, **values) for name, values in made))
    text = noted(Head, run)
    assert "✗ None of 4 experiments are valid" in text
    assert "\n3 not valid\nGPU 0 was busy for 2 to 10.5 s (3 experiments)\nno metric found" in text
    assert "\n1 missing" in text
    assert "has no journal" in text


def test_what_is_cut_off_or_damaged_is_neither_valid_nor_missing(tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run_1")
    (run / IDS[0] / "experiment.json").write_text("{")
    (run / IDS[1] / "experiment.json").unlink()
    (run / IDS[2] / "experiment.json").unlink()
    (run / IDS[2]).rmdir()
    write_run(
        run, record_for(PLAN, IDS[2], status="interrupted", valid=False, error_message="TERM")
    )
    stop = ("interrupted", {"experiment": IDS[2], "reason": "interrupted by SIGTERM"})
    write_journal(run, ("run_started", {}), stop)
    text = noted(Head, run)
    assert "✗ 1 of 4 experiments is valid" in text
    assert f"This run was stopped in the middle of {IDS[2]}: interrupted by SIGTERM." in text
    for line in ("1 cut off\nTERM (1 experiment)", "1 damaged\nrun_1/", "1 missing"):
        assert f"\n{line}" in text
    assert str(tmp_path) not in text


def test_energy_that_is_not_known_is_no_zero(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    unknown = {"windows[0].gpus[0].energy_joules": None, "windows[0].gpus[0].energy_reason": "MIG"}
    none = {"windows[0].cpu.total_joules": None, "windows[0].cpu.reason": "no package"}
    write_run(run, record_for(PLAN, IDS[0], **unknown, **none), record_for(PLAN, IDS[1], **none))
    text = noted(Head, run)
    assert "GPU: 0.0009 kWh (3,120 J) in 1 window; not measured in 1: MIG" in text
    assert "CPU: not measured: no package" in text


def test_neither_plan_nor_record(tmp_path: Path) -> None:
    text = noted(Head, tmp_path)
    assert text.splitlines()[:2] == [tmp_path.name, "✗ There is no experiment here"]
    assert "What was planned is not known" in text and "holds no plan.json" in text
    assert "not measured: there is no window" in text
    assert str(tmp_path) not in text


def test_several_runs_say_which_is_which(tmp_path: Path) -> None:
    runs = [whole_run(tmp_path / name / "run_1") for name in ("a", "b")]
    text = noted(Head, *runs, runs[0])
    assert text.splitlines()[0] == "2 runs: night"
    assert "night, a/run_1" in text and "night, b/run_1" in text


def test_hosts_that_are_alike_stand_once_and_workers_have_their_times(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    write_run(
        run,
        *(
            record_for(PLAN, name, **{"environment.hostname": host})
            for name, host in zip(IDS, ("n1", "n2", "n3", "n1"), strict=True)
        ),
    )
    first, second = {"worker": "n1_1_r0", "host": "n1"}, {"worker": "n2_2_r0", "host": "n2"}
    write_journal(
        run,
        *(("run_started", each) for each in (first, second)),
        ("ended", {"experiment": IDS[0], "worker": "n1_1_r0"}),
        *(("run_ended", {"worker": each["worker"]}) for each in (first, second)),
    )
    text = noted(Head, run)
    assert "n1, n2, n3, each: NVIDIA H100 80GB HBM3 (1 GPU)" in text
    assert "22:00 to 22:04 UTC, 4 min" in text
    assert "2 workers on 2 hosts; their times together: 6 min" in text
    assert "This run" not in text
