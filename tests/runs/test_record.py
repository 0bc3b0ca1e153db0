"""experiment.json of real runs: it fits its schema, and says what the raw files say."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.records import flaws
from tandem.base.clock import Moment
from tandem.base.paths import ROOT
from tandem.experiment.record import make_record
from tandem.experiment.verify import verify_run
from tandem.plan.file import read_plan_file
from tandem.results.record_file import is_there, json_bytes, record_of

DEADLINE_S = 120.0  # a hang guard, not a figure
pytestmark = pytest.mark.xdist_group("record")  # one measured run for all that reads it
SLEEPS = "echo Epoch 1; exec sleep 1000"
TELLS = "echo 'Device: none'; echo Test Accuracy: 12; echo 'Test Accuracy: 97.5'"
ODD = 'it\'s "$(touch pwned)"; `id`\n\té日本 -x \\'


@dataclass(frozen=True)
class Scenario:
    """A foreground's and a background's training, a Bash line each, and settings."""

    front: str
    back: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = "front"
    model: str = "default"
    note: str | None = None
    mutate: bool = False


SCENARIOS = {
    "parallel": Scenario(TELLS, SLEEPS),
    "rounds": Scenario(
        # Until rounds have begun after the failed one, and one is over beside this training.
        f"{TELLS}; n=$(<../back/n); ((n += 2, n > 4 || (n = 4)));"
        " until [[ $(<../back/n) -gt $n ]]; do sleep 0.02; done",
        '[ -e n ] && n=$(<n); echo $((n + 1)) >n; sleep 0.15; exit "$((n == 2))"',
        {"restart_delay_seconds": 0},
    ),
    "single": Scenario(TELLS, note="a b"),
    "drawn": Scenario(TELLS, settings={"seed": 7}, mutate=True),
    "odd names": Scenario(TELLS, SLEEPS, {"experiment_name": ODD}, ODD, ODD, ODD),
    "failed": Scenario(
        "[ -e once ] || echo Test Accuracy: 99; touch once; exit 3", SLEEPS, {"max_retries": 2}
    ),
    "second attempt": Scenario(
        "[ -e once ] && echo Test Accuracy: 50 && exit 0; touch once; echo Test Accuracy: 99;"
        " setsid sleep 1000 & kill -SEGV $$",
        SLEEPS,
        {"max_retries": 5},
    ),
    "no metric": Scenario("echo accuracy unknown", SLEEPS),
    "timeout": Scenario(
        # It saves when it is told to stop, and calls that a success.
        f"trap 'exit 0' TERM; {TELLS}; while true; do sleep 0.02; done",
        SLEEPS,
        {"timeout_seconds": 2, "max_retries": 0},
    ),
    "not ready": Scenario("touch started", "exec ./no-such-program"),
    "interrupted": Scenario(f"{TELLS}; echo ready >ready; exec sleep 1000", SLEEPS),
}


@dataclass
class Running:
    """The real driver on a scenario, in a folder of its own."""

    scenario: Scenario
    folder: Path

    def __post_init__(self) -> None:
        self.build()
        self.process = subprocess.Popen(
            [
                *(sys.executable, ROOT / "driver.py", "run", "--grace", "2"),
                *("--registry", self.folder / "registry.json", "--root", self.folder),
                *("--results", self.folder / "results", self.folder / "settings.json"),
            ],
            env={**os.environ, "TANDEM_LOCKS": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def build(self) -> None:
        """Write repositories, registry and settings."""
        scenario = self.scenario
        entry: dict[str, Any] = {"mode": "default", "repo": scenario.name, "model": scenario.model}
        if scenario.mutate:
            entry |= {"mode": "mutation", "mutate": ["rate"]}
        if scenario.note is not None:
            entry["hyperparameters"] = {"note": scenario.note}
        models = {scenario.name: self.repository("front", scenario.front)}
        if scenario.back is not None:
            models["back"] = self.repository("back", scenario.back)
            background = {"repo": "back", "model": "default"}
            entry = {"mode": "parallel", "foreground": entry, "background": background}
        (self.folder / "registry.json").write_text(json.dumps({"models": models}))
        settings = {
            "warmup_seconds": 0.2,
            "ready_timeout_seconds": 2,
            **scenario.settings,
            "experiments": [entry],
        }
        (self.folder / "settings.json").write_text(json.dumps(settings))

    def repository(self, name: str, line: str) -> dict[str, Any]:
        script = self.folder / name / "train.sh"
        script.parent.mkdir()
        script.write_text(f"#!/bin/bash\n{line}\n")
        script.chmod(0o755)
        rate = {"flag": "--rate", "type": "float", "default": 0.1, "range": [1e-7, 1e-3]}
        return {
            "path": name,
            "train_script": "./train.sh",
            "models": [*{self.scenario.model, "default"}],
            "model_flag": "-n",
            "supported_hyperparams": {
                "note": {"flag": "--note", "type": "str", "default": ""},
                "rate": rate | {"distribution": "log_uniform"},
            },
            "performance_metrics": {
                "log_patterns": {"accuracy": "Test Accuracy: ([0-9.]+)", "loss": "Loss: ([0-9.]+)"}
            },
        }

    def end(self) -> Ended:
        output, _ = self.process.communicate(timeout=DEADLINE_S)
        return Ended(self.folder, self.process.returncode, output)


@dataclass(frozen=True)
class Ended:
    """What a driver left: exit code, messages, and the folder of its only experiment."""

    folder: Path
    exit_code: int
    output: str

    @property
    def experiment(self) -> Path:
        (path,) = (path for path in self.folder.glob("results/run_*/*") if path.is_dir())
        return path

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.experiment / "experiment.json").read_text())
        return record

    def keeper(self, number: int) -> dict[str, Any]:
        """Return what the keeper of an attempt says."""
        file = self.experiment / "attempts" / str(number) / "keeper.json"
        report: dict[str, Any] = json.loads(file.read_text())
        return report

    def events(self) -> list[list[str]]:
        lines = (self.experiment / "background_logs" / "rounds.tsv").read_text().splitlines()
        return [line.split("\t") for line in lines]

    def coverage(self, number: int) -> float:
        """Return the coverage of an attempt, from rounds.tsv and its keeper's report alone."""
        report, events = self.keeper(number), self.events()
        from_s, to_s = report["started_s"], report["ended_s"]
        starts = {event[1]: float(event[2]) for event in events if event[0] == "start"}
        ends = {event[1]: float(event[2]) for event in events if event[0] == "end"}
        running_s = sum(
            max(0.0, min(ends[each], to_s) - max(starts[each], from_s)) for each in ends
        )
        return float(running_s / (to_s - from_s))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """All scenarios at once: each has its own folder, locks and processes."""
    running: dict[str, Running] = {}
    try:
        for name, scenario in SCENARIOS.items():
            running[name] = Running(scenario, tmp_path_factory.mktemp("run"))
        interrupted = running["interrupted"]
        end_s = time.monotonic() + DEADLINE_S
        while not (interrupted.folder / "front" / "ready").exists():
            assert interrupted.process.poll() is None, interrupted.end().output
            assert time.monotonic() < end_s, "the foreground never worked"
            time.sleep(0.02)
        interrupted.process.send_signal(signal.SIGTERM)
        yield {name: each.end() for name, each in running.items()}
    finally:
        for each in running.values():
            each.process.kill()
            each.process.communicate()


