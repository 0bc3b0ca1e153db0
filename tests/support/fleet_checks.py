"""What must be so after a storm: every group is recorded once, and losers are named."""

from __future__ import annotations

import csv
import json
from collections import Counter

from tandem.experiment.verify import verify_run
from tandem.plan.tries import newest_try
from tandem.results.cut_off import CUT_OFF
from tandem.results.record import UNFINISHED
from tandem.results.record_file import record_of
from tandem.results.shared.workers import WORKERS, journal_of
from tandem.results.standing import not_counting, standing_plan

from support.fleet import Fleet
from support.stage import wait_for


def see_that_all_is_well(fleet: Fleet) -> None:
    see_that_each_group_is_recorded_once(fleet)
    see_that_losers_are_named(fleet)
    assert verify_run(fleet.run).differences == []
    wait_for("no process is left", lambda: not fleet.everything())


def see_that_each_group_is_recorded_once(fleet: Fleet) -> None:
    plan, run = standing_plan(fleet.run), fleet.run
    counting = {each.id for each in plan.experiments} - not_counting(run)
    for group, members in plan.groups.items():
        newest = newest_try(members)
        records = [record_of(each.id, run) for each in newest]
        assert all(record and record["status"] not in UNFINISHED for record in records), group
        assert {each.id for each in newest} == {each.id for each in members} & counting, group
        boards = {board_of(record) for record in records}
        assert len(boards) == 1, f"{group} was on {boards}"
    ended = fleet.ended()
    with open(run / "summary.csv", newline="") as file:
        rows = Counter(row["experiment_id"] for row in csv.DictReader(file))
    assert rows == Counter([*ended]), "one row for each experiment that has ended"


def board_of(record: object) -> tuple[str, str]:
    assert isinstance(record, dict)
    (board,) = {gpu["uuid"] for window in record["windows"] for gpu in window["gpus"]}
    return record["environment"]["hostname"], board


def see_that_losers_are_named(fleet: Fleet) -> None:
    """Every whole try that does not stand is one that the journals call lost."""
    standing = {fleet.run / target for target in fleet.ended().values()}
    every = fleet.run.glob(f"{WORKERS}/*/*/experiment.json")
    whole = {path.parent for path in every if path.parent.parent.name != CUT_OFF}
    losers = {
        path
        for path in whole - standing
        if json.loads((path / "experiment.json").read_bytes())["status"] not in UNFINISHED
    }
    events = [json.loads(line) for line in journal_of(fleet.run).splitlines()]
    lost = [(each["worker"], each["experiment"]) for each in events if each["event"] == "lost"]
    assert {(path.parent.name, path.name) for path in losers} == set(lost)
    print(f"{len(losers)} losers, {len(whole)} whole tries, {len(standing)} stand")
