"""The rule for sudo that lets a user set these boards, and nothing else of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tandem.machine.clocks.means import ClocksError, safe_program

DIGIT = "[0-9]"
_FIRST = "[1-9]"
_LENGTHS = {"-pl": (2, 3, 4), "-lgc": (3, 4), "-lmc": (3, 4, 5)}


def rule(user: str, uuids: Sequence[str]) -> str:
    """Return a line of sudoers; ClocksError: no rule for that program would be safe.

    A "*" in it would also match blanks, and so further options. "[0-9]" matches one digit and
    nothing else, in every version of sudo; a board refuses what is out of its range.
    """
    return f"{user} ALL=(root) NOPASSWD: {', '.join(commands(safe_program(), uuids))}"


def commands(program: Path, uuids: Iterable[str]) -> Iterator[str]:
    """Yield the commands that are allowed, as sudoers writes them."""
    for uuid in uuids:
        front = f"{program} -i {uuid}"
        for option, lengths in _LENGTHS.items():
            for length in lengths:
                number = _FIRST + DIGIT * (length - 1)
                value = number if option == "-pl" else f"{number}\\,{number}"
                yield f"{front} {option} {value}"
        yield f"{front} -rgc"
        yield f"{front} -rmc"


def rule_or_reason(user: str, uuids: Sequence[str]) -> tuple[str | None, str]:
    """Return the rule, or None and why there is none."""
    try:
        return rule(user, uuids), ""
    except ClocksError as error:
        return None, str(error)