every = pytest.mark.parametrize("name", [*SCENARIOS])
with_background = pytest.mark.parametrize(
    "name", [name for name, scenario in SCENARIOS.items() if scenario.back]
)


# -- the schema ----------------------------------------------------------------------------


@every
def test_a_record_is_known_by_its_beginning_and_its_end(
    runs: dict[str, Ended], name: str, tmp_path: Path
) -> None:
    folder = runs[name].experiment
    whole = (folder / "experiment.json").read_bytes()
    assert record_of(folder.name, folder.parent) == json.loads(whole)
    (tmp_path / folder.name).mkdir()
    file = tmp_path / folder.name / "experiment.json"
    for data, is_known in (
        (whole[:500] + whole[-500:], True),  # what lies between them is not looked at
        (whole[:-1], True),  # read whole then
        (whole[:-2], False),
        (whole[1:], False),
        (whole.replace(folder.name.encode(), b"other", 1), False),
    ):
        file.write_bytes(data)
        assert is_there(folder.name, tmp_path) == is_known


@every
def test_a_record_fits_the_schema(runs: dict[str, Ended], name: str) -> None:
    assert flaws(runs[name].record) == [], runs[name].output


@every
def test_a_record_says_what_its_files_say(runs: dict[str, Ended], name: str) -> None:
    """However it ended: made again it is the same, byte for byte."""
    folder = runs[name].experiment
    assert verify_run(folder.parent).differences == []
    plan = read_plan_file(folder.parent)
    again = json_bytes(make_record(folder, plan))
    assert again == (folder / "experiment.json").read_bytes()


