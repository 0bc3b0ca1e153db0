"""outcome.json: what is written is what is read; what else stands there is refused by name."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from support.records import outcome
from tandem.base.errors import UsageError
from tandem.experiment.outcome import NAME, VERSION, Outcome, read_outcome, write_outcome


def test_what_is_written_is_read(tmp_path: Path) -> None:
    window: Any = {"name": "idle", "from_s": 5000.25, "to_s": 5002.5}
    loop: Any = {"name": "background", "reports": [{"cpu_user_s": 0.1}], "chosen": None}
    made = outcome(windows=[window], backgrounds=[loop], error_message='"é\udcff\n', attempts=3)
    write_outcome(made, tmp_path)
    assert read_outcome(tmp_path) == made
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_moment_is_shown_by_its_one_pair_of_clocks() -> None:
    made = outcome(clock={"boottime_s": 5000.0, "utc_s": 1_769_860_800.0})
    assert made.utc(5001.5) == "2026-01-31T12:00:01.500000+00:00"


def test_what_is_no_number_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_outcome(replace(outcome(), ended_s=float("nan")), tmp_path)
    assert not (tmp_path / NAME).exists()


def test_without_a_folder_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_outcome(outcome(), tmp_path / "gone")
    with pytest.raises(UsageError, match=r"holds no outcome\.json"):
        read_outcome(tmp_path / "gone")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ('{"outcome_version": 1', "not JSON"),
        ("\udcff", "not JSON"),
        pytest.param("[" * 100_000, "not JSON", id="deep"),
        ("[]", "not as this version"),
        ("null", "not as this version"),
        ("{}", "not as this version"),
        (f'{{"outcome_version": {VERSION}}}', "not as this version"),
    ],
)
def test_what_is_damaged_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / NAME).write_text(text, errors="surrogateescape")
    with pytest.raises(UsageError, match=words) as caught:
        read_outcome(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / NAME}: ")


@pytest.mark.parametrize("version", [0, VERSION + 1, str(VERSION), None])
def test_another_version_is_refused(tmp_path: Path, version: Any) -> None:
    value = {**vars(outcome()), "outcome_version": version}
    (tmp_path / NAME).write_text(json.dumps(value))
    with pytest.raises(UsageError, match="not as this version"):
        read_outcome(tmp_path)


@pytest.mark.parametrize("name", [each.name for each in fields(Outcome)])
def test_a_key_more_or_less_is_refused(tmp_path: Path, name: str) -> None:
    value = dict(vars(outcome()))
    del value[name]
    for wrong in (value, {**vars(outcome()), f"{name}_of_tomorrow": 1}):
        (tmp_path / NAME).write_text(json.dumps(wrong))
        with pytest.raises(UsageError, match="not as this version"):
            read_outcome(tmp_path)


def test_a_folder_in_its_place_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_outcome(tmp_path)
