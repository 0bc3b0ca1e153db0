"""Which logs of a background's rounds stay, and which go. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tandem.background.rounds import ROUNDS, Stretch, read_rounds

UNJUDGED = 10
_NAME = re.compile(r"run_(\d+)\.log")


def remove_old_logs(folder: Path, keep: int) -> None:
    """Remove the logs of a folder that `to_keep` does not name; OSError: one stays."""
    found = {
        int(name[1]): path for path in folder.iterdir() if (name := _NAME.fullmatch(path.name))
    }
    kept = to_keep(sorted(found), read_rounds(folder / ROUNDS), keep)
    for number in found.keys() - kept:
        found[number].unlink(missing_ok=True)
        if (left := found[number].with_suffix("")).exists():  # a failed round's {out}
            import shutil  # which takes as long as all else here

            shutil.rmtree(left, ignore_errors=True)


def to_keep(logs: Sequence[int], rounds: Sequence[Stretch], keep: int) -> set[int]:
    """Return the logs that stay, by their rounds' numbers, which come in their order.

    The first and the newest stay, `keep` of the newest rounds that ended well, and as many of the
    others. What is not judged yet stays as well, up to a bound that only a judge who fails reaches.
    """
    singles = (each for each in rounds if each.end_s is not None and each.first == each.last)
    ended = {each.last: each for each in singles}
    unjudged = [number for number in logs if number in ended and ended[number].unjudged]
    well = [n for n in logs if n in ended and ended[n].completed and n not in unjudged]
    oldest = min(ended, default=0)  # older ones are folded
    others = [n for n in logs if n >= oldest and n not in well and n not in unjudged]
    newest = rounds[-1].last if rounds else 0
    running = [number for number in logs if number >= newest]
    return {*logs[:1], *running, *unjudged[-UNJUDGED * keep :], *well[-keep:], *others[-keep:]}
