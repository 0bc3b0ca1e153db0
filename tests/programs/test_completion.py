"""The scripts of `tandem completion`: as the options are, and in the real shells."""

from __future__ import annotations

import os
import pty
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.completions import FOLDER, script
from support.stage import DEADLINE_S
from tandem.base.paths import RESULTS, ROOT
from tandem.commandline import COMMANDS
from tandem.commands.completion import RESULTS_MARK, SHELLS

NAMES = [name for names in COMMANDS.values() for name in names]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_scripts_are_as_the_options_are(shell: str) -> None:
    """If this fails: `make completion`."""
    text = script(shell)
    assert (FOLDER / f"tandem.{shell}").read_text() == text
    assert str(ROOT) not in text
    done = subprocess.run(
        [sys.executable, ROOT / "driver.py", "completion", shell],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == text.replace(RESULTS_MARK, shlex.quote(str(RESULTS)))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with settings and other files, and a project's results with odd names."""
    here = tmp_path / "here"
    for folder in (
        "here/sub folder",
        "re'sults/run_1",
        "re'sults/run_$(touch pwned)",
        "re'sults/x",
    ):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("a.json", "b b.json", "c.csv"):
        (here / file).touch()
    (tmp_path / "re'sults" / "latest").symlink_to("run_1")
    for shell in SHELLS:
        text = (FOLDER / f"tandem.{shell}").read_text()
        text = text.replace(RESULTS_MARK, shlex.quote(str(tmp_path / "re'sults")))
        (tmp_path / f"script.{shell}").write_text(text)
    return here


CASES = [
    ([""], NAMES),
    (["com"], ["compare", "completion"]),
    (["run", "--see"], ["--seed"]),
    (["run", ""], ["a.json", "b b.json", "sub folder"]),
    (["run", "--resume", "l"], ["latest"]),
    (["compare", "run"], ["run_$(touch pwned)", "run_1"]),
    (["verify", "latest", "run_1"], ["run_1"]),
    (["show", "s"], ["sub folder"]),
    (["compare", "--format", "c"], ["csv"]),
    (["completion", ""], ["bash", "zsh"]),
    (["prune", "--results", ""], ["sub folder"]),
]


@pytest.mark.parametrize(("words", "expected"), CASES)
def test_bash_completes(here: Path, words: list[str], expected: list[str]) -> None:
    program = """
source "$1" && shift
COMP_WORDS=(tandem "$@") COMP_CWORD=$#
_shtab_tandem
printf '%s\\n' "${COMPREPLY[@]}"
"""
    done = subprocess.run(
        ["bash", "-c", program, "bash", here.parent / "script.bash", *words],
        cwd=here,
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(done.stdout.splitlines()) == sorted(expected)
    assert done.stderr == ""
    assert not (here / "pwned").exists()


@pytest.mark.parametrize("name", ["tandem", "bin/tandem", "/any/where/tandem"])
def test_a_tab_in_an_interactive_bash_completes_whatever_path_it_is_called_by(
    here: Path, name: str
) -> None:
    """Typed at a terminal: what the line becomes is printed by `echo` at its beginning."""
    source = f"source {shlex.quote(str(here.parent / 'script.bash'))}; PS1=; set +H\n"
    typed = f"{name} verify lat\t\x01echo line: \x05\n"  # tab, then to the line's beginning and end
    assert f"line: {name} verify latest" in at_a_terminal(here, "bash --norc -i", source + typed)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize(
    ("typed", "line"),
    [("verify lat", "verify latest"), ("run a", "run a.json"), ("doct", "doctor")],
)
def test_zsh_completes(here: Path, typed: str, line: str) -> None:
    functions = here.parent / "functions"
    functions.mkdir()
    shutil.copy(here.parent / "script.zsh", functions / "_tandem")
    source = (
        f"PS1=; fpath=({shlex.quote(str(functions))} $fpath); autoload -U compinit; compinit -D\n"
    )
    text = at_a_terminal(
        here, "zsh -f -i", f"{source}bindkey -e\nbin/tandem {typed}\t\x01echo line: \x05\n"
    )
    assert f"line: bin/tandem {line}" in text


def at_a_terminal(folder: Path, shell: str, typed: str) -> str:
    """Return what a shell shows that is typed to in a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        shell.split(),
        cwd=folder,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        os.close(theirs)
        os.write(ours, f"{typed}exit\n".encode())
        out, _ = process.communicate(timeout=DEADLINE_S)
    os.close(ours)
    return out
