"""The methods of a report: what a paper would say, and the commands behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support import plans
from support.records import write_run
from support.reports import noted, planned, record_for
from tandem.plan.file import read_plan_file
from tandem.report.page.command_of_run import command_of
from tandem.report.page.sections.methods import Methods

PLAN = plans.design(loads=1)
IDS = [each.id for each in PLAN.experiments]
MACHINE: dict[str, Any] = {
    "driver_version": "550.54",
    "cuda_version": "12.4",
    "boards": [
        {"uuid": "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "power_limit_watts": 700.0},
        {"uuid": "GPU-another", "power_limit_watts": 300.0},
    ],
    "pythons": [
        {"repositories": ["digits"], "version": "3.12.1", "packages": {"numpy": "2.1", "a": "1"}},
        {"repositories": ["old"], "version": None, "reasons": {"version": "it is Perl"}},
    ],
}


def test_what_the_files_say_stands_in_paragraphs(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    (run / "machine.json").write_text(json.dumps(MACHINE))
    out = {"valid": False, "invalid_reasons": ["no metric found"]}
    write_run(run, *(record_for(PLAN, name) for name in IDS[:2]), record_for(PLAN, IDS[2], **out))
    text = noted(Methods, run).replace("\N{NO-BREAK SPACE}", " ")
    for words in (
        "Tandem 0.1.0 (commit 2fd4e1c67a2d) on lab3 (AMD EPYC 7302, 32 logical CPUs, 126 GiB",
        "GPU: NVIDIA H100 80GB HBM3 (power limit 700 W), driver 550.54, CUDA 12.4.",
        "The CPUs' governor was performance.",
        "The trainings of digits ran in Python 3.12.1 with 2 packages, listed below.",
        "The Python of old is not known: it is Perl.",
        "Looping in the background: digits mlp (commit 2fd4e1c67a2d)",
        "drawn values come from seed 7.",
        "a background ran for at least 95 % of that time",
        "Of 4 experiments n = 2 are valid; left out: 1 not valid, 1 missing.",
        "Reasons: no metric found (1).",
        "the board's own energy counter (NVML) in 3 windows",
        "pseudomedians of Hodges and Lehmann",
        "the board's gain (5 %)",
        "Packages of digits (2)\na 1, numpy 2.1",
        "tandem verify run_1\ntandem record run_1 --to run_1_again\ntandem compare run_1",
    ):
        assert words in text, words


def test_no_sentence_about_what_nobody_measured(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    none: dict[str, Any] = {
        "background": None,
        "windows[0].gpus": [],
        "windows[0].gpus_reason": "no driver",
        "windows[0].cpu.total_joules": None,
        "windows[0].cpu.reason": "no package",
    }
    write_run(run, record_for(PLAN, IDS[0], **none))
    text = noted(Methods, run)
    assert "No GPU was measured." in text
    assert "The energy of GPUs was not measured (no driver)." in text
    assert "The energy of CPUs was not measured (no package)." in text
    for words in ("background", "pseudomedian", "Uncertainties", "driver "):
        assert words not in text.split("Order:")[0]
    assert "Hodges" not in text and "RAPL" not in text


def test_what_a_valid_experiment_permits_to_others(tmp_path: Path) -> None:
    cpu_only = planned(tmp_path / "run_1", PLAN)
    write_run(cpu_only, record_for(PLAN, IDS[1], **{"windows[0].gpus": []}))
    assert "of that time, and nothing was left running." in noted(Methods, cpu_only)
    shared = planned(tmp_path / "run_2", PLAN)
    write_run(
        shared,
        record_for(
            PLAN,
            IDS[1],
            **{"validity.max_strangers_sm_percent": 5.0, "validity.max_strangers_memory_mib": 0.0},
        ),
    )
    text = noted(Methods, shared).replace("\N{NO-BREAK SPACE}", " ")
    assert "no other process used more than 5 % and 0 MiB of the GPU" in text


def test_reasons_beyond_the_most_frequent_are_counted(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    out = {"valid": False, "invalid_reasons": [f"reason {letter}" for letter in "abcdefgh"]}
    write_run(run, record_for(PLAN, IDS[0], **out))
    assert "reason f (1); 2 other reasons." in noted(Methods, run)


def test_the_command_that_made_a_run(tmp_path: Path) -> None:
    run = planned(tmp_path / "a run", PLAN)
    assert command_of(read_plan_file(run), "a run") == [
        *("tandem", "run", "--registry", "a run/registry.json", "--root", "/root"),
        *("--seed", "7", "a run/settings.json"),
    ]
    assert "'a run/settings.json'" in noted(Methods, run)
    assert "Nothing has been measured yet" in noted(Methods, run)


def test_several_runs_say_which_is_which(tmp_path: Path) -> None:
    runs = [planned(tmp_path / name, PLAN) for name in ("run_1", "run_2")]
    text = noted(Methods, *runs)
    assert text.index("run_1") < text.index("run_2")
    assert "tandem compare run_1 run_2" in text


def test_several_workers_are_no_change_of_the_machine(tmp_path: Path) -> None:
    run = planned(tmp_path / "run_1", PLAN)
    files = ["n1_1_r0/machine.json", "n2_2_r0/machine.json", "n2_2_r0/machine_2.json"]
    for number, file in enumerate(files):
        (run / "workers" / file).parent.mkdir(parents=True, exist_ok=True)
        facts = MACHINE | {"driver_version": "550.54" if number else "535.1"}
        (run / "workers" / file).write_text(json.dumps(facts))

    def made(name: str, file: str, host: str) -> Any:
        named = {"machine": {"file": f"workers/{file}", "sha256": "0" * 64}}
        own = {"worker": file.partition("/")[0], "environment.hostname": host}
        return record_for(PLAN, name, **own, **named)

    write_run(run, made(IDS[0], files[0], "n1"), made(IDS[1], files[1], "n2"))
    text = noted(Methods, run).replace("\N{NO-BREAK SPACE}", " ")
    assert "by 2 workers on 2 hosts: n1, n2 (each AMD EPYC 7302, 32 logical CPUs" in text
    assert "driver 535.1 or 550.54, CUDA 12.4." in text
    assert "changed during the run" not in text
    assert text.count("Packages of digits") == 1
    write_run(run, made(IDS[2], files[2], "n2"))
    text = noted(Methods, run)
    changed = "changed during the run: workers/n2_2_r0/machine.json, workers/n2_2_r0/machine_2.json"
    assert changed in text
