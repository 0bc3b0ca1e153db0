"""One control of several, groups that run again, warm-ups: by the files of a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support import plans
from support.books import ended_record_of
from support.plans import training
from support.summary import rows_of
from tandem.config.options import Course
from tandem.log.rules import LogRules
from tandem.plan.file import write_plan
from tandem.plan.model import Experiment, Plan
from tandem.results.folder import RunFolder
from tandem.results.forecast import Forecast
from tandem.results.record import Record
from tandem.results.record_file import INTERFERENCE, NAME
from tandem.results.standing import not_counting, standing_plan
from tandem.run.groups import Order, add_due, add_invalid, add_lost, may_run
from tandem.run.pairs import finish, make_up

GROUP = SOLO, FIRST, SECOND = (
    "vision_resnet20_c01_r1_solo",
    "vision_resnet20_c01_b1_r1_parallel",
    "vision_resnet20_c01_b2_r1_parallel",
)
TWICE = [f"{name}_try2" for name in GROUP]
METRIC = LogRules({"test_accuracy": "Accuracy: ([0-9.]+)"})
LOW = {"background.coverage": 0.5}  # may pass
FAILED = {"training_success": False, "error_message": "exit code 1"}


def designed(**changes: Any) -> Plan:
    return plans.design(**{"foreground": training(log=METRIC), **changes})


class Run:
    """A run whose experiments end as told."""

    def __init__(self, path: Path, plan: Plan) -> None:
        path.mkdir()
        write_plan(plan, path)
        self.path, self.planned, self.said = path, plan, list[str]()
        self.open()

    def open(self) -> RunFolder:
        """Open it, as a new process does."""
        self.folder = RunFolder(self.path, self.planned, self.said.append)
        add_lost(self.folder)
        make_up(self.folder)
        add_due(self.folder)
        return self.folder

    def again(self) -> RunFolder:
        self.folder.close()
        return self.open()

    def end(self, *names: str, **changes: Any) -> None:
        for name in names:
            (self.path / name).mkdir()
            (self.path / name / "fg_run.sh").touch()
            finish(self.folder, self.record(name, **changes), 1.0)

    def record(self, name: str, **changes: Any) -> Record:
        made = ended_record_of(self.folder.plan.by_id[name], **changes)
        assert made["valid"] == (not changes), made["invalid_reasons"]
        return made

    def run_all(self, order: Order, **changes: dict[str, Any]) -> list[str]:
        """Run what there is to run, each experiment with the changes of its id; return all ids."""
        done = []
        for experiment in order.each(Forecast(())):
            self.end(experiment.id, **changes.get(experiment.id, {}))
            done.append(experiment.id)
        return done

    def rows(self) -> dict[str, dict[str, str]]:
        return {row["experiment_id"]: row for row in rows_of(self.path)}

    def counts(self) -> list[str]:
        return [name for name, row in self.rows().items() if row["counts"] == "True"]

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = (self.path / "journal.jsonl").read_text().splitlines()
        return [each for each in map(json.loads, lines) if each["event"] == kind]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Any]:
    runs: list[Run] = []

    def made(plan: Plan) -> Run:
        runs.append(Run(tmp_path / f"run_{len(runs)}", plan))
        return runs[-1]

    yield made
    for run in runs:
        run.folder.close()


def names(experiments: Sequence[Experiment]) -> list[str]:
    return [each.id for each in experiments]


# -- one control of several ----------------------------------------------------------------


@pytest.mark.parametrize(
    "order", [[SOLO, FIRST, SECOND], [FIRST, SOLO, SECOND], [*GROUP[1:], SOLO]]
)
def test_each_partner_is_told_of_with_the_control_as_soon_as_both_are_there(
    begin: Any, order: list[str]
) -> None:
    run = begin(designed(blocks=1))
    for place, name in enumerate(order, start=1):
        run.end(name)
        ended = order[:place]
        for parallel in GROUP[1:]:
            is_there = {SOLO, parallel} <= {*ended}
            assert (run.path / parallel / INTERFERENCE).exists() == is_there
            assert parallel not in ended or bool(run.rows()[parallel]["slowdown"]) == is_there
    assert not (run.path / SOLO / INTERFERENCE).exists()
    assert run.counts() == order
    before = run.rows()
    run.again()
    assert run.rows() == before


def test_a_control_whose_record_is_lost_makes_all_figures_due_again(begin: Any) -> None:
    run = begin(designed(blocks=1))
    run.end(*GROUP)
    (run.path / SOLO / NAME).unlink()
    folder = run.again()
    assert names(folder.missing()) == [SOLO]
    assert [run.rows()[name]["slowdown"] for name in GROUP[1:]] == ["", ""]
    shutil.rmtree(run.path / SOLO)
    run.end(SOLO, **{})
    digest = sha256((run.path / SOLO / NAME).read_bytes()).hexdigest()
    for name in GROUP[1:]:
        assert json.loads((run.path / name / INTERFERENCE).read_text())["records"][SOLO] == digest
        assert run.rows()[name]["slowdown"]


# -- groups that run again -----------------------------------------------------------------


def test_a_group_runs_again_whole_at_the_end_of_its_block(begin: Any) -> None:
    made = designed(configs=2, blocks=2, course=Course(rerun_invalid=1))
    run, planned = begin(made), names(made.experiments)
    expected = [*planned[:6], *TWICE, *planned[6:]]
    assert run.run_all(Order(run.folder), **{FIRST: LOW}) == expected
    assert run.counts() == [*planned[3:6], *TWICE, *planned[6:]]
    assert len(run.rows()) == 15
    assert run.folder.missing() == []
    assert not_counting(run.path) == {*GROUP}
    assert names(standing_plan(run.path).experiments) == expected
    assert run.said == [
        f"c01_r1 runs again, whole (try 2): {FIRST} is not valid: coverage 50.0% is below 95%"
    ]
    assert all((run.path / name / INTERFERENCE).exists() for name in (*GROUP[1:], *TWICE[1:]))


@pytest.mark.parametrize(
    ("changes", "reruns", "tries"),
    [
        ({FIRST: LOW}, 0, 1),
        ({FIRST: FAILED}, 1, 1),
        ({FIRST: FAILED, SECOND: LOW}, 1, 2),
        ({FIRST: LOW, TWICE[1]: LOW}, 1, 2),
        ({FIRST: LOW, TWICE[1]: LOW}, 2, 3),
        ({FIRST: LOW, TWICE[1]: FAILED}, 2, 2),
        ({SOLO: LOW}, 1, 2),
    ],
)
def test_it_does_so_as_often_as_it_may_and_for_what_may_pass(
    begin: Any, changes: dict[str, Any], reruns: int, tries: int
) -> None:
    if SOLO in changes:  # who was on the GPU
        changes = {SOLO: {"census.before.busy": ["GPU 0 is in use"]}}
    run = begin(designed(blocks=1, course=Course(rerun_invalid=reruns)))
    assert len(run.run_all(Order(run.folder), **changes)) == 3 * tries
    assert run.folder.missing() == []


def test_until_the_newest_try_has_ended_whole_the_one_before_counts(begin: Any) -> None:
    run = begin(designed(blocks=1, course=Course(rerun_invalid=1)))
    order = Order(run.folder).each(Forecast(()))
    for changes in ({}, LOW, {}, {}, {}):
        run.end(next(order).id, **changes)
    assert run.counts() == [*GROUP]
    folder = run.again()  # killed, and resumed
    assert names(folder.missing()) == [TWICE[2]]
    assert run.run_all(Order(folder)) == [TWICE[2]]
    assert run.counts() == TWICE


def test_what_a_kill_kept_from_being_added_is_added_at_the_next_start(begin: Any) -> None:
    run = begin(designed(blocks=1, course=Course(rerun_invalid=1)))
    run.end(SOLO, SECOND)
    run.end(FIRST, **LOW)
    assert names(run.again().missing()) == TWICE
    assert names(run.again().missing()) == TWICE
    assert len(run.events("added")) == 1


def test_what_runs_again_is_made_ready_for(begin: Any) -> None:
    made = designed(configs=2, blocks=2, course=Course(rerun_invalid=1))
    missing = [made.experiments[5]]
    assert names(may_run(made, missing)) == names(made.experiments[:6])
    made = designed(configs=2, blocks=2)
    assert names(may_run(made, [made.experiments[5]])) == names([made.experiments[5]])


def test_by_hand_every_group_with_something_invalid_runs_again(begin: Any) -> None:
    made = designed(configs=2, blocks=1)
    run = begin(made)
    run.end(*names(made.experiments[:3]), **FAILED)
    run.end(*names(made.experiments[3:]))
    add_invalid(run.folder)
    assert names(run.folder.missing()) == TWICE
    assert len(run.events("added")) == 1
    add_invalid(run.folder)  # nothing in the new try is invalid so far
    assert names(run.again().missing()) == TWICE
    assert run.run_all(Order(run.folder)) == TWICE
    add_invalid(run.folder)
    assert run.folder.missing() == []


def test_by_hand_a_group_that_is_not_whole_begins_anew(begin: Any) -> None:
    run = begin(designed(blocks=1))
    run.end(SOLO)
    run.end(FIRST, **LOW)
    add_invalid(run.folder)
    assert run.run_all(Order(run.folder)) == TWICE
    assert (run.counts(), run.folder.missing()) == (TWICE, [])


def test_a_lost_record_of_a_try_that_does_not_count_runs_nothing(begin: Any) -> None:
    run = begin(designed(blocks=1, course=Course(rerun_invalid=1)))
    run.run_all(Order(run.folder), **{FIRST: LOW})
    (run.path / SOLO / NAME).unlink()
    assert run.again().missing() == []
    assert run.counts() == TWICE


def test_a_journal_that_is_lost_costs_no_try_and_no_warm_up(begin: Any) -> None:
    run = begin(designed(blocks=1, course=Course(rerun_invalid=2, warmup_runs=1)))
    for each in Order(run.folder).warm_ups(run.planned.experiments[0]):
        run.end(each.id)
    run.run_all(Order(run.folder), **{FIRST: LOW, TWICE[1]: LOW})
    before, counts = run.rows(), run.counts()
    run.folder.close()
    (run.path / "journal.jsonl").unlink()
    folder = run.open()
    assert folder.missing() == []
    assert (run.rows(), {*run.counts()}) == (before, {*counts})
    assert folder.journal.starts == len(before)
    assert (run.path / "journal.jsonl").read_text().count('"added"') == 3


def test_whoever_reads_a_run_whose_journal_is_lost_sees_its_tries(begin: Any) -> None:
    run = begin(designed(blocks=1, course=Course(rerun_invalid=1, warmup_runs=1)))
    for each in Order(run.folder).warm_ups(run.planned.experiments[0]):
        run.end(each.id)
    run.run_all(Order(run.folder), **{FIRST: LOW})
    plan, out = standing_plan(run.path), not_counting(run.path)
    assert out == {f"{SOLO}_warm_up1", f"{SOLO}_warm_up2", *GROUP}
    (run.path / "journal.jsonl").unlink()
    assert standing_plan(run.path) == plan
    assert not_counting(run.path) == out
    shutil.rmtree(run.path / TWICE[2])  # the newest try is not whole any more
    assert not_counting(run.path) == {f"{SOLO}_warm_up1", f"{SOLO}_warm_up2", *TWICE}
    (run.path / "plan.json").unlink()
    assert not_counting(run.path) == out  # by the table
    (run.path / "summary.csv").unlink()
    assert not_counting(run.path) == frozenset()


# -- warm-ups ------------------------------------------------------------------------------


def warm_ups(run: Run, order: Order, experiment: Experiment, **changes: Any) -> list[str]:
    done = []
    for each in order.warm_ups(experiment):
        run.end(each.id)
        order.note(each, run.record(each.id, **changes))
        done.append(each.id)
    order.note(experiment, run.record(experiment.id))
    return done


def test_the_first_runs_of_a_foreground_by_a_process_are_thrown_away(begin: Any) -> None:
    made = designed(blocks=1, course=Course(warmup_runs=2))
    run = begin(made)
    order = Order(run.folder)
    first, second, _ = made.experiments
    copies = [f"{SOLO}_warm_up1", f"{SOLO}_warm_up2"]
    assert warm_ups(run, order, first) == copies
    assert order.cold_runs(second) == 0
    assert warm_ups(run, order, second) == []
    assert [run.rows()[name]["counts"] for name in copies] == ["False", "False"]
    assert run.rows()[copies[0]]["control"] == "warm_up"
    assert names(run.folder.missing()) == [*GROUP]
    assert warm_ups(run, Order(run.again()), second) == [
        f"{FIRST}_warm_up1",
        f"{FIRST}_warm_up2",
    ]
    assert not list(run.path.glob(f"*warm_up*/{INTERFERENCE}"))


def test_other_models_and_other_boards_are_cold(begin: Any) -> None:
    one = designed(blocks=1, loads=0, course=Course(warmup_runs=1))
    run = begin(one)
    order = Order(run.folder)
    [experiment] = one.experiments
    order.note(experiment, run.record(experiment.id))
    assert order.cold_runs(experiment) == 0
    for other in (
        training(repo="other"),
        training(model="other"),
        training(environment={"CUDA_VISIBLE_DEVICES": "1"}),
    ):
        changed = designed(blocks=1, loads=0, foreground=other, course=Course(warmup_runs=1))
        assert order.cold_runs(changed.experiments[0]) == 1


def test_where_no_foreground_was_started_nothing_is_warm(begin: Any) -> None:
    made = designed(blocks=1, course=Course(warmup_runs=1))
    run = begin(made)
    order = Order(run.folder)
    solo = made.experiments[0]
    done = []
    for each in order.warm_ups(solo):
        done.append(each.id)
        order.note(solo, run.record(each.id, attempts=[], status="background not ready"))
    assert done == [f"{SOLO}_warm_up1", f"{SOLO}_warm_up2"]
    assert order.cold_runs(made.experiments[1]) == 1


def test_a_warm_up_that_starts_no_foreground_is_made_up_for(begin: Any) -> None:
    made = designed(blocks=1, course=Course(warmup_runs=1))
    run = begin(made)
    order = Order(run.folder)
    solo = made.experiments[0]
    copies = order.warm_ups(solo)
    order.note(solo, run.record(next(copies).id, attempts=[], status="background not ready"))
    order.note(solo, run.record(next(copies).id))
    assert list(copies) == []
    assert order.cold_runs(solo) == 0


def test_a_warm_up_that_was_cut_off_is_never_missing(begin: Any) -> None:
    made = designed(blocks=1, course=Course(warmup_runs=1))
    run = begin(made)
    copy = next(Order(run.folder).warm_ups(made.experiments[0]))
    (run.path / copy.id).mkdir()
    folder = run.again()
    assert names(folder.missing()) == [*GROUP]
    assert copy.id in folder.plan.by_id
    assert run.said == []
