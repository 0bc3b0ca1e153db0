"""Runs by name: the link to the newest, and what is said where there is no run of a name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tandem.base.errors import UsageError
from tandem.commands import options
from tandem.commands.options import run_folder, run_in_words
from tandem.results.latest import point_at, runs_in


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's results/ with two runs, seen from a folder beside it."""
    for name in ("run_20260101_000000", "run_20260102_000000"):
        (tmp_path / "results" / name).mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(options, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_the_link_follows_the_newest_and_is_no_run_itself(results: Path) -> None:
    said: list[str] = []
    for name in ("run_20260101_000000", "run_20260102_000000", "run_20260101_000000"):
        point_at(results / name, said.append)
        assert os.readlink(results / "latest") == name
    assert said == []
    assert runs_in(results) == ["run_20260101_000000", "run_20260102_000000"]
    assert sorted(os.listdir(results)) == ["latest", *runs_in(results)]


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_somebody_else_put_there_stays_and_is_said(results: Path, kind: str) -> None:
    latest, said = results / "latest", list[str]()
    if kind == "file":
        latest.write_text("mine")
    elif kind == "folder":
        latest.mkdir()
    else:
        latest.symlink_to("/nowhere/mine")
    before = os.lstat(latest)
    point_at(results / "run_20260101_000000", said.append)
    assert os.lstat(latest) == before
    assert said == [f"{latest} is left alone: it is not the link of an earlier run"]


def test_a_folder_that_takes_no_link_is_no_failure(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    said: list[str] = []
    point_at(results / "run_20260101_000000", said.append)
    words = "the link to this run cannot be made: Operation not permitted"
    assert said == [f"{results / 'latest'}: {words}"]
    assert sorted(os.listdir(results)) == runs_in(results)


def test_a_run_is_named_by_path_name_plan_or_latest(results: Path) -> None:
    run = results / "run_20260102_000000"
    (run / "plan.json").touch()
    point_at(run, print)
    for name in (run, run / "plan.json", Path("../results/latest"), Path(run.name), Path("latest")):
        assert run_folder(name, results) == run
    assert run_folder(Path("."), results) == Path.cwd()


def test_a_folder_here_comes_before_a_run_of_that_name(results: Path) -> None:
    Path("run_20260102_000000").mkdir()
    assert run_folder(Path("run_20260102_000000"), results).parent == Path.cwd()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("run_2026010_000000", "did you mean run_20260102_000000?"),
        ("latest", "{} has 2 runs; the newest is run_20260102_000000"),
        ("../results/run_2026010_000000", "did you mean ../results/run_20260102_000000?"),
        ("../here/x", "../here has no runs"),
        ("../nowhere/x", "there is no folder ../nowhere"),
    ],
)
def test_where_there_is_none_the_nearest_is_named(results: Path, name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        run_folder(Path(name), results)
    what = "no such folder" + (", and no run of that name" if "/" not in name else "")
    assert str(caught.value) == f"{name}: {what} ({hint.format(results)})"


def test_what_is_compared_may_be_named_so_too(results: Path) -> None:
    run = results / "run_20260102_000000"
    point_at(run, print)
    assert run_in_words("latest") == str(run)
    assert run_in_words("latest:b2,dropout=0.5") == f"{run}:b2,dropout=0.5"
    assert run_in_words(f"{run}:c07") == f"{run}:c07"
    Path("odd:name").mkdir()
    assert run_in_words("odd:name:c1") == "odd:name:c1"
    with pytest.raises(UsageError, match=r"^newest: no such folder"):
        run_in_words("newest:c07")
