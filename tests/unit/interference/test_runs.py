"""Which experiments of runs are compared; what cannot be is named, damaged ones passed over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import reduce
from hashlib import sha256
from operator import getitem
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import plans
from support.compared import designed, groups, parallel, rows
from support.records import put, write_run
from tandem.base.errors import UsageError
from tandem.interference.compare.comparison import comparison
from tandem.interference.compare.runs import NO_FIGURES, read_runs
from tandem.plan.file import write_plan
from tandem.report.compare.text import text_of_compare
from tandem.results.journal import Journal
from tandem.results.record import Record
from tandem.results.record_file import INTERFERENCE, NAME


def solo(number: int) -> Record:
    record, _ = parallel(number)
    put(record, experiment_id=f"digits_mlp_{number:03d}_solo", mode="mutation", background=None)
    return record


def ids(*runs: Path) -> list[str]:
    return [pair.experiment_id for pair in read_runs(map(str, runs)).pairs]


def test_what_is_not_valid_is_left_out_and_counted(tmp_path: Path) -> None:
    pairs = [parallel(number) for number in (1, 3, 7, 9)]
    made: list[Any] = [record for record, _ in pairs]
    for record, percent in zip(made, ("71.3", "82"), strict=False):
        record.update(valid=False, invalid_reasons=[f"coverage {percent}% is below 95%", "more"])
    run = write_run(tmp_path / "run", *pairs)
    (run / made[2]["experiment_id"] / "interference.json").unlink()
    (run / made[3]["experiment_id"] / "interference.json").write_text("{")
    found = comparison([str(run)])
    assert found["groups"] == []
    assert found["left_out"] == {"not valid: coverage 71.3% is below 95%": 2, NO_FIGURES: 2}


def test_figures_of_a_control_that_has_changed_are_left_out(tmp_path: Path) -> None:
    record, figures = parallel(1)
    run = write_run(tmp_path / "run", solo(2), (record, figures))
    file = run / record["experiment_id"] / "interference.json"
    value = json.loads(file.read_bytes())
    value["records"]["digits_mlp_002_solo"] = "0" * 64
    file.write_text(json.dumps(value))
    assert read_runs([str(run)]).left_out == [NO_FIGURES]


def test_a_run_without_parallel_records_is_no_mistake(tmp_path: Path) -> None:
    assert read_runs([str(write_run(tmp_path / "run", solo(1)))]).pairs == []


def of_tries() -> list[Any]:
    """A group of two loads: its first try, the whole one after it, and one that was cut off."""
    made = []
    for number, loads in ((1, (1, 2)), (2, (1, 2)), (3, (1,))):
        for load in loads:
            record, figures = designed(1, load, 1, number, try_number=number)
            name = f"vision_resnet20_c01_b{load}_r1_parallel"
            record["experiment_id"] = name + (f"_try{number}" if number > 1 else "")
            record["twin"] = f"vision_resnet20_c01_r1_solo_try{number}"
            record["windows"][0]["started"] = record["experiment_id"]  # each has its own controls
            figures["experiment_id"] = record["experiment_id"]
            made.append((record, figures))
    return made


def solo_of_try(number: int) -> Record:
    made = solo(number)
    name = "vision_resnet20_c01_r1_solo" + (f"_try{number}" if number > 1 else "")
    put(made, experiment_id=name, twin=None)
    return made


def test_only_the_newest_whole_try_counts(tmp_path: Path) -> None:
    run, plan = tmp_path / "run", plans.design(blocks=1)
    run.mkdir()
    write_plan(plan, run)
    journal, names = Journal(run), [each.id for each in plan.experiments]
    for number in (1, 2, 3):
        again = [f"{each.id}_try{number}" for each in plan.experiments] if number > 1 else names
        if number > 1:
            journal.add_experiments("try", dict(zip(again, names, strict=True)))
        for name in again[: 3 if number < 3 else 2]:  # the third is cut off
            journal.add_ended(name, "finished", 1.0)
        names = again
    journal.close()
    write_run(run, *of_tries(), *map(solo_of_try, (1, 2)))
    assert ids(run) == [f"vision_resnet20_c01_b{load}_r1_parallel_try2" for load in (1, 2)]


def test_tries_of_a_group_count_once_where_nobody_knows_which(tmp_path: Path) -> None:
    """As without its plan."""
    found = groups(write_run(tmp_path / "run", *of_tries()))
    assert [rows(group)["slowdown"]["units"] for group in found] == [1, 1]


def test_a_warm_up_is_in_no_figure(tmp_path: Path) -> None:
    warm_up = designed(1, 1, 2, control="warm_up")
    run = write_run(tmp_path / "run", designed(1, 1, 1), warm_up)
    assert ids(run) == ["digits_mlp_c01_b1_r1_parallel"]
    assert read_runs([str(run)]).left_out == []


@pytest.mark.parametrize("version", [2, 3, 4])
def test_records_of_before_are_compared(tmp_path: Path, version: int) -> None:
    """Those of version 2 have the figures in them; before version 5 there are no groups."""
    record, interference = parallel(1)
    run = write_run(tmp_path / "run", (record, interference))
    older: dict[str, Any] = {**record, "record_version": version}
    for key in ("group", "try_number", "place"):
        del older[key]
    if version == 2:
        del older["digests"], older["machine"], older["gpus_used"]
        figures = {
            name: {"value": each["value"], "uncertainty": 0.01, "label": "x", "reason": None}
            for name, each in interference["figures"].items()
            if name != "slowdown_of_epochs"
        }
        older["interference"] = {"twin": None, "warnings": [], "figures": figures}
        (run / record["experiment_id"] / "interference.json").unlink()
        (run / record["experiment_id"] / "experiment.json").write_text(json.dumps(older))
    else:
        run = write_run(tmp_path / "older", (cast(Record, older), interference))
    [group] = groups(run)
    assert (group["dose"], group["values"]) == ("", "epochs=20")
    assert rows(group)["slowdown"]["estimate"] == 1.25
    assert rows(group)["slowdown"]["clock_uncertainty"] == 0.01
    if version == 2:
        assert rows(group)["slowdown_of_epochs"]["units"] == 0


# -- what is no run, or damaged --------------------------------------------------------


def test_folders_that_are_no_runs_are_mistakes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", parallel(1))
    for folder, words in {
        tmp_path / "nowhere": "no such folder",
        run / "digits_mlp_001_parallel": "the folder of one experiment",
    }.items():
        with pytest.raises(UsageError, match=words) as caught:
            read_runs([str(run), str(folder)])
        assert str(caught.value).startswith(f"{folder}: ")


def test_a_file_among_the_runs_is_named_and_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "run_notes.txt"
    file.touch()
    run = write_run(tmp_path / "run", parallel(1))
    found = read_runs([str(file), str(run), str(file)])
    assert found.damaged == [f"{file}: no folder (name that of a run: results/run_...)"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"notes\.txt: no folder(.|\n)*holds no records"):
        read_runs([str(file), str(file), str(tmp_path / "empty")])


def test_an_empty_run_is_named_and_passed_over(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", parallel(1))
    (tmp_path / "empty").mkdir()
    found = read_runs([str(tmp_path / "empty"), str(run)])
    assert len(found.pairs) == 1
    [problem] = found.damaged
    assert problem.startswith(f"{tmp_path / 'empty'}: holds no records")
    with pytest.raises(UsageError, match="holds no records"):
        read_runs([str(tmp_path / "empty")])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("\udcff", "not JSON"),
        pytest.param("[" * 100_000, "not JSON", id="deep"),
        ("[]", "no record"),
        ('{"experiment_id": "x"}', "no record"),
    ],
)
def test_a_damaged_record_is_named_and_passed_over(tmp_path: Path, text: str, words: str) -> None:
    run = write_run(tmp_path / "run", *(parallel(number) for number in (1, 3, 5)))
    file = run / "digits_mlp_003_parallel" / "experiment.json"
    file.write_text(text, errors="surrogateescape")
    found = read_runs([str(run)])
    assert len(found.pairs) == 2
    [problem] = found.damaged
    assert problem.startswith(f"{file}: {words}")


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_run_of_damaged_records_alone_is_passed_over(tmp_path: Path, text: str) -> None:
    whole, run = (write_run(tmp_path / name, parallel(1)) for name in ("whole", "run"))
    (run / "digits_mlp_001_parallel" / "experiment.json").write_text(text)
    found = read_runs([str(whole), str(run)])
    assert len(found.pairs) == 1
    [problem] = found.damaged
    assert problem.startswith(f"{run}: none of its records can be read: {run.resolve()}/digits_")
    with pytest.raises(UsageError, match="none of its records can be read"):
        read_runs([str(run)])


@pytest.mark.parametrize(
    "path",
    [
        *("background", "environment", "windows", "attempts", "twin", "mutated", "hyperparameters"),
        *("interference.figures.stp", "interference.figures.stp.value"),
    ],
)
def test_a_record_that_lacks_something_is_named_and_passed_over(tmp_path: Path, path: str) -> None:
    """It is JSON all the same: somebody has edited it, say."""
    record, figures = parallel(3)
    figures["figures"] = {name: each.copy() for name, each in figures["figures"].items()}
    part, names = cast(Any, {**record, "interference": figures}), path.split(".")
    for name in names[:-1]:
        part = part[name]
    if len(names) == 1:
        part = record
    del part[names[-1]]
    run = write_run(tmp_path / "run", parallel(1), (record, figures))
    name = "interference.json" if names[0] == "interference" else "experiment.json"
    file = run / record["experiment_id"] / name
    found = read_runs([str(run)])
    assert [each[: len(str(file))] for each in found.damaged] == [str(file)]
    assert [pair.experiment_id for pair in found.pairs] == ["digits_mlp_001_parallel"]


@pytest.mark.parametrize("text", [None, "{", "[]", '{"boards": null}'])
def test_a_machine_that_is_not_described_is_no_damage(tmp_path: Path, text: str | None) -> None:
    run = write_run(tmp_path / "run", parallel(1))
    if text:
        (run / "machine.json").write_text(text)
    assert len(read_runs([str(run)]).pairs) == 1


# -- anything anywhere -----------------------------------------------------------------


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value in JSON, but for those that lie deep."""
    yield way
    if isinstance(value, (dict, list)) and len(way) < 5:
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in inner:
            yield from places(each, (*way, key))


