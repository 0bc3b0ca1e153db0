"""The command line: its help, how it is called, times and shares."""

from __future__ import annotations

import ast
import time
from argparse import ArgumentTypeError
from datetime import datetime, timedelta, timezone

import pytest
from tandem.base.option_values import moment, percent
from tandem.base.paths import ROOT
from tandem.base.text import quote
from tandem.commandline import COMMANDS, parser


@pytest.mark.parametrize("hours", [-2, -1, 1, 2])
def test_a_time_of_day_is_its_next_occurrence(hours: int) -> None:
    wanted = datetime.now() + timedelta(hours=hours)
    found = datetime.fromtimestamp(moment(f"{wanted:%H:%M}"))
    assert (found.hour, found.minute, found.second) == (wanted.hour, wanted.minute, 0)
    assert time.time() < found.timestamp() <= time.time() + 25 * 3600  # a clock is put back once


def test_a_date_and_time_is_that_moment() -> None:
    assert (
        moment("2026-01-02T03:04:05+00:00")
        == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc).timestamp()
    )
    assert moment("2026-01-02T03:04") == time.mktime((2026, 1, 2, 3, 4, 0, 0, 0, -1))


@pytest.mark.parametrize(
    ("option", "text"),
    [
        *(("--until", text) for text in ("", "6", "25:00", "06:30:00 tomorrow", "noon")),
        *(("--wait-lock", text) for text in ("-1", "nan", "inf", "", "x")),
    ],
)
def test_what_is_no_time_is_refused(
    capsys: pytest.CaptureFixture[str], option: str, text: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser("title").parse_args(["run", f"{option}={text}"])
    assert ended.value.code == 2
    time_of_day = "HH:MM, or a date and time in ISO 8601"
    wanted = time_of_day if option == "--until" else "a number of seconds"
    assert f"error: {option} takes {wanted}, not {quote(text)}\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "share"), [("2%", 0.02), ("2 %", 0.02), (" 0.5% ", 0.005), ("99.9%", 0.999)]
)
def test_percent_is_a_share(text: str, share: float) -> None:
    assert percent(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "2", "%", "0%", "-1%", "100%", "nan%", "inf%", "x%", "2%%"])
def test_what_is_no_percent_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="percent, such as 2%, not"):
        percent(text)


def test_the_help_is_one_screen() -> None:
    description = ast.get_docstring(ast.parse((ROOT / "driver.py").read_text()), clean=False)
    lines = parser(description or "").format_help().splitlines()
    assert len(lines) <= 24
    assert [line for line in lines if len(line) > 80] == []
    assert all(f" {name} " in "\n".join(lines) for names in COMMANDS.values() for name in names)


def test_no_option_is_read_by_a_type_whose_error_is_no_sentence() -> None:
    """The error of int says "invalid int value"; `option_values.integer` says what is taken."""
    for actions in parser("title")._subparsers._group_actions[0].choices.values():  # type: ignore
        for action in actions._actions:
            assert action.type not in (int, float), action.option_strings
