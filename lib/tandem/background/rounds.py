"""rounds.tsv, the background's own account of its rounds. Standard library only.

One line an event, appended, seconds on CLOCK_BOOTTIME:

    start   ROUND  SECONDS
    end     ROUND  SECONDS  EXIT  REASON     by the round's keeper
    used    ROUND  SECONDS  CPU_SECONDS      by it, when all below it had ended
    lost    ROUND  SECONDS                   by the loop, when that keeper was killed
    let go  ROUND  SECONDS                   by its owner, before it is stopped: see LET_GO
    judged  ROUND  SECONDS  VERDICT  WHY     of one that ended with 0, by its log (see judging)
    folded  FIRST  LAST  START  END  RUNNING  COMPLETED  FAILED  STOPPED  OPEN  PAUSE  HOLLOW
            WITHOUT_METRIC  UNJUDGED  CPU_SECONDS  EXIT

Old rounds are folded (lib/fold_rounds.py), so that the file stays bounded however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

ROUNDS = "rounds.tsv"
Verdict = Literal["whole", "without metric", "hollow"]
HOLLOW: Verdict = "hollow"
WITHOUT_METRIC: Verdict = "without metric"
WHOLE: Verdict = "whole"
LET_GO = "let go"  # by MPS: where its training fails by that, it was stopped
LONG_ROUND_S = 60.0  # a round that failed after this long is no quick failure, to the loop neither


@dataclass(frozen=True)
class Stretch:
    """One round, or several that were folded into one; seconds on CLOCK_BOOTTIME.

    `end_s` is None while a round runs, and for ever when everything that could have noted its
    end was killed; `open` counts such rounds. `longest_pause_s` is between the rounds inside.
    A `hollow` round ended with exit code 0, and its log says that the training did not do its work:
    it is no completed one. Of the completed, those `without_metric` printed none though none is
    required, and of `unjudged` ones nobody has read the log. `cpu_s` is the CPU time of all below
    the keeper, None where it left no note. `why` a round is hollow, or has no metric. `exit_code`
    of several rounds is that of the newest of them that a signal ended.
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
    hollow: int = 0
    without_metric: int = 0
    unjudged: int = 0
    cpu_s: float | None = None
    why: str = ""
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
        except (ValueError, LookupError, TypeError):
            continue
    return list(stretches.values())


def add_event(stretches: dict[int, Stretch], fields: list[str]) -> None:
    if fields[0] == "folded":
        stretches[int(fields[1])] = folded(*fields[1:])
        return
    number, when_s = int(fields[1]), float(fields[2])
    if fields[0] == "start":
        stretches[number] = Stretch(number, number, when_s, open=1)
    elif number in stretches and stretches[number].last == number:
        stretches[number] = _EVENTS[fields[0]](stretches[number], when_s, *fields[3:])


def folded(first: str, last: str, start: str, end: str, running: str, *rest: str) -> Stretch:
    completed, failed, stopped, unended = map(int, rest[:4])
    hollow, without_metric, unjudged = map(int, rest[5:8])
    return Stretch(
        *(int(first), int(last), float(start), float(end), float(running)),
        *(completed, failed, stopped, unended),
        longest_pause_s=float(rest[4]),
        hollow=hollow,
        without_metric=without_metric,
        unjudged=unjudged,
        cpu_s=float(rest[8]) if rest[8] else None,
        exit_code=int(rest[9]) if "".join(rest[9:]) else None,
    )


def ended(open_round: Stretch, end_s: float, code: str = "", reason: str = "lost") -> Stretch:
    exit_code = int(code) if code else None
    if open_round.reason == LET_GO and reason == "ended" and exit_code:
        reason = LET_GO
    was_stopped = reason not in ("ended", "lost", "not started")
    completed = int(exit_code == 0 and not was_stopped)
    return replace(
        open_round,
        end_s=end_s,
        running_s=end_s - open_round.start_s,
        open=0,
        completed=completed,
        unjudged=completed,
        failed=int(exit_code != 0 and not was_stopped),
        stopped=int(was_stopped),
        exit_code=exit_code,
        reason=reason,
    )