def test_a_record_with_something_missing_or_more_does_not_fit(runs: dict[str, Ended]) -> None:
    """Otherwise the test above would say little."""
    record = runs["parallel"].record
    [part] = record["background"]["parts"]
    places = [record, record["background"], part, part["rounds"][0], record["stop"]]
    places += [record["attempts"][0], record["environment"], record["settings"]]
    for place in places:
        for key, value in list(place.items()):
            del place[key]
            [flaw] = flaws(record)
            assert flaw.endswith(f".{key} is missing")
            place[key] = ["something", {}]
            is_list = key in ("mutated", "invalid_reasons", "command", "problems")
            assert is_list or flaws(record), f"{key} of another type"
            place[key] = value
        place["colour"] = "red"
        assert flaws(record)
        del place["colour"]
    assert flaws(record) == []


# -- what each run was ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "exit_code", "success", "reasons"),
    [
        ("parallel", 0, True, []),
        ("single", 0, True, []),
        ("drawn", 0, True, []),
        ("odd names", 0, True, []),
        ("second attempt", 0, True, []),
        ("failed", 1, False, ["foreground failed: exit code 3"]),
        ("no metric", 1, True, ["no metric found in the foreground's log"]),
        ("timeout", 1, False, ["foreground failed: timeout after 2 s"]),
        (
            "not ready",
            1,
            False,
            ["background not ready: its training cannot be run (exit code 127)"],
        ),
        ("interrupted", -signal.SIGTERM, False, ["interrupted by SIGTERM"]),
    ],
)
def test_whether_it_counts(
    runs: dict[str, Ended], name: str, exit_code: int, success: bool, reasons: list[str]
) -> None:
    """Success is the exit code 0 of a foreground; validity is that of the whole experiment."""
    ended = runs[name]
    assert ended.exit_code == exit_code, ended.output
    status = {"not ready": "background not ready", "interrupted": "interrupted"}
    assert ended.record["status"] == status.get(name, "finished")
    assert ended.record["training_success"] is success
    # The background of "not ready" has failed rounds besides.
    found = ended.record["invalid_reasons"][: len(reasons) or None]
    assert [reason.split(";")[0] for reason in found] == reasons
    assert ended.record["valid"] is not bool(reasons)
    assert ended.record["error_message"] == (
        None if success else reasons[0].removeprefix("foreground failed: ")
    )


@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("parallel", {"accuracy": 97.5, "loss": None}),
        ("second attempt", {"accuracy": 50.0, "loss": None}),
        ("failed", {"accuracy": None, "loss": None}),
        ("no metric", {"accuracy": None, "loss": None}),
        ("not ready", {"accuracy": None, "loss": None}),
    ],
)
def test_metrics_are_those_of_the_last_attempt(
    runs: dict[str, Ended], name: str, metrics: dict[str, float | None]
) -> None:
    """What only a failed attempt printed is nowhere."""
    assert runs[name].record["performance_metrics"] == metrics
    assert "99" not in json.dumps(runs[name].record["performance_metrics"])


@every
def test_not_measured_is_null_and_says_why(runs: dict[str, Ended], name: str) -> None:
    metrics, reason = (runs[name].record[key] for key in ("energy_metrics", "energy_reason"))
    assert bool(reason) == (metrics is None or None in metrics.values())  # as this machine has it
    if not runs[name].record["windows"]:
        assert reason == "no foreground was measured"


def test_the_foreground_of_a_background_that_is_not_ready(runs: dict[str, Ended]) -> None:
    ended = runs["not ready"]
    assert not (ended.folder / "front" / "started").exists()
    assert ended.record["attempts"] == []
    assert ended.record["duration_seconds"] is None
    assert ended.record["background"]["coverage"] is None
    assert ended.record["background"]["rounds_failed"] >= 1


# -- what was run --------------------------------------------------------------------------


def test_odd_names_and_values_are_recorded_as_written(runs: dict[str, Ended]) -> None:
    ended = runs["odd names"]
    record = ended.record
    assert record["experiment_source"] == ODD
    assert (record["repository"], record["model"]) == (ODD, ODD)
    assert record["hyperparameters"] == {"note": ODD}
    assert record["environment"]["command"] == ["./train.sh", "-n", ODD, "--note", ODD]
    assert ended.keeper(1)["command"] == record["environment"]["command"]
    assert not list(ended.folder.rglob("pwned"))


def test_a_drawn_value_is_the_one_that_was_passed(runs: dict[str, Ended]) -> None:
    record = runs["drawn"].record
    rate = record["hyperparameters"]["rate"]
    assert 1e-7 <= rate <= 1e-3
    assert record["mutated"] == ["rate"]
    assert record["seed"] == 7
    assert (record["mode"], record["foreground_mode"]) == ("mutation", "mutation")
    assert float(runs["drawn"].keeper(1)["command"][2]) == rate


