"""Old logs and samples in real folders: what goes, what stays, and whose run is left alone."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tandem.base.errors import NotReadyError, UsageError
from tandem.results.journal import Journal
from tandem.results.prune import Rule, prune, rule_of

LOGS = {
    "attempts/1/training.log",
    "attempts/1/fgrun.log",
    "attempts/2/training.log",
    "background_logs/run_1.log",
    "background_logs/bgrun.log",
    "background_logs_2/run_1.log",
}
SAMPLES = {f"energy/{name}.csv" for name in ("gpu_0", "cpu", "machine", "on_gpus", "strangers")}
STAYS = {
    *("experiment.json", "interference.json", "outcome.json"),
    "fg_run.sh",
    "attempts/1/keeper.json",
    "attempts/1/owner",
    "background_logs/rounds.tsv",
    "background_logs/keeper.json",
    "background_logs_2/rounds.tsv",
    "energy/monitor.json",
    "energy/trees.tsv",
    "energy/powermon.log",
    "by_hand/20260101_000000_7_fg/training.log",
}


ENDED: dict[str, object] = {"event": "ended", "duration_s": 1.5}


def utc(days_ago: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(days=days_ago)).isoformat()


def make_experiment(folder: Path) -> None:
    for name in LOGS | SAMPLES | STAYS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x" * 1000)
    (folder / "training.log").symlink_to("attempts/2/training.log")


def make_run(results: Path, name: str, days_ago: float, *, has_ended: bool = True) -> Path:
    """Make a run of one experiment, `e`, that was cut off once."""
    folder = results / name
    make_experiment(folder / "e")
    make_experiment(folder / "cut_off" / "e.1")
    (folder / "summary.csv").write_text("experiment_id,timestamp\ne,\n")
    (folder / "plan.json").write_text(json.dumps({"plan_version": 1, "experiments": [{"id": "e"}]}))
    events: list[dict[str, object]] = [{"event": "run_started"}]
    events.append({"event": "started", "experiment": "e"})
    if has_ended:
        events += [{**ENDED, "experiment": "e"}, {"event": "run_ended"}]
    lines = [json.dumps({**event, "utc": utc(days_ago)}) for event in events]
    (folder / "journal.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def files(folder: Path) -> dict[str, str]:
    """Everything below a folder but journals; a link as where it leads."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_text()
        for path in folder.rglob("*")
        if (path.is_symlink() or path.is_file()) and path.name != "journal.jsonl"
    }


def pruned(results: Path, *rules: str, dry_run: bool = False) -> list[str]:
    said: list[str] = []
    prune(results, [rule_of(rule) for rule in rules], dry_run, said.append)
    return said


