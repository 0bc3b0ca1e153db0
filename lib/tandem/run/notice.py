"""What --notify starts at the end: one program, once, below a keeper, and not for long.

Its words are the option's; what a run says reaches it as variables and on stdin, never as code.
Whatever becomes of it is at most one line, and changes no exit code.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tandem.base.files import last_lines
from tandem.base.output import complain
from tandem.base.paths import ROOT
from tandem.base.text import printable, quote

KEEP = ROOT / "lib" / "keep.py"
LIMIT_S, GRACE_S = 30, 2
PATIENCE_S = (
    10  # for what the command leaves: mail(1) hands over to a mail server in the background
)
MOST_SHOWN = 200  # characters of the last line that it printed
TOO_LONG = 124  # the keeper's exit code then


def command_of(text: str) -> tuple[str, ...]:
    """Return the words of --notify; ArgumentTypeError: they are none, or there is no such program.

    Quotes and backslashes group them as in a shell; nothing else of a shell's language counts.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a command, not {quote(text)} ({error})") from None
    if not words or not words[0]:
        raise argparse.ArgumentTypeError("a command, not nothing")
    if shutil.which(words[0]) is None:
        hint = "no such program, or it may not be run; what needs a shell goes into a script"
        raise argparse.ArgumentTypeError(
            f"a command, not {quote(text)} ({quote(words[0])}: {hint})"
        )
    return words


@dataclass
class Notice:
    """Tells somebody how a run, or a night, has ended: what is `known` of it, when it is sent.

    `known` are variables; `text` is what the end prints.
    """

    command: Sequence[str]
    name: str = "tandem"
    known: dict[str, str] = field(default_factory=dict)
    text: str = ""
    is_sent: bool = False

    def note(self, run: str, valid: int, not_valid: int, missing: int) -> None:
        """Remember which run it was, and how many of its experiments are what."""
        counts = {"VALID": valid, "NOT_VALID": not_valid, "MISSING": missing}
        self.known |= {f"TANDEM_{what}": str(count) for what, count in counts.items()}
        self.known["TANDEM_RUN"] = run

    def send(self, exit_code: int, error: str = "") -> None:
        """Start the command, unless it was or there is none, and wait for its end."""
        if self.is_sent or not self.command:
            return
        self.is_sent = True
        lines = [line for line in (*error.splitlines(), *self.text.splitlines()) if line.strip()]
        if "TANDEM_RUN" not in self.known:
            self.note("", 0, 0, 0)
        known = {"TANDEM_EXIT_CODE": str(exit_code)} | self.known
        known.setdefault("TANDEM_SUMMARY", error.partition("\n")[0] or self.counts_line(lines))
        try:
            why = started(self.command, {**os.environ, **known}, "\n".join(lines))
        except OSError as failure:
            why = str(failure)
        if why:
            complain(f"{self.name}: warning: --notify {shlex.join(self.command)}: {printable(why)}")

    @staticmethod
    def counts_line(lines: Sequence[str]) -> str:
        """Return the line that counts the experiments, or else the last."""
        counting = (line for line in lines if " experiment" in line and ": " in line)
        return next(counting, lines[-1] if lines else "")


def started(command: Sequence[str], environment: Mapping[str, str], text: str) -> str:
    """Run a command with a text on its stdin; return why it failed, "" if it did not."""
    import subprocess
    import tempfile

    options = ["--name", "notify", "--timeout", str(LIMIT_S), "--grace", str(GRACE_S)]
    options += ["--patience", str(PATIENCE_S), "--owner", str(os.getpid())]
    with tempfile.TemporaryDirectory(prefix="tandem_notify_") as folder:
        given, said = Path(folder) / "text", Path(folder) / "said"
        given.write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")
        with open(said, "wb") as output:
            status = subprocess.run(
                [sys.executable, "-S", "-E", KEEP, *options, "--input", given, "--", *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            ).returncode
        if status == 0:
            return ""
        words = [line[:MOST_SHOWN] for line in last_lines(said, 20) if line.strip()][-1:]
    how = f"exit code {status}" if status >= 0 else f"ended by signal {-status}"
    return ": ".join([f"not done after {LIMIT_S} s" if status == TOO_LONG else how, *words])
