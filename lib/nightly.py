"""What bin/nightly asks of Python: check UNTIL [RULE ...] · give PATH ...; "" for none.

`check` prints UNTIL with its date and offset, so that it means the same all night.
"""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentTypeError
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C must not be a traceback

from tandem.base.errors import TandemError, UsageError  # noqa: E402
from tandem.base.option_values import moment  # noqa: E402
from tandem.base.sudo import give_to_caller  # noqa: E402
from tandem.results.prune import check_rules, rule_of  # noqa: E402


def check(until: str, rules: Sequence[str]) -> str:
    """Return the moment in ISO 8601, to the second; UsageError: it is none, or a rule is none."""
    check_rules([rule_of(rule) for rule in rules])
    if not until:
        return ""
    try:
        when = datetime.fromtimestamp(moment(until))
    except ArgumentTypeError as error:
        raise UsageError(f"--until takes {error}") from None
    return when.astimezone().isoformat(timespec="seconds")


def main(arguments: Sequence[str]) -> int:
    action, *values = arguments
    try:
        if action == "check":
            print(check(values[0], values[1:]))
        else:
            for value in values:
                give_to_caller(Path(value))
    except TandemError as error:
        print(f"nightly: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