@every
def test_the_plan_is_in_the_record(runs: dict[str, Ended], name: str) -> None:
    ended, scenario = runs[name], SCENARIOS[name]
    record = ended.record
    settings = json.loads((ended.folder / "settings.json").read_text())
    assert record["settings"] == {
        "file": str(ended.folder / "settings.json"),
        "path": "experiments[0]",
        "entry": settings["experiments"][0],
        "warnings": [],
    }
    assert record["mode"] == ("parallel" if scenario.back else record["foreground_mode"])
    assert (record["background"] is None) == (scenario.back is None)
    assert record["experiment_id"] == ended.experiment.name
    assert record["environment"]["working_directory"] == str(ended.folder / "front")
    assert record["environment"]["registry"] == str(ended.folder / "registry.json")
    device = "none" if TELLS in scenario.front else None
    assert record["environment"]["device"] == device


# -- what the raw files say ----------------------------------------------------------------


@every
def test_each_attempt_is_what_its_keeper_says(runs: dict[str, Ended], name: str) -> None:
    ended = runs[name]
    attempts = ended.record["attempts"]
    for number, attempt in enumerate(attempts, 1):
        report = ended.keeper(number)
        assert attempt["number"] == number
        for ours, its in (
            *(("exit_code", "exit_code"), ("signal", "signal"), ("reason", "reason")),
            *(("duration_seconds", "duration_s"), ("peak_memory_bytes", "peak_memory_bytes")),
            *(("cpu_user_seconds", "cpu_user_s"), ("cpu_system_seconds", "cpu_system_s")),
            *(("start_took_seconds", "start_took_s"), ("suspended_seconds", "suspended_s")),
        ):
            assert attempt[ours] == report[its]
        assert attempt["cpu_seconds"] == report["cpu_user_s"] + report["cpu_system_s"]
        clock = Moment(**report["clock"])
        for edge, said in (("start", "started"), ("end", "ended")):
            assert attempt[f"{edge}_boottime_s"] == report[f"{said}_s"]
            assert attempt[said] == clock.iso_at(report[f"{said}_s"])
        assert attempt["stop"]["killed"] == report["stop"]["killed"]
        log = ended.experiment / attempt["log"]
        assert log == ended.experiment / "attempts" / str(number) / "training.log"
        assert log.exists()
    if attempts:
        assert ended.record["duration_seconds"] == attempts[-1]["duration_seconds"]
        assert (ended.experiment / "training.log").resolve() == log.resolve()
    assert len(list(ended.experiment.glob("attempts/*"))) == len(attempts)
    assert ended.record["retries"] == max(0, len(attempts) - 1)


def test_attempts_are_kept_apart(runs: dict[str, Ended]) -> None:
    """Each with its own log; a retry follows a failure, and success is the end of it."""
    failed, mended = runs["failed"], runs["second attempt"]
    assert [each["exit_code"] for each in failed.record["attempts"]] == [3, 3, 3]
    logs = [(failed.experiment / each["log"]).read_text() for each in failed.record["attempts"]]
    assert logs == ["Test Accuracy: 99\n", "", ""]
    first, second = mended.record["attempts"]
    assert (first["signal"], first["error_message"]) == (11, "ended by signal 11")
    assert len(first["stop"]["terminated"]) == 1
    assert (second["exit_code"], second["error_message"]) == (0, None)
    assert (mended.experiment / first["log"]).read_text().startswith("Test Accuracy: 99\n")
    assert (mended.experiment / second["log"]).read_text() == "Test Accuracy: 50\n"


@with_background
def test_rounds_are_those_on_file(runs: dict[str, Ended], name: str) -> None:
    ended = runs[name]
    [background] = ended.record["background"]["parts"]
    events = ended.events()
    starts = {event[1]: float(event[2]) for event in events if event[0] == "start"}
    ends = {event[1]: event for event in events if event[0] == "end"}
    assert background["rounds_open"] == len(starts) - len(ends)
    own = [event for event in ends.values() if event[4] in ("ended", "not started")]
    completed = [event for event in own if event[3] == "0"]
    assert background["rounds_completed"] == len(completed)
    assert background["rounds_failed"] == len(own) - len(completed)
    assert background["rounds_stopped"] == len(ends) - len(own)
    ran_s = sum(float(event[2]) - starts[number] for number, event in ends.items())
    assert background["training_seconds"] == pytest.approx(ran_s, abs=2e-3)
    assert [str(each["first"]) for each in background["rounds"]] == [*starts]
    for each in background["rounds"]:
        assert each["first"] == each["last"]
        _, _, when, code, reason = ends[str(each["first"])]
        assert (each["exit_code"], each["reason"]) == (int(code) if code else None, reason)
        took = datetime.fromisoformat(each["ended"]) - datetime.fromisoformat(each["started"])
        assert took / timedelta(seconds=1) == pytest.approx(
            float(when) - starts[str(each["first"])], abs=2e-3
        )


