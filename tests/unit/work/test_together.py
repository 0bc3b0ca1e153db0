"""What several workers of a run have ended stands once, whatever died; the table is that of all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support import records
from support.books import FIRST, GROUP, SECOND, SOLO, Workers
from support.summary import rows_of
from tandem.base.errors import LockedError
from tandem.experiment.outcome import write_outcome
from tandem.experiment.verify import verify_run
from tandem.plan.tries import TRY, names_of_next_try
from tandem.results.folder import RunFolder
from tandem.results.record_file import INTERFERENCE, NAME, write_record
from tandem.results.standing import not_counting
from tandem.run.pairs import finish
from tandem.work.together import adopt, put_together, write_lost_figures


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path / "run_1", blocks=1)
    yield made
    for folder in made.open:
        folder.close()


# -- tries of whoever is gone --------------------------------------------------------------


def test_a_record_without_a_commit_is_committed(run: Workers) -> None:
    place = run.dead("a_1_r0") / SOLO
    place.mkdir()
    write_record(run.record(SOLO, "a_1_r0"), place)
    folder = run.worker("b_1_r0")
    run.end(folder, FIRST)
    adopt(folder, GROUP)
    assert run.standing() == {SOLO: f"workers/a_1_r0/{SOLO}", FIRST: f"workers/b_1_r0/{FIRST}"}
    assert [each.id for each in folder.missing()] == [SECOND]
    assert (run.path / FIRST / INTERFERENCE).exists()
    assert run.told(f"{SOLO} had ended: workers/a_1_r0/{SOLO} stands for it")
    adopt(folder, GROUP)
    assert len(run.told("had ended")) == 1


def test_a_record_is_made_of_an_outcome_alone(run: Workers) -> None:
    place = run.dead("a_1_r0") / SOLO
    place.mkdir()
    gave_up = {"status": "background not ready", "attempts": 0, "machine": None}
    made = records.outcome(experiment_id=SOLO, worker="a_1_r0", **gave_up)
    work = str(run.plan.by_id[SOLO].foreground.work_dir)
    write_outcome(replace(made, git={"": made.git[""], work: made.git[""]}), place)
    folder = run.worker("b_1_r0")
    adopt(folder, GROUP)
    assert run.standing() == {SOLO: f"workers/a_1_r0/{SOLO}"}
    found = json.loads((run.path / SOLO / NAME).read_text())
    assert (found["status"], found["worker"]) == ("background not ready", "a_1_r0")


@pytest.mark.parametrize("left", ["begun", "cut off", "busy", "torn", "of a living worker"])
def test_what_had_not_ended_is_not_committed(run: Workers, left: str) -> None:
    if left == "of a living worker":
        place = run.worker("a_1_r0").own / SOLO
    else:
        place = run.dead("a_1_r0") / SOLO
    place.mkdir()
    statuses = {"cut off": "interrupted", "busy": "GPU busy"}
    if left in statuses:
        write_record(run.record(SOLO, "a_1_r0", status=statuses[left]), place)
    if left == "torn":
        (place / NAME).write_text('{"record_version": 5,')
    if left == "of a living worker":
        write_outcome(records.outcome(experiment_id=SOLO), place)
    folder = run.worker("b_1_r0")
    adopt(folder, GROUP)
    assert run.standing() == {}
    assert len(folder.missing()) == 3


def test_a_try_whose_samples_are_elsewhere_has_not_ended(run: Workers) -> None:
    place = run.dead("a_1_r0") / SOLO
    place.mkdir()
    write_outcome(records.outcome(experiment_id=SOLO), place)
    (place / "energy").symlink_to("/nowhere/energy")
    folder = run.worker("b_1_r0")
    adopt(folder, GROUP)
    assert run.standing() == {}


def test_at_its_end_a_worker_leaves_groups_of_others_alone(run: Workers) -> None:
    place = run.dead("a_1_r0") / SOLO
    place.mkdir()
    write_record(run.record(SOLO, "a_1_r0"), place)
    folder = run.worker("b_1_r0")
    put_together(folder, taken={"c01_r1"})
    assert run.standing() == {}
    put_together(folder, taken=set())
    assert run.standing() == {SOLO: f"workers/a_1_r0/{SOLO}"}


# -- two workers ---------------------------------------------------------------------------


def test_the_second_of_two_tries_is_kept_and_named(run: Workers) -> None:
    first, second = run.worker("a_1_r0"), run.worker("b_1_r0")
    run.begin(second, SOLO)
    run.end(first, SOLO)
    finish(second, run.record(SOLO, "b_1_r0"), 1.0)
    assert run.standing() == {SOLO: f"workers/a_1_r0/{SOLO}"}
    assert run.told(f"{SOLO}: another worker's try stands: workers/a_1_r0/{SOLO}")
    lines = (second.own / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["started", "lost"]
    assert (second.own / SOLO / NAME).exists()
    assert [each.id for each in second.missing()] == [FIRST, SECOND]


def test_figures_and_table_of_a_pair_that_two_workers_ended(run: Workers) -> None:
    first, second = run.worker("a_1_r0"), run.worker("b_1_r0")
    run.end(first, FIRST)
    run.end(second, SOLO)  # it has not looked since
    assert not (run.path / FIRST / INTERFERENCE).exists()
    put_together(first, set())
    late = run.worker("c_1_r0")  # reads the table as it is now
    run.end(second, SECOND)
    put_together(second, set())
    put_together(late, set())
    assert (run.path / FIRST / INTERFERENCE).exists()
    rows = rows_of(run.path)
    assert [row["experiment_id"] for row in rows] == list(GROUP)
    assert all(row["slowdown"] for row in rows[1:])
    before = run.table()
    late.listed.clear()
    late.rows.clear()
    put_together(late, set())
    assert run.table() == before, "it is what the records say"


def test_a_row_of_the_table_is_read_anew_where_its_figures_came_later(run: Workers) -> None:
    first = run.worker("a_1_r0")
    run.end(first, FIRST)
    put_together(first, set())
    early = run.worker("b_1_r0")
    run.end(first, SOLO)
    put_together(first, set())
    put_together(early, set())
    assert [row["slowdown"] for row in rows_of(run.path)] == ["", "1.0"]


def test_whoever_reads_has_the_figures_of_a_pair_whose_worker_was_killed(run: Workers) -> None:
    folder = run.worker("a_1_r0")
    run.end(folder, *GROUP)
    put_together(folder, set())
    before = (run.path / FIRST / INTERFERENCE).read_bytes()
    (run.path / FIRST / INTERFERENCE).unlink()
    write_lost_figures(run.path)
    assert (run.path / FIRST / INTERFERENCE).read_bytes() == before
    (run.path / FIRST / INTERFERENCE).unlink()
    spoil(run.path / SOLO, "zeros")
    write_lost_figures(run.path)
    assert not (run.path / FIRST / INTERFERENCE).exists()


def test_a_name_that_a_list_of_the_folder_lacks_stands_still(
    run: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run.worker("a_1_r0")
    run.end(folder, SOLO)
    monkeypatch.setattr("tandem.results.shared.worker_folder.committed", lambda _: set())
    folder.refresh()
    assert [each.id for each in folder.missing()] == [FIRST, SECOND]
    (run.path / SOLO).unlink()
    folder.refresh()
    assert [each.id for each in folder.missing()] == list(GROUP)


# -- damage --------------------------------------------------------------------------------


def spoil(folder: Path, how: str) -> None:
    file = folder / NAME
    if how == "cut off":
        file.write_bytes(file.read_bytes()[:3000])
    elif how == "zeros":
        file.write_bytes(bytes(file.stat().st_size))
    elif how == "gone":
        file.unlink()
    else:
        target = folder.resolve()
        target.rename(target.with_name("lost"))


@pytest.mark.parametrize("how", ["cut off", "zeros", "gone", "folder gone"])
def test_a_damaged_record_has_not_ended_and_its_experiment_runs_again(
    run: Workers, how: str
) -> None:
    first = run.worker("a_1_r0")
    run.end(first, *GROUP)
    put_together(first, set())
    spoil(run.path / SOLO, how)
    second = run.worker("b_1_r0")
    assert [each.id for each in second.missing()] == [SOLO]
    adopt(second, GROUP)
    assert SOLO not in run.standing()
    assert run.told(f"{SOLO} will run again: its record is missing or damaged (workers/a_1_r0/")
    run.end(second, SOLO, duration_seconds=26.5)
    assert run.standing()[SOLO] == f"workers/b_1_r0/{SOLO}"
    for folder in (second, first, run.worker("c_1_r0")):
        put_together(folder, set())
        assert rows_of(run.path)[0]["duration_seconds"] == "26.5"
    assert [each["duration_s"] for each in run.ended(SOLO)] == [1.0, 1.0]
    assert [each for each in os.listdir(run.path) if each.endswith(".tmp")] == []


def test_a_loser_stands_where_the_winner_is_damaged(run: Workers) -> None:
    first, second = run.worker("a_1_r0"), run.worker("b_1_r0")
    run.begin(second, SOLO)
    run.end(first, SOLO)
    finish(second, run.record(SOLO, "b_1_r0"), 1.0)
    spoil(run.path / SOLO, "zeros")
    third = run.worker("c_1_r0")
    adopt(third, GROUP)
    assert run.standing() == {SOLO: f"workers/b_1_r0/{SOLO}"}


@pytest.mark.parametrize(("host", "stands"), [("n1", True), ("n2", False)])
def test_a_try_of_another_board_stands_for_nothing_in_a_group(
    run: Workers, host: str, stands: bool
) -> None:
    """Of the two that ended a solo the winner is damaged, and the rest of the group is its."""
    here = {"environment.hostname": "n1"}
    first, second = run.worker("n1_1_r0"), run.worker("n2_1_r0")
    run.begin(second, SOLO)
    run.end(first, *GROUP, **here)
    finish(second, run.record(SOLO, "n2_1_r0", **{"environment.hostname": host}), 1.0)
    spoil(run.path / SOLO, "zeros")
    third = run.worker("n1_2_r0")
    put_together(third, set())
    assert run.standing().get(SOLO) == (f"workers/n2_1_r0/{SOLO}" if stands else None)
    assert [each.id for each in third.missing()] == ([] if stands else [SOLO])


def test_what_was_set_aside_as_damaged_is_no_difference_for_ever(run: Workers) -> None:
    """Its group has run again whole, on another board: nobody will make that record again."""
    folder = run.worker("a_1_r0")
    run.end(folder, *GROUP)
    put_together(folder, set())
    spoil(run.path / SOLO, "zeros")

    def found() -> list[str]:
        return [line for line in verify_run(run.path).differences if line.startswith(f"{SOLO}/")]

    assert len(found()) == 1
    adopt(run.worker("b_1_r0"), GROUP)
    assert found() == []


def test_a_try_that_is_damaged_counts_no_longer(run: Workers) -> None:
    folder = run.worker("a_1_r0")
    run.end(folder, *GROUP)
    folder.add(TRY, names_of_next_try(run.plan.groups["c01_r1"]))
    again = [f"{name}_try2" for name in GROUP]
    run.end(folder, *again)
    put_together(folder, set())
    assert not_counting(run.path) == set(GROUP)
    spoil(run.path / again[0], "folder gone")
    assert not_counting(run.path) == set(again)
    second = run.worker("b_1_r0")
    adopt(second, again)
    assert not_counting(run.path) == set(again)
    assert [each.id for each in second.missing()] == again[:1]
    run.end(second, again[0])
    put_together(second, set())
    assert not_counting(run.path) == set(GROUP)
    assert [row["counts"] for row in rows_of(run.path)] == ["False"] * 3 + ["True"] * 3


# -- a run that `tandem run` began ---------------------------------------------------------


def test_what_ended_alone_stands_and_what_was_cut_off_is_set_aside(run: Workers) -> None:
    alone = RunFolder(run.path, run.plan, run.said.append)
    run.open.append(alone)
    run.end(alone, SOLO)
    run.begin(alone, FIRST)
    with pytest.raises(LockedError):
        run.worker("a_1_r0")
    assert not (run.path / "workers").exists()
    run.close(alone)
    folder = run.worker("a_1_r0")
    with pytest.raises(LockedError, match="workers drain"):
        RunFolder(run.path, run.plan, run.said.append)
    adopt(folder, GROUP)
    assert [each.id for each in folder.missing()] == [FIRST, SECOND]
    assert (run.path / "cut_off" / f"{FIRST}.1" / "fg_run.sh").exists()
    run.end(folder, FIRST, SECOND)
    put_together(folder, set())
    assert (run.path / SOLO).is_dir() and not (run.path / SOLO).is_symlink()
    assert [row["experiment_id"] for row in rows_of(run.path)] == list(GROUP)
    assert all(row["slowdown"] for row in rows_of(run.path)[1:])
