"""rounds.tsv, the background's own account of its rounds. Standard library only.

One line an event, appended, seconds on CLOCK_BOOTTIME:

    start   ROUND  SECONDS
    end     ROUND  SECONDS  EXIT  REASON     by the round's keeper
    lost    ROUND  SECONDS                   by the loop, when that keeper was killed
    folded  FIRST  LAST  START  END  RUNNING  COMPLETED  FAILED  STOPPED  OPEN  PAUSE

Old rounds are folded (lib/fold_rounds.py), so that the file stays bounded however many there are.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stretch:
    """One round, or several that were folded into one; seconds on CLOCK_BOOTTIME.

    `end_s` is None while a round runs, and for ever when everything that could have noted its
    end was killed; `open` counts such rounds. `longest_pause_s` is between the rounds inside.
    """

    first: int
    last: int
    start_s: float
    end_s: float | None = None
    running_s: float = 0.0
    completed: int = 0
    failed: int = 0
    stopped: int = 0
    open: int = 0
    exit_code: int | None = None
    reason: str = ""
    longest_pause_s: float = 0.0


def read_rounds(path: Path) -> list[Stretch]:
    """Return the rounds in their order; [] without a file.

    A line that a full disk or a kill left torn is no event, and harms no other.
    """
    try:
        text = path.read_text(errors="replace")
    except FileNotFoundError:
        return []
    stretches: dict[int, Stretch] = {}
    for line in text[: text.rfind("\n") + 1].splitlines():
        try:
            add_event(stretches, line.split("\t"))
        except (ValueError, IndexError, TypeError):
            continue
    return list(stretches.values())


def last_round(path: Path) -> int | None:
    """Return the number of the newest round without reading the whole file; None: no round."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 256))
            whole = file.read().rpartition(b"\n")[0]
    except FileNotFoundError:
        return None
    fields = whole.rpartition(b"\n")[2].split(b"\t")
    return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else None


def add_event(stretches: dict[int, Stretch], fields: list[str]) -> None:
    if fields[0] == "folded":
        first, last, start, end, running, *counts, pause = fields[1:]
        completed, failed, stopped, unended = map(int, counts)
        stretches[int(first)] = Stretch(
            *(int(first), int(last), float(start), float(end), float(running)),
            *(completed, failed, stopped, unended),
            longest_pause_s=float(pause),
        )
        return
    number, when_s = int(fields[1]), float(fields[2])
    if fields[0] == "start":
        stretches[number] = Stretch(number, number, when_s, open=1)
    elif number in stretches:
        stretches[number] = ended(stretches[number], when_s, *fields[3:])


def ended(open_round: Stretch, end_s: float, code: str = "", reason: str = "lost") -> Stretch:
    exit_code = int(code) if code else None
    was_stopped = reason not in ("ended", "lost", "not started")
    return Stretch(
        open_round.first,
        open_round.last,
        open_round.start_s,
        end_s,
        running_s=end_s - open_round.start_s,
        completed=int(exit_code == 0 and not was_stopped),
        failed=int(exit_code != 0 and not was_stopped),
        stopped=int(was_stopped),
        exit_code=exit_code,
        reason=reason,
    )


def running_s(stretches: Iterable[Stretch], from_s: float, to_s: float) -> float:
    """Return for how long a training was running between two moments, in seconds.

    A round whose end nobody noted counts as nothing. A folded stretch that lies across an edge
    counts by its share: the error is at most the part of it that lies outside.
    """
    total = 0.0
    for stretch in stretches:
        if stretch.end_s is None or stretch.end_s <= stretch.start_s:
            continue
        overlap_s = min(stretch.end_s, to_s) - max(stretch.start_s, from_s)
        total += max(0.0, overlap_s) / (stretch.end_s - stretch.start_s) * stretch.running_s
    return total


def has_unknown_end(stretches: Sequence[Stretch], from_s: float, to_s: float) -> bool:
    """Whether a round that may have run in a window has an end that nobody noted.

    It ended before the next round started.
    """
    return any(
        stretch.open and stretch.start_s < to_s and (after is None or after.start_s > from_s)
        for stretch, after in followed(stretches)
    )


def followed(stretches: Sequence[Stretch]) -> Iterable[tuple[Stretch, Stretch | None]]:
    """Return each round with the one after it, None after the last."""
    return zip(stretches, [*stretches[1:], None], strict=False)  # of none there is none after it


