"""print a script that completes commands for bash or zsh"""

from __future__ import annotations

import argparse
import shlex

from tandem.base.output import say
from tandem.base.paths import RESULTS, ROOT

SHELLS = ("bash", "zsh")
RESULTS_MARK = "'@RESULTS@'"  # where the scripts have the folder whose runs are named


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=" or ".join(SHELLS))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "bash, in ~/.bashrc:   source <(tandem completion bash)\n"
        "zsh, once:            tandem completion zsh >FOLDER_OF_FPATH/_tandem"
    )


def run(arguments: argparse.Namespace) -> int:
    script = ROOT / "lib" / "completions" / f"tandem.{arguments.shell}"
    text = script.read_text(encoding="utf-8")
    say(text.replace(RESULTS_MARK, shlex.quote(str(RESULTS))).removesuffix("\n"))
    return 0