def events(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def has(folder: Path, names: set[str]) -> bool:
    """Tell whether all of these are there; the test fails if only some of them are."""
    there = {name for name in names if (folder / name).exists()}
    assert there in (set(), names)
    return bool(there)


@contextmanager
def no_file_grows() -> Iterator[None]:
    """Let every write beyond the first KiB of a file fail, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def cannot_be_changed(folder: Path) -> Iterator[None]:
    """Let nothing be removed from a folder, not even by root."""
    command = ["chattr", "+i", str(folder)]
    if os.geteuid() != 0:
        command = ["chmod", "a-w", str(folder)]
    elif shutil.which("chattr") is None or subprocess.run(command, check=False).returncode:
        pytest.skip("there is no folder here that root may not change")
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        undo = {"+i": "-i", "a-w": "u+w"}[command[1]]
        subprocess.run([command[0], undo, str(folder)], check=True)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("logs=30d", Rule("logs", 30, None)),
        ("logs=5", Rule("logs", None, 5)),
        ("samples=10", Rule("samples", None, 10)),
        ("samples=0d", Rule("samples", 0, None)),
    ],
)
def test_a_rule_reads_as_written(text: str, rule: Rule) -> None:
    assert rule_of(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        *("", "logs", "logs=", "logs=d", "logs=-1", "logs=3w", "logs=1.5d", "logs=٣", "records=3"),
        *("logs=30d\n", " logs=30d", "logs=99999999999", "LOGS=3"),
    ],
)
def test_anything_else_is_no_rule_and_says_what_is(text: str) -> None:
    with pytest.raises(UsageError, match=r"logs=30d .* samples=10 "):
        rule_of(text)


def test_old_logs_go_and_everything_else_stays(tmp_path: Path) -> None:
    old, new = make_run(tmp_path, "run_1", 31), make_run(tmp_path, "run_2", 29)
    before, untouched = files(old), files(new)
    said = pruned(tmp_path, "logs=30d")
    for experiment in (old / "e", old / "cut_off" / "e.1"):
        assert not has(experiment, LOGS)
        assert has(experiment, SAMPLES)
        assert has(experiment, STAYS)
        assert not os.path.lexists(experiment / "training.log")
    assert len(before) - len(files(old)) == 2 * (len(LOGS) + 1)
    assert files(new) == untouched
    assert said == [f"{old}: 12 files of logs, 0.0 MiB, were removed"]


def test_the_journal_says_what_went(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    before = events(folder)
    pruned(tmp_path, "logs=30d", "samples=0")
    *rest, logs, samples = events(folder)
    assert rest == before
    assert (logs["event"], logs["what"], logs["files"], logs["bytes"]) == (
        *("pruned", "logs"),
        *(12, 12_000),
    )
    assert (samples["what"], samples["files"], samples["bytes"]) == ("samples", 10, 10_000)
    assert datetime.fromisoformat(str(logs["utc"])) > datetime.fromisoformat(utc(0.01))


def test_the_newest_runs_keep_their_samples(tmp_path: Path) -> None:
    # By when they ended, not by name: the first was gone on with later.
    runs = [make_run(tmp_path, f"run_{number}", days) for number, days in enumerate([1, 4, 3, 2])]
    pruned(tmp_path, "samples=2")
    assert [has(run / "e", SAMPLES) for run in runs] == [True, False, False, True]
    assert all(has(run / "e", LOGS | STAYS) for run in runs)


def test_pruning_makes_no_run_newer(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, f"run_{number}", days) for number, days in enumerate([3, 2, 1])]
    pruned(tmp_path, "logs=2")
    assert events(runs[0])[-1]["event"] == "pruned"
    pruned(tmp_path, "samples=2")
    assert [has(run / "e", SAMPLES) for run in runs] == [False, True, True]


def test_what_somebody_else_keeps_in_a_run_stays(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    mine = [folder / name for name in ("analysis/energy/cpu.csv", "analysis/attempts/1/my.log")]
    mine += [
        folder / "e" / "energy" / "my_fit.csv",
        tmp_path / "run_notes" / "e" / "energy" / "cpu.csv",
    ]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    (tmp_path / "run_notes" / "summary.csv").write_text("x\n")
    (tmp_path / "run_notes" / "e" / "fg_run.sh").touch()
    pruned(tmp_path, "logs=0", "samples=0")
    assert [path.read_text() for path in mine] == ["mine"] * 4
    assert not has(folder / "e", LOGS | SAMPLES)


def test_a_second_time_there_is_nothing_to_say(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    pruned(tmp_path, "logs=30d")
    once = events(folder)
    assert pruned(tmp_path, "logs=30d") == []
    assert events(folder) == once


def test_a_dry_run_says_the_same_and_changes_nothing(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    make_run(tmp_path, "run_2", 31, has_ended=False)
    (folder / "f").mkdir()
    (folder / "f" / "training.log").symlink_to("attempts/1/training.log")
    before, said_before = files(tmp_path), events(folder)
    would = pruned(tmp_path, "logs=30d", "samples=0", dry_run=True)
    assert files(tmp_path) == before
    assert events(folder) == said_before
    assert [line.replace("would be", "were") for line in would] == pruned(
        tmp_path, "logs=30d", "samples=0"
    )


def test_a_run_that_can_be_gone_on_with_keeps_everything(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "run_1", 31, has_ended=False)
    before = files(folder), events(folder)
    said = pruned(tmp_path, "logs=30d", "samples=0")
    assert (files(folder), events(folder)) == before
    assert said == [f"{folder}: skipped: unfinished run (1 of 1 still to do)"]
    assert pruned(tmp_path, "logs=40d") == []


def test_a_run_that_was_started_again_keeps_everything(tmp_path: Path) -> None:
    """Its record was lost: it had ended once, and has not ended again."""
    folder = make_run(tmp_path, "run_1", 31)
    again = {"event": "started", "experiment": "e", "utc": utc(31)}
    with open(folder / "journal.jsonl", "a") as file:
        file.write(json.dumps(again) + "\n")
    said = pruned(tmp_path, "logs=30d", "samples=0")
    assert said == [f"{folder}: skipped: unfinished run (1 of 1 still to do)"]
    assert has(folder / "e", LOGS | SAMPLES)


def test_a_group_that_runs_again_is_to_end_first(tmp_path: Path) -> None:
    """Only its newest try is; warm-ups are not."""
    folder = make_run(tmp_path, "run_1", 31, has_ended=False)
    added = [{"as": "warm_up", "experiments": {"e_warm_up1": "e"}}]
    added.append({"as": "try", "experiments": {"e_try2": "e"}})
    with open(folder / "journal.jsonl", "a") as file:
        for event in added:
            file.write(json.dumps({"event": "added", "utc": utc(31), **event}) + "\n")
    said = pruned(tmp_path, "logs=30d", "samples=0")
    assert said == [f"{folder}: skipped: unfinished run (1 of 1 still to do)"]
    with open(folder / "journal.jsonl", "a") as file:
        file.write(json.dumps({**ENDED, "experiment": "e_try2", "utc": utc(31)}) + "\n")
    pruned(tmp_path, "logs=30d")
    assert not has(folder / "e", LOGS)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"experiments": 3}', '{"experiments": [{}]}'])
def test_a_run_whose_plan_cannot_be_read_keeps_everything(tmp_path: Path, text: str) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    (folder / "plan.json").write_text(text)
    assert pruned(tmp_path, "logs=30d") == [f"{folder}: skipped: plan.json cannot be read"]
    assert has(folder / "e", LOGS)


def test_a_run_that_has_lost_its_plan_or_its_journal_keeps_everything(tmp_path: Path) -> None:
    lost, unwritten = make_run(tmp_path, "run_1", 31), make_run(tmp_path, "run_2", 31)
    (lost / "plan.json").unlink()
    (unwritten / "journal.jsonl").unlink()
    pruned(tmp_path, "logs=0")
    assert has(lost / "e", LOGS)
    assert has(unwritten / "e", LOGS)
    assert not (unwritten / "journal.jsonl").exists()


def test_torn_and_strange_lines_of_a_journal_count_as_nothing(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    with open(folder / "journal.jsonl", "a") as file:
        file.write('3\n{"event": "ended", "experiment": ["e"]}\n{"event": "x", "utc": 7}\n{"event')
    pruned(tmp_path, "logs=30d")
    assert not has(folder / "e", LOGS)
    assert (folder / "journal.jsonl").read_text().splitlines()[-1].startswith('{"event": "pruned"')


def test_a_run_at_work_is_left_alone(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    at_work = Journal(folder)
    before = files(folder), events(folder)
    assert pruned(tmp_path, "logs=30d") == [f"{folder}: skipped: a process works on it"]
    assert (files(folder), events(folder)) == before
    at_work.close()
    pruned(tmp_path, "logs=30d")
    assert not has(folder / "e", LOGS)


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    pruned(tmp_path, "logs=30d")
    Journal(folder).close()


def test_links_are_not_followed(tmp_path: Path) -> None:
    results, elsewhere = tmp_path / "results", tmp_path / "elsewhere"
    other = make_run(elsewhere, "run_0", 31)
    folder = make_run(results, "run_1", 31)
    (results / "run_2").symlink_to(other)
    (folder / "linked").symlink_to(other / "e")
    (folder / "half").mkdir()
    (folder / "half" / "fg_run.sh").touch()
    for name in ("attempts", "background_logs", "energy"):
        (folder / "half" / name).symlink_to(other / "e" / name)
    (folder / "e" / "attempts" / "3").symlink_to(other / "e" / "attempts" / "1")
    (folder / "e" / "attempts" / "1" / "link.log").symlink_to(other / "e" / "experiment.json")
    (folder / "cut_off" / "e.2").symlink_to(other / "e")
    before = files(elsewhere)
    pruned(results, "logs=0d", "samples=0")
    assert files(elsewhere) == before
    assert not has(folder / "e", LOGS | SAMPLES)


def test_a_folder_of_cut_off_experiments_that_is_a_link(tmp_path: Path) -> None:
    results, elsewhere = tmp_path / "results", tmp_path / "elsewhere"
    other, folder = make_run(elsewhere, "run_0", 31), make_run(results, "run_1", 31)
    shutil.rmtree(folder / "cut_off")
    (folder / "cut_off").symlink_to(other / "cut_off")
    before = files(elsewhere)
    pruned(results, "logs=0d", "samples=0")
    assert files(elsewhere) == before


@pytest.mark.parametrize("name", ["-delete", "e\n", "*", "[a] (b) ! , \\", "e\udcff", "--help"])
def test_a_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    make_experiment(folder / name)
    other = folder / "e" / "notes"
    other.mkdir()
    (other / "fit.log").touch()
    said = pruned(tmp_path, "logs=0", "samples=0")
    assert said[0] == f"{folder}: 18 files of logs, 0.0 MiB, were removed"
    assert not has(folder / name, LOGS | SAMPLES)
    assert has(folder / name, STAYS)
    assert has(folder / "e", STAYS | {"notes/fit.log"})


def test_deeper_and_foreign_files_stay(tmp_path: Path) -> None:
    """Only what a run itself writes goes, at the place where it writes it."""
    folder = make_run(tmp_path, "run_1", 31)
    names = {
        *("my.log", "attempts/1/2/my.log", "analysis/energy/cpu.csv", "energy/old/cpu.csv"),
        *("analysis/attempts/my.log", "background_logs/old/run_1.log", "energy/cpu.csv.txt"),
        *("background_logs_x/run_1.log", "doses/dose.csv", "attempts/1/my.log.gz"),
    }
    for name in names:
        (folder / "e" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "e" / name).touch()
    for name in ("background_logs_2/tried_8/run_1.log", "dose/dose.csv", "dose_12/dose.csv"):
        (folder / "e" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "e" / name).touch()
    pruned(tmp_path, "logs=0", "samples=0")
    assert has(folder / "e", names)
    assert not has(folder / "e", {"background_logs_2/tried_8/run_1.log"})
    assert not has(folder / "e", {"dose/dose.csv", "dose_12/dose.csv"})


def test_many_experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one command line has room for."""
    monkeypatch.setattr("tandem.results.prune._FOLDERS_AT_ONCE", 2)
    folder = make_run(tmp_path, "run_1", 31)
    for name in "abcd":
        make_experiment(folder / name)
    assert pruned(tmp_path, "logs=0") == [f"{folder}: 36 files of logs, 0.0 MiB, were removed"]
    assert not any(has(folder / name, LOGS) for name in "abcde")


def test_a_file_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    """Everything else goes all the same."""
    failing, other = make_run(tmp_path, "run_1", 31), make_run(tmp_path, "run_2", 32)
    place, said = failing / "e" / "attempts" / "1", list[str]()
    with cannot_be_changed(place), pytest.raises(NotReadyError) as error:
        prune(tmp_path, [rule_of("logs=30d")], False, said.append)
    lines = str(error.value).splitlines()
    assert lines[0].startswith(f"{failing}: find: cannot delete './e/attempts/1/")
    assert (len(lines), lines[1][:27]) == (2, "everything else was pruned ")
    assert said[0] == f"{failing}: 10 files of logs, 0.0 MiB, were removed"
    assert events(failing)[-1]["files"] == 12  # what was due: the line is written first
    assert not has(other / "e", LOGS)


def test_a_link_that_leads_somewhere_stays(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    (folder / "e" / "training.log").unlink()
    (folder / "e" / "training.log").symlink_to("experiment.json")
    (folder / "f").mkdir()
    (folder / "f" / "training.log").symlink_to("training.log")
    (folder / "g").mkdir()
    (folder / "g" / "training.log").write_text("a file")
    pruned(tmp_path, "logs=30d")
    assert all((folder / name / "training.log").lstat() for name in "efg")


def test_only_runs_are_touched(tmp_path: Path) -> None:
    make_experiment(tmp_path / "nightly" / "e")
    make_experiment(tmp_path / "run_without_plan" / "e")
    make_run(tmp_path, "kept_by_hand", 31)
    (tmp_path / "run_file").write_text("")
    make_run(tmp_path / "nested", "run_1", 31)
    before = files(tmp_path)
    assert pruned(tmp_path, "logs=0d", "samples=0") == [
        f"{tmp_path}/run_without_plan: skipped: no run: it holds no plan.json"
    ]
    assert files(tmp_path) == before


def test_a_pipe_or_a_folder_with_the_name_of_a_log_stays(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    os.mkfifo(folder / "e" / "attempts" / "1" / "pipe.log")
    (folder / "e" / "attempts" / "1" / "folder.log").mkdir()
    os.mkfifo(folder / "pipe")
    pruned(tmp_path, "logs=30d")
    assert has(folder / "e", {"attempts/1/pipe.log", "attempts/1/folder.log"})
    assert not has(folder / "e", LOGS)


def test_what_cannot_be_done_in_one_run_keeps_no_other_from_it(tmp_path: Path) -> None:
    failing, other = make_run(tmp_path, "run_1", 31), make_run(tmp_path, "run_2", 32)
    said: list[str] = []
    with (
        no_file_grows(),
        pytest.raises(NotReadyError) as error,
    ):
        prune(tmp_path, [rule_of("logs=30d")], False, said.append)
    lines = str(error.value).splitlines()
    assert lines[0].startswith(f"{failing}: its journal: ")
    assert lines[1].startswith(f"{other}: its journal: ")
    assert lines[2].startswith("everything else was pruned")
    assert said == []
    assert has(failing / "e", LOGS)  # nothing goes that the journal does not tell of
    assert has(other / "e", LOGS)
    Journal(failing).close()


def test_two_rules_for_one_thing_are_refused(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "run_1", 31)
    with pytest.raises(UsageError, match="two rules for logs"):
        pruned(tmp_path, "logs=30d", "samples=0", "logs=10")
    assert has(folder / "e", LOGS | SAMPLES)


def test_a_folder_that_does_not_exist_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: No such file"):
        pruned(tmp_path / "nowhere", "logs=30d")


# -- a run that workers drain --------------------------------------------------------------


def make_shared_run(results: Path, *, has_ended: bool = True) -> Path:
    """Make one whose experiment two workers ran, and one of them twice."""
    folder = make_run(results, "run_1", 40)
    (folder / "journal.jsonl").unlink()
    for name in ("a", "b"):
        make_experiment(folder / "workers" / name / "e")
    make_experiment(folder / "workers" / "b" / "cut_off" / "e.1")
    for name in ("e", "cut_off"):
        shutil.rmtree(folder / name)
    if has_ended:
        (folder / "e").symlink_to("workers/a/e")
        line = json.dumps({**ENDED, "experiment": "e", "worker": "a", "utc": utc(40)})
        (folder / "workers" / "a" / "journal.jsonl").write_text(f"{line}\n")
    return folder


def test_all_tries_of_workers_lose_the_same_and_none_its_record(tmp_path: Path) -> None:
    folder = make_shared_run(tmp_path)
    assert pruned(tmp_path, "logs=30d", "samples=50d")
    for place in ("e", "workers/a/e", "workers/b/e", "workers/b/cut_off/e.1"):
        assert not has(folder / place, LOGS)
        assert has(folder / place, SAMPLES) and has(folder / place, STAYS)
        assert not (folder / place / "training.log").is_symlink(), "it would lead nowhere"
    assert [event["event"] for event in events(folder)] == ["pruned"]
    assert (folder / "e").readlink() == Path("workers/a/e")
    assert pruned(tmp_path, "logs=30d") == []


def test_a_shared_run_in_which_nothing_stands_keeps_everything(tmp_path: Path) -> None:
    folder = make_shared_run(tmp_path, has_ended=False)
    before = files(folder)
    assert pruned(tmp_path, "logs=0") == [f"{folder}: skipped: unfinished run (1 of 1 still to do)"]
    assert files(folder) == before


def test_a_shared_run_with_a_worker_is_left_alone(tmp_path: Path) -> None:
    folder = make_shared_run(tmp_path)
    before, log = files(folder), Journal(folder / "workers" / "b", "b")
    assert pruned(tmp_path, "logs=0") == [f"{folder}: skipped: a process works on it"]
    log.close()
    assert files(folder) == before


@pytest.mark.parametrize("link", ["workers", "workers/a"])
def test_no_link_in_the_place_of_workers_is_followed(tmp_path: Path, link: str) -> None:
    folder = make_shared_run(tmp_path / "results")
    (folder / link).rename(tmp_path / "elsewhere")
    (folder / link).symlink_to(tmp_path / "elsewhere")
    before = files(tmp_path / "elsewhere")
    pruned(tmp_path / "results", "logs=0", "samples=0")
    assert files(tmp_path / "elsewhere") == before