def pauses(stretches: Sequence[Stretch], from_s: float, to_s: float) -> tuple[float, float]:
    """Return for how long no training was running between two moments, and the longest such gap.

    Seconds both. A pause inside a folded stretch counts whole when the stretch reaches into the
    window: the longest gap may then be one that lies just outside.
    """
    longest_s, covered_s = 0.0, from_s
    for stretch in stretches:
        start_s, end_s = max(stretch.start_s, from_s), min(stretch.end_s or stretch.start_s, to_s)
        if end_s <= start_s:
            continue
        longest_s = max(longest_s, start_s - covered_s, stretch.longest_pause_s)
        covered_s = max(covered_s, end_s)
    longest_s = max(longest_s, to_s - covered_s)
    return max(0.0, to_s - from_s - running_s(stretches, from_s, to_s)), longest_s


def rate(stretches: Sequence[Stretch], from_s: float, to_s: float) -> tuple[int, float | None]:
    """Return how many whole rounds completed inside a window, and their rate in rounds a second.

    The rate counts from the start of the first of them to the start of the round after the last,
    so that each has its pause and the rate does not depend on where the window cuts. None without
    a whole round, when another one (failed, lost) lies between them, or when all took no time.
    """
    inside = [
        (each, after)
        for each, after in followed(stretches)
        if each.start_s >= from_s and each.end_s is not None and each.end_s <= to_s
    ]
    whole = [(each, after) for each, after in inside if each.completed]
    if not whole:
        return 0, None
    completed = sum(each.completed for each, _ in whole)
    first, (last, after) = whole[0][0], whole[-1]
    if completed != last.last - first.first + 1:
        return completed, None
    end_s = after.start_s if after else last.end_s
    assert end_s is not None
    span_s = end_s - first.start_s  # 0: shorter than what a stamp can tell
    return completed, completed / span_s if span_s > 0 else None


def failures(stretches: Iterable[Stretch], from_s: float, to_s: float) -> int:
    """Return how many rounds failed between two moments."""
    ended = (each for each in stretches if each.end_s is not None and from_s <= each.end_s <= to_s)
    return sum(each.failed for each in ended)


def fold(stretches: Sequence[Stretch], keep: int) -> list[Stretch]:
    """Merge all but the newest `keep` rounds into at most `keep` stretches of equal length."""
    old, new = stretches[:-keep], stretches[-keep:]
    if len(old) <= keep:
        return list(stretches)
    size = 1
    while len({(stretch.first - 1) // size for stretch in old}) > keep:
        size *= 2
    groups: dict[int, list[Stretch]] = {}
    for stretch in old:
        groups.setdefault((stretch.first - 1) // size, []).append(stretch)
    return [merged(group) for group in groups.values()] + list(new)


def merged(group: Sequence[Stretch]) -> Stretch:
    if len(group) == 1:
        return group[0]
    return Stretch(
        group[0].first,
        group[-1].last,
        group[0].start_s,
        max(stretch.end_s or stretch.start_s for stretch in group),
        sum(stretch.running_s for stretch in group),
        sum(stretch.completed for stretch in group),
        sum(stretch.failed for stretch in group),
        sum(stretch.stopped for stretch in group),
        sum(stretch.open for stretch in group),
        longest_pause_s=max(
            *(stretch.longest_pause_s for stretch in group),
            *(
                after.start_s - (before.end_s or before.start_s)
                for before, after in itertools.pairwise(group)
            ),
        ),
    )


def lines(stretch: Stretch) -> str:
    """Return the lines that read back as this stretch."""
    start = f"start\t{stretch.first}\t{stretch.start_s:.3f}\n"
    if stretch.end_s is None:
        return start
    if stretch.reason == "lost":
        return start + f"lost\t{stretch.first}\t{stretch.end_s:.3f}\n"
    if stretch.reason:
        code = "" if stretch.exit_code is None else stretch.exit_code
        return start + f"end\t{stretch.first}\t{stretch.end_s:.3f}\t{code}\t{stretch.reason}\n"
    span = f"{stretch.first}\t{stretch.last}\t{stretch.start_s:.3f}\t{stretch.end_s:.3f}"
    counts = f"{stretch.completed}\t{stretch.failed}\t{stretch.stopped}\t{stretch.open}"
    pause = f"{stretch.longest_pause_s:.3f}"
    return f"folded\t{span}\t{stretch.running_s:.3f}\t{counts}\t{pause}\n"
