"""The arguments of a program in bin/: each mistake in one line that names it, and exit code 2."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest
from tandem.base.arguments import Arguments, header, number, process_id, seconds

PROGRAM = "#!/usr/bin/env bash\n# Do it.\n#\n#   --out DIR  folder\nset -e\n# no help\n"
HELP = "Do it.\n\n  --out DIR  folder\n"


@pytest.fixture
def arguments(tmp_path: Path) -> Arguments:
    program = tmp_path / "doit"
    program.write_text(PROGRAM)
    made = Arguments(program)
    made.add_argument("--out")
    made.add_argument("--share", type=number)
    made.add_argument("--row", type=seconds, default=1.0)
    made.add_argument("--root", type=process_id, action="append", default=[])
    made.add_argument("folder", nargs="?")
    return made


def test_the_help_is_the_comment_at_the_beginning(arguments: Arguments) -> None:
    assert header(arguments.program) == HELP


def test_what_is_right_is_read(arguments: Arguments) -> None:
    words = ["--root", "7", "here", "--row=0.5", "--root", "8", "--share", "-0.5", "--out=-x"]
    expected = Namespace(out="-x", share=-0.5, row=0.5, root=[7, 8], folder="here")
    assert arguments.read(words) == expected


@pytest.mark.parametrize(
    ("words", "message", "has_help"),
    [
        (["--colour"], 'unknown option "--colour"', True),
        (["--ro", "2"], 'unknown option "--ro"', True),
        (["one", "two"], 'unknown argument "two"', True),
        (["--out"], "--out takes a value", True),
        (["--row", "often"], '--row takes a number of seconds, not "often"', False),
        (["--row", "-1"], '--row takes a number of seconds, not "-1"', False),
        (["--row", "nan"], '--row takes a number of seconds, not "nan"', False),
        (["--share", "inf"], '--share takes a number, not "inf"', False),
        (["--share", "a\nb"], '--share takes a number, not "a\\nb"', False),
        (["--root", "0"], '--root takes a process id, not "0"', False),
        (["--root", "12345678901"], '--root takes a process id, not "12345678901"', False),
    ],
)
def test_a_mistake_is_named(
    arguments: Arguments,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
    has_help: bool,
) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.read(words)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.err == f"doit: error: {message}\n" + HELP * has_help
    assert said.out == ""


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