def test_rounds_that_fail_among_others(runs: dict[str, Ended]) -> None:
    """Round 3 fails, for 1 s none is started: the coverage tells, and only that."""
    ended = runs["rounds"]
    background = ended.record["background"]
    assert background["rounds_completed"] >= 2
    codes = [each["exit_code"] for each in background["parts"][0]["rounds"][:3]]
    assert codes == [0, 0, 1]
    assert background["coverage"] < 0.95
    assert ended.record["training_success"] is True
    percent = math.floor(background["coverage"] * 1000) / 10
    assert ended.record["invalid_reasons"] == [f"coverage {percent}% is below 95%"]


@with_background
def test_coverage_is_that_of_the_raw_files(runs: dict[str, Ended], name: str) -> None:
    ended = runs[name]
    attempts = ended.record["attempts"]
    for attempt in attempts:
        expected = ended.coverage(attempt["number"])
        assert attempt["coverage"] == pytest.approx(expected, abs=1e-6)
        assert 0 <= attempt["coverage"] <= 1
    if attempts:
        assert ended.record["background"]["coverage"] == attempts[-1]["coverage"]
    if name not in ("rounds", "interrupted"):  # both end at once when interrupted
        assert [attempt["coverage"] for attempt in attempts] == pytest.approx([1.0] * len(attempts))


@every
def test_nothing_is_left(runs: dict[str, Ended], name: str) -> None:
    stop = runs[name].record["stop"]
    assert stop["left"] == stop["strays_killed"] == []
    for entry in os.listdir("/proc"):
        try:
            words = Path(f"/proc/{entry}/cmdline").read_bytes() if entry.isdigit() else b""
        except OSError:
            continue
        assert str(runs[name].folder).encode() not in words


@every
def test_times_follow_one_another(runs: dict[str, Ended], name: str) -> None:
    """UTC with its offset; the experiment, then the attempts in their order."""
    record = runs[name].record
    texts = [record["timestamp"]]
    for attempt in record["attempts"]:
        texts += [attempt["started"], attempt["ended"]]
    times = [datetime.fromisoformat(text) for text in texts]
    assert all(each.utcoffset() == timedelta(0) for each in times)
    assert times == sorted(times)


# -- paths that are no UTF-8 ---------------------------------------------------------------


@pytest.mark.parametrize("what", ["repositories", "results"])
def test_a_path_that_is_no_utf8(tmp_path: Path, what: str) -> None:
    """It is recorded byte for byte, or refused by name before anything starts."""
    odd = tmp_path / "\udce9"
    odd.mkdir()
    script = (odd if what == "repositories" else tmp_path) / "train.sh"
    script.write_text("#!/bin/bash\ntouch started; echo Test Accuracy: 5\n")
    script.chmod(0o755)
    repository = {
        "path": ".",
        "train_script": "./train.sh",
        "models": ["m"],
        "performance_metrics": {"log_patterns": {"accuracy": "Accuracy: ([0-9]+)"}},
    }
    (tmp_path / "registry.json").write_text(json.dumps({"models": {"r": repository}}))
    results = odd / "results" if what == "results" else tmp_path / "results"
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "driver.py", "run", "--repo", "r", "--model", "m"),
            *("--registry", tmp_path / "registry.json", "--root", script.parent),
            *("--results", results),
        ],
        check=False,
        capture_output=True,
        env={**os.environ, "TANDEM_LOCKS": str(tmp_path)},
        timeout=DEADLINE_S,
    )
    records = list(results.glob("run_*/*/experiment.json"))
    assert (script.parent / "started").exists() == bool(records)
    if what == "results":
        assert (done.returncode, records) == (3, [])
        assert done.stderr.startswith(b"tandem: error: ")
        assert done.stderr.endswith(b"not UTF-8 (choose another with --results)\n")
        assert done.stderr.count(b"\n") == 1
    else:
        assert (done.returncode, len(records)) == (0, 1), done.stderr
        record = json.loads(records[0].read_text("utf-8"))
        assert record["environment"]["working_directory"] == str(odd)
        assert flaws(record) == []