def let_go(stretch: Stretch, _when_s: float) -> Stretch:
    return replace(stretch, reason=LET_GO) if stretch.open else stretch


def used(stretch: Stretch, _when_s: float, cpu_s: str) -> Stretch:
    return replace(stretch, cpu_s=float(cpu_s))


def judged(done: Stretch, _when_s: float, verdict: str, why: str = "") -> Stretch:
    """Take the verdict on a round; the first one counts."""
    if not done.unjudged:
        return done
    is_hollow = verdict == HOLLOW
    return replace(
        done,
        completed=int(not is_hollow),
        hollow=int(is_hollow),
        without_metric=int(verdict == WITHOUT_METRIC),
        unjudged=0,
        why=why,
    )


_EVENTS: dict[str, Callable[..., Stretch]] = {
    "end": ended,
    "lost": ended,
    LET_GO: let_go,
    "used": used,
    "judged": judged,
}


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


def cpu_s(stretches: Iterable[Stretch], from_s: float, to_s: float) -> float | None:
    """Return the CPU seconds of all rounds that ran between two moments, each whole.

    That is the most that their trainings can have used in that time. None: one is not known.
    """
    total = 0.0
    for each in stretches:
        if each.start_s < to_s and (each.end_s is None or each.end_s > from_s):
            if each.cpu_s is None:
                return None
            total += each.cpu_s
    return total


def quick_failures(stretches: Sequence[Stretch]) -> int:
    """Return how many of the newest rounds that have ended failed quickly, one after the other."""
    count = 0
    for stretch in reversed(stretches):
        if stretch.end_s is None:
            continue
        if not stretch.failed or stretch.first != stretch.last or stretch.running_s >= LONG_ROUND_S:
            break
        count += 1
    return count


def ended_in(stretches: Iterable[Stretch], from_s: float, to_s: float) -> Iterator[Stretch]:
    """Return the rounds that ended between two moments."""
    return (each for each in stretches if each.end_s is not None and from_s <= each.end_s <= to_s)


def lines(stretch: Stretch) -> str:
    """Return the lines that read back as this stretch."""
    if stretch.last > stretch.first:
        return folded_line(stretch)
    events: list[tuple[str, float, list[str]]] = [("start", stretch.start_s, [])]
    if stretch.end_s is not None and stretch.reason == "lost":
        events.append(("lost", stretch.end_s, []))
    elif stretch.end_s is not None:
        code = "" if stretch.exit_code is None else str(stretch.exit_code)
        events.append(("end", stretch.end_s, [code, stretch.reason]))
    last_s = stretch.start_s if stretch.end_s is None else stretch.end_s
    if stretch.cpu_s is not None:
        events.append(("used", last_s, [f"{stretch.cpu_s:.3f}"]))
    if verdict := verdict_on(stretch):
        events.append(("judged", last_s, [verdict, stretch.why]))
    found = (event_line(what, stretch.first, when_s, *more) for what, when_s, more in events)
    return "".join(f"{line}\n" for line in found)


def event_line(what: str, number: int, when_s: float, *more: str) -> str:
    return "\t".join([what, str(number), f"{when_s:.3f}", *more])


def verdict_on(done: Stretch) -> Verdict | None:
    """Return the verdict on a single round; None: there is none."""
    if done.hollow:
        return HOLLOW
    if not done.completed or done.unjudged:
        return None
    return WITHOUT_METRIC if done.without_metric else WHOLE


def folded_line(stretch: Stretch) -> str:
    times = stretch.start_s, stretch.end_s or stretch.start_s, stretch.running_s
    fields = [
        *(str(stretch.first), str(stretch.last), *(f"{seconds:.3f}" for seconds in times)),
        *map(str, (stretch.completed, stretch.failed, stretch.stopped, stretch.open)),
        f"{stretch.longest_pause_s:.3f}",
        *map(str, (stretch.hollow, stretch.without_metric, stretch.unjudged)),
        "" if stretch.cpu_s is None else f"{stretch.cpu_s:.3f}",
        "" if stretch.exit_code is None else str(stretch.exit_code),
    ]
    return "\t".join(["folded", *fields]) + "\n"