RECORD, FIGURES = json.loads(json.dumps(designed(1, 1, 2)))
WAYS = [*((way, 0) for way in places(RECORD)), *((way, 1) for way in places(FIGURES))]
ODD: list[Any] = [None, "x", -1, [], {}, True, [[]], {"a": {}}, float("nan"), ["x", {}]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = (designed(1, 1, 1), designed(1, 1, 2), designed(1, 2, 1))
    return write_run(tmp_path_factory.mktemp("odd") / "run", *made)


@given(place=st.sampled_from(WAYS), odd=st.sampled_from(ODD))
@settings(max_examples=settings().max_examples // 2)
@example(((("windows", 1, "gpus", 0, "energy_joules"), 0)), float("nan"))
def test_whatever_stands_in_a_record_is_no_traceback(
    whole: Path, place: tuple[tuple[Any, ...], int], odd: Any
) -> None:
    """The others are compared, and this one perhaps."""
    way, which = place
    made: list[Any] = json.loads(json.dumps([RECORD, FIGURES]))
    if way:
        *before, last = way
        reduce(getitem, before, made[which])[last] = odd
    else:
        made[which] = odd
    folder, text = whole / RECORD["experiment_id"], json.dumps(made[0])
    (folder / NAME).write_text(text)
    if isinstance(made[1], dict) and way != ("records",):
        made[1]["records"] = {folder.name: sha256(text.encode()).hexdigest()}
    (folder / INTERFERENCE).write_text(json.dumps(made[1]))
    found = comparison([str(whole)])
    assert sum(group["experiments"] for group in found["groups"]) in (2, 3)
    assert text_of_compare([str(whole)], by="background", form="json")[0]
