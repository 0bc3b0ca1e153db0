"""A run in whose files a text stands wherever any text can: settings, plan, records, logs, names.

run = small_run(folder)
salt(run, "<script>alert(1)</script>")
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tandem.base.files import sha256_of
from tandem.plan.file import SETTINGS, read_plan_file, write_plan
from tandem.plan.model import Background, Experiment, Training
from tandem.results.journal import NAME as JOURNAL
from tandem.results.record_file import INTERFERENCE, NAME, json_bytes

from support.big_run import write_big_run

# What is no free text: names by which files are found, words that Tandem alone writes, times.
FIXED = {
    *("experiment_id", "twin", "group", "status", "mode", "control", "foreground_mode", "event"),
    *("timestamp", "started", "ended", "utc", "described", "uuid", "sha256", "file", "seen"),
    *("gone", "energy_method", "label", "ready_by", "log", "logs", "as", "experiment", "index"),
}
NAMED = {"records", "digests", "experiments"}  # keys are names of files or experiments
FREE = {"hyperparameters", "performance_metrics", "metric_reasons", "patterns", "env", "entry"}
WORDS = {"idle", "background", "foreground", "solo", "power", "thermal"}  # names of windows


def small_run(folder: Path) -> Path:
    """Write a small run of a design, without the text."""
    return write_big_run(folder, configs=2, repeats=2, doses=(0.5, 1.0), rate_hz=0.05)


def salt(run: Path, text: str) -> None:
    """Put a text behind each text of a run, and make it a whole one again."""
    plan = read_plan_file(run)
    salted = tuple(_experiment(each, text) for each in plan.experiments)
    write_plan(replace(plan, name=plan.name + text, experiments=salted), run)
    for file in [run / SETTINGS, run / "machine.json", *run.glob(f"*/{NAME}")]:
        if (value := _read(file)) is not None:
            file.write_bytes(json_bytes(_salted(value, text)))
    for file in run.glob(f"*/{INTERFERENCE}"):
        value = _salted(_read(file), text)
        now = {name: sha256_of(run / name / NAME) for name in value["records"]}
        file.write_bytes(json_bytes({**value, "records": now}))
    for file in run.glob("*/**/*.log"):
        file.write_bytes(file.read_bytes() + text.encode(errors="surrogatepass") + b"\n")
    events = [json.loads(line) for line in (run / JOURNAL).read_text().splitlines()]
    lines = [json.dumps(_salted(event, text)) for event in events]
    (run / JOURNAL).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except ValueError:
        return None  # it is damaged, and is to stay so


def _experiment(each: Experiment, text: str) -> Experiment:
    backgrounds = tuple(
        Background(_training(one.training, text), one.dose, one.auto) for one in each.backgrounds
    )
    return replace(each, foreground=_training(each.foreground, text), backgrounds=backgrounds)


def _training(each: Training, text: str) -> Training:
    return replace(
        each,
        repo=each.repo + text,
        model=each.model + text,
        hyperparameters=_named(each.hyperparameters, text),
        mutated=tuple(name + text for name in each.mutated),
        command=tuple(word + text for word in each.command),
    )


def _named(value: Any, text: str) -> dict[str, Any]:
    return {name + text: _salted(item, text) for name, item in value.items()}


def _salted(value: Any, text: str, key: str = "") -> Any:
    if key in NAMED or key in FIXED:
        return value
    if key in FREE and isinstance(value, dict):
        return _named(value, text)
    if isinstance(value, dict):
        return {name: _salted(item, text, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_salted(item, text, key) for item in value]
    return value + text if isinstance(value, str) and value not in WORDS else value
