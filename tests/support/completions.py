"""Make the scripts of `tandem completion`, from the options as they are: `make completion`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "lib"))

import shtab  # noqa: E402
from tandem.commandline import parser  # noqa: E402
from tandem.commands.completion import RESULTS_MARK, SHELLS  # noqa: E402

FOLDER = ROOT / "lib" / "completions"
RUN = {"bash": "_tandem_run_dir", "zsh": "_tandem_runs"}
JSON = {"bash": "_tandem_json_file", "zsh": "_files -g '*.json'"}
# "filenames" is what shtab asks of bash where the name of a function has _dir or _file in it.
PREAMBLE = {
    "bash": f"""\
_tandem_results={RESULTS_MARK}

_tandem_run_dir() {{ # WORD: runs by name, and folders
  local run
  for run in "$_tandem_results"/latest "$_tandem_results"/run_*; do
    if [[ -d $run && ${{run##*/}} == "$1"* ]]; then printf '%s\\n' "${{run##*/}}"; fi
  done
  compgen -d -- "$1"
}}

_tandem_json_file() {{ # WORD: settings and registries, and folders
  compgen -f -X '!*.json' -- "$1"
  compgen -d -- "$1"
}}""",
    "zsh": f"""\
_tandem_results={RESULTS_MARK}

_tandem_runs() {{ # runs by name, and folders
  local -a runs=($_tandem_results/latest(N-/:t) $_tandem_results/run_*(N-/:t))
  _alternative 'runs:run:compadd -a runs' 'folders:folder:_files -/'
}}""",
}


def script(shell: str) -> str:
    """Return the script for a shell. It has no path of this machine in it."""
    top = parser("")
    for action in actions(top):
        if action.help:
            action.help = action.help.replace(f"{ROOT}/", "")
        if isinstance(action.default, Path):
            action.default = str(action.default).removeprefix(f"{ROOT}/")
        if values := values_of(action):
            action.complete = values  # type: ignore[attr-defined]
    text = shtab.complete(top, shell=shell, preamble=PREAMBLE)  # type: ignore[arg-type]
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())


def actions(top: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the options and arguments of all commands."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from actions(command)
        else:
            yield action


def values_of(action: argparse.Action) -> Any:
    """Return what completes the value of an action; None: nothing does."""
    if action.metavar in ("RUN", "EXPERIMENT"):
        return RUN
    if action.dest in ("config", "registry"):
        return JSON
    if action.type is not Path:
        return None
    return shtab.FILE if action.metavar == "FILE" else shtab.DIRECTORY


if __name__ == "__main__":
    for each in SHELLS:
        (FOLDER / f"tandem.{each}").write_text(script(each), encoding="utf-8")
