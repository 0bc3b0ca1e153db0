"""What somebody types to name a run, a cell or a level; and what is printed to be typed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.compared import design, designed, groups, parallel
from support.records import write_run
from tandem.base.errors import UsageError
from tandem.interference.compare.names import Name, name_of


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("c07", [("config", "7")]),
        ("b2", [("background", "2")]),
        ("dropout=0.5,b2", [("dropout", "0.5"), ("background", "2")]),
        ("optimizer=a,b", [("optimizer", "a,b")]),
        ("optimizer=a,b1", [("optimizer", "a"), ("background", "1")]),
        ("path=x=y", [("path", "x=y")]),
        (
            "background=digits/wide,intensity=1",
            [*(("background", "digits/wide"), ("intensity", "1"))],
        ),
    ],
)
def test_terms_stand_behind_a_colon(
    tmp_path: Path, text: str, terms: list[tuple[str, str]]
) -> None:
    run = tmp_path / "a:b"
    run.mkdir()
    assert name_of(f"{run}:{text}") == Name(f"{run}:{text}", str(run), tuple(terms))
    assert name_of(str(run)) == Name(str(run), str(run), ())


@pytest.mark.parametrize("text", ["c", "seven", "=1", "c07;b2", "b0"])
def test_what_is_no_term_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="names nothing"):
        name_of(f"{tmp_path}:{text}")


@pytest.mark.parametrize(
    ("terms", "experiments"),
    [
        *(("c01", 4), ("c1", 4), ("config=2", 4), ("b2", 6), ("background=wide", 12)),
        *(("background=digits/wide,b1", 6), ("intensity=0.50", 6), ("foreground=mlp", 12)),
        *(("dropout=0", 8), ("dropout=.5,b1", 2), ("learning_rate=0.001", 8), ("epochs=20", 12)),
    ],
)
def test_a_name_selects(tmp_path: Path, terms: str, experiments: int) -> None:
    run = write_run(tmp_path / "run", *design([1, 2, 3], [1, 2], [1, 2]))
    assert sum(group["experiments"] for group in groups(f"{run}:{terms}")) == experiments


def test_runs_of_version_1_have_numbers_too(tmp_path: Path) -> None:
    """In the order of their names; what is the same has the same number."""
    other = {"background.model": "cnn"}
    run = write_run(tmp_path / "run", parallel(1), parallel(3, **other), parallel(5))
    found = [group["names"] for group in groups(run)]
    assert found == [[f"{run}:b2"], [f"{run}:b1"]]
    assert groups(f"{run}:c03")[0]["experiments"] == 1


@pytest.mark.parametrize("by", [None, "background", "intensity", "dropout", "config", "foreground"])
def test_the_names_that_are_printed_select_what_they_stand_beside(
    tmp_path: Path, by: str | None
) -> None:
    made = [*design([1, 2, 3], [1, 2], [1, 2]), designed(4, 1, 1, model="cnn")]
    run = write_run(tmp_path / "run", *made)
    every = groups(run, by=by)
    assert len({tuple(group["names"]) for group in every}) == len(every) > 1
    for group in every:
        [name] = group["names"]
        assert sum(each["experiments"] for each in groups(name)) == group["experiments"]


def test_where_there_is_one_cell_the_run_is_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", parallel(1))
    monkeypatch.chdir(tmp_path)
    assert groups("run")[0]["names"] == ["run"]
    assert groups(os.path.join(".", "run", ""))[0]["names"] == [os.path.join(".", "run", "")]
    assert groups(run)[0]["names"] == [str(run)]


def test_what_selects_nothing_says_what_there_is(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1, 2], [1], [1]))
    with pytest.raises(UsageError, match=r"has dropout=0\.7 \(known: 0\.0, 0\.5\)"):
        groups(f"{run}:dropout=0.7")


def test_a_name_for_each_of_some_configurations_where_one_says_too_much(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1, 2, 3, 4], [1, 2], [1, 2]))
    wanted = [f"{run}:c01", f"{run}:c02"]
    for group in groups(*wanted, by="background"):
        assert len(group["names"]) == 2
        [again] = groups(*group["names"], by="background")
        assert (again["rows"], again["experiments"]) == (group["rows"], 4)
    every = groups(run, by="background")
    assert [group["names"] for group in every] == [[f"{run}:b1"], [f"{run}:b2"]]
