"""What bin/nightly asks of Python; "" for none: check UNTIL NOTIFY [RULE ...] · give PATH ... ·
notify COMMAND EXIT_CODE RUN LOG TEXT [COUNTED ...]

`check` prints UNTIL with its date and offset, so that it means the same all night. `notify` tells
somebody of the night: COUNTED are the lines that count the experiments of each settings file.
"""

from __future__ import annotations

import re
import signal
import sys
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C must not be a traceback

from tandem.base.errors import TandemError, UsageError  # noqa: E402
from tandem.base.option_values import moment  # noqa: E402
from tandem.base.sudo import give_to_caller  # noqa: E402
from tandem.results.prune import check_rules, rule_of  # noqa: E402
from tandem.run.notice import Notice, command_of  # noqa: E402


def check(until: str, notify: str, rules: Sequence[str]) -> str:
    """Return the moment in ISO 8601, to the second; UsageError: one of the values is none."""
    check_rules([rule_of(rule) for rule in rules])
    try:
        if notify:
            command_of(notify)
    except ArgumentTypeError as error:
        raise UsageError(f"--notify takes {error}") from None
    if not until:
        return ""
    try:
        when = datetime.fromtimestamp(moment(until))
    except ArgumentTypeError as error:
        raise UsageError(f"--until takes {error}") from None
    return when.astimezone().isoformat(timespec="seconds")


def notify(command: str, exit_code: str, run: str, log: str, text: str, *counted: str) -> None:
    """Tell somebody of the night."""
    counts = Counter[str]()
    for line in counted:
        for count, what in re.findall(r"([0-9]+) (not valid|valid|missing)", line):
            counts[what] += int(count)
    notice = Notice(command_of(command), "nightly")
    notice.note(run, counts["valid"], counts["not valid"], counts["missing"])
    notice.text = text
    notice.known |= {"TANDEM_LOG": log, "TANDEM_SUMMARY": text.splitlines()[-1] if text else ""}
    notice.send(int(exit_code))


def main(arguments: Sequence[str]) -> int:
    action, *values = arguments
    try:
        if action == "check":
            print(check(values[0], values[1], values[2:]))
        elif action == "notify":
            notify(*values)
        else:
            for value in values:
                give_to_caller(Path(value))
    except TandemError as error:
        print(f"nightly: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
