"""The arguments of a program in bin/: each mistake in one line that names it, and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from tandem.base.arguments import Arguments, Parser, header
from tandem.base.option_values import integer, number, process_id, seconds

PROGRAM = """#!/usr/bin/env bash
# Do it.
#
# Usage: doit [--out DIR]
#        doit FILE
#
#   --out DIR  folder
set -e
# no help
"""
HELP = "Do it.\n\nUsage: doit [--out DIR]\n       doit FILE\n\n  --out DIR  folder\n"


@pytest.fixture
def arguments(tmp_path: Path) -> Arguments:
    program = tmp_path / "doit"
    program.write_text(PROGRAM)
    made = Arguments(program)
    made.add_argument("--out")
    made.add_argument("--share", type=number)
    made.add_argument("--row", type=seconds, default=1.0)
    made.add_argument("--root", type=process_id, action="append", default=[])
    made.add_argument("--times", type=integer)
    made.add_argument("--form", choices=["csv", "json"])
    made.add_argument("-o", dest="short")
    either = made.add_mutually_exclusive_group()
    either.add_argument("--quiet", action="store_true")
    either.add_argument("--loud", action="store_true")
    made.add_argument("folder", nargs="?")
    return made


def test_the_help_is_the_comment_at_the_beginning(arguments: Arguments) -> None:
    assert header(arguments.program) == HELP


def test_what_is_right_is_read(arguments: Arguments) -> None:
    words = ["--root", "7", "here", "--row=0.5", "--root", "8", "--share", "-0.5", "--out=-x"]
    read = vars(arguments.parse_args(words))
    expected = {"out": "-x", "share": -0.5, "row": 0.5, "root": [7, 8], "folder": "here"}
    assert {name: read[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--colour"], 'unknown option "--colour"'),
        (["--uot=3"], 'unknown option "--uot" (did you mean "--out"?)'),
        (["--ro", "2"], 'unknown option "--ro" (did you mean "--root"?)'),
        (["-z"], 'unknown option "-z"'),
        (["one", "two"], 'unknown argument "two"'),
        (["--", "--out", "two"], 'unknown argument "two"'),
        (["--out"], "--out takes a value"),
        (["--quiet=yes"], "--quiet takes no value"),
        (["--form", "jsn"], '--form takes csv, json, not "jsn" (did you mean "json"?)'),
        (["--form", "x"], '--form takes csv, json, not "x"'),
        (["--quiet", "--loud"], "--loud and --quiet do not go together"),
        (["--row", "often"], '--row takes a number of seconds, not "often"'),
        (["--row", "-1"], '--row takes a number of seconds, not "-1"'),
        (["--row", "nan"], '--row takes a number of seconds, not "nan"'),
        (["--share", "inf"], '--share takes a number, not "inf"'),
        (["--share", "a\nb"], '--share takes a number, not "a\\nb"'),
        (["--times", "1.5"], '--times takes a whole number, not "1.5"'),
        (["--root", "0"], '--root takes a process id, not "0"'),
        (["--root", "12345678901"], '--root takes a process id, not "12345678901"'),
    ],
)
def test_a_mistake_is_named_in_three_lines(
    arguments: Arguments, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse_args(words)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.err == f"doit: error: {message}\nusage: doit [--out DIR]\ndoit --help for more\n"
    assert said.out == ""


def test_what_looks_like_an_option_and_is_none(arguments: Arguments) -> None:
    for words in (["-"], ["-5"], ["--odd name"], ["--", "--out"]):
        assert arguments.parse_args(words).folder == words[-1]
    assert arguments.parse_args(["-ofile"]).short == "file"


def test_the_usage_is_one_line() -> None:
    top = Parser(prog="tandem")
    command = top.add_subparsers(metavar="COMMAND", required=True).add_parser("do")
    assert top.usage_line() == "tandem COMMAND ..."
    command.add_argument("--keep", required=True, metavar="RULE")
    command.add_argument("first")
    command.add_argument("runs", nargs="+", metavar="RUN")
    command.add_argument("rest", nargs="*", metavar="X")
    assert command.usage_line() == "tandem do --keep RULE [OPTION ...] FIRST RUN [RUN ...] [X ...]"
    command.add_argument("last", nargs="?", metavar="Y")
    assert command.usage_line().endswith("[X ...] [Y]")


def test_a_folder_is_made_or_refused(
    arguments: Arguments, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = arguments.folder("--out", str(tmp_path / "a" / "b"))
    assert Path(made).is_dir()
    with pytest.raises(SystemExit) as ended:
        arguments.folder("--out", str(arguments.program))
    assert ended.value.code == 2
    message = f'--out: cannot create directory "{arguments.program}": File exists'
    assert capsys.readouterr().err == f"doit: error: {message}\n"
