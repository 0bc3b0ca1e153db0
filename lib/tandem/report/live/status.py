"""What `status` and `watch` print of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from tandem.base.text import counted, duration_text, printable, share_text
from tandem.report.live.columns import width, wrap
from tandem.report.live.jobs import jobs_lines
from tandem.report.live.moment import clock_text
from tandem.report.live.phase import phase_text
from tandem.report.live.workers import all_done, host_of, left_lines, of_workers, worker_lines
from tandem.report.summary import counts_text
from tandem.results.glance import Ended, Glance
from tandem.results.state import Board, Current, State, Use

_UNKNOWN = "\N{EN DASH}"
_LABEL = 14  # columns, where the terminal has three times as many
_TAB = "\t"  # between a label and its text, which both have none


def status_lines(
    glance: Glance, columns: int, resume: str, now: datetime | None = None
) -> list[str]:
    """Return a run as lines of at most so many columns; `resume` is the command to go on with it.

    What runs comes first, then what is left, then what has ended, the newest first. Where several
    workers drain the run, they stand behind what is left.
    """
    lines = [_heading(glance, now)]
    if not _goes_on(glance) and _has_more(glance):
        lines.append(glance.plan_problem or f"to go on: {resume}")
    if glance.state and glance.standing in {"running", "not known"}:
        lines += _doing(glance.state)
    lines += [*_left(glance, now), *left_lines(glance)]
    every = [part for line in lines for part in _wrapped(line, columns)]
    every += jobs_lines(glance.jobs, columns)
    every += worker_lines(glance.workers, columns, now)
    return every + [part for line in _ended(glance, now) for part in _wrapped(line, columns)]


def status_json(glance: Glance, resume: str) -> dict[str, Any]:
    """Return the same as an object of JSON."""
    is_due = not _goes_on(glance) and _has_more(glance) and not glance.plan_problem
    return {**asdict(glance), "run": str(glance.run), "resume": resume if is_due else None}


def _goes_on(glance: Glance) -> bool:
    """Whether it goes on by itself."""
    return glance.standing in {"running", "waiting"}


def _has_more(glance: Glance) -> bool:
    """Whether something of the run is missing, as far as that is known."""
    return glance.counts is None or glance.counts.missing > 0


def _heading(glance: Glance, now: datetime | None) -> str:
    name = glance.run.name
    if glance.workers or glance.jobs:
        return f"{name}: {of_workers(glance)}"
    where = f" on {glance.host}" if glance.host else ""
    if glance.standing == "running":
        return f"{name}: running{where}"
    if glance.standing == "not known":
        old = "there is no state.json"
        if glance.age_s is not None:
            old = f"state.json is {duration_text(glance.age_s)} old"
        return f"{name}: not known whether it runs{where}: {old}"
    if glance.standing == "not running" and not (glance.state or glance.host or glance.ended_count):
        return f"{name}: not running: nothing has run yet"
    if glance.standing == "not running":
        return f"{name}: not running: its process is gone"
    when = clock_text(glance.state.written, now) if glance.state else None
    text = f"{name}: {glance.standing}" + (f" {when}" if when else "")
    if glance.why is None:
        return text
    return text + (": " if glance.standing == "failed" else " ") + glance.why


def _doing(state: State) -> Iterator[str]:
    """Yield what runs: the experiment, where it is, what it uses."""
    if each := state.experiment:
        yield f"{each.what} {each.number} of {each.total}: {each.id}"
        yield from _training(each)
    yield _labelled("now", phase_text(state))
    if state.rounds:
        text = state.rounds.text()
        if state.coverage_so_far is not None:
            text += f", coverage so far {share_text(state.coverage_so_far)}"
        yield _labelled("rounds", text)
    if state.newest:
        for board in state.newest.gpus:
            yield _labelled(board.name, _board(board))
        cpu = _sides(state.newest.foreground_cpu, state.newest.background_cpu)
        yield _labelled("CPU", cpu)


def _training(each: Current) -> Iterator[str]:
    if each.values:
        values = (f"{name} {value}" for name, value in each.values.items())
        yield _labelled("values", ", ".join(values))
    if each.background:
        yield _labelled("background", ", ".join(each.background))


def _board(board: Board) -> str:
    whole = f"{_figure(board.power_w, 'W')}, {_figure(board.percent, '% busy')}"
    whole += f", {_figure(board.memory_mib, 'MiB')}"
    return f"{whole}; {_sides(board.foreground, board.background)}"


def _sides(foreground: Use, background: Use) -> str:
    sides = {"foreground": foreground, "background": background}
    return "; ".join(
        f"{name} {_figure(use.percent, '%')}, {_figure(use.memory_mib, 'MiB')}"
        for name, use in sides.items()
    )


def _figure(value: float | None, unit: str) -> str:
    return f"{_UNKNOWN if value is None else f'{value:,.0f}'} {unit}"


def _left(glance: Glance, now: datetime | None) -> Iterator[str]:
    """Yield the counts, how long the run will go on, and what comes next."""
    if glance.counts:
        yield counts_text(glance.counts)
    state = glance.state
    if state and state.run_left_s is not None and glance.standing == "running":
        yield f"all done {clock_text(state.ends, now)}, in {duration_text(state.run_left_s)}"
    if glance.run_left_s is not None:
        yield all_done(glance, now)
    current = state.experiment if state and glance.standing == "running" else None
    running = current.id if current else None
    if names := [name for name in glance.next if name != running]:
        yield f"next: {', '.join(names)}"


def _ended(glance: Glance, now: datetime | None) -> Iterator[str]:
    if not glance.ended:
        return
    yield "ended, the newest first:"
    yield from (_of_ended(each, now) for each in glance.ended)
    if more := glance.ended_count - len(glance.ended):
        yield f"  and {counted(more, 'experiment')} before"


def _of_ended(each: Ended, now: datetime | None) -> str:
    when, took = clock_text(each.ended, now), None
    if each.duration_s is not None:
        took = f"took {duration_text(each.duration_s)}"
    standing = "valid" if each.valid else "not valid"
    where = f"on {host_of(each.worker)}" if each.worker else None
    facts = ", ".join(filter(None, [standing, each.why_not_counted, when, took, where]))
    why = "" if each.valid else f": {each.why or 'the reason is not known'}"
    return f"  {each.id}: {facts}{why}"


def _labelled(label: str, text: str) -> str:
    return f"  {label}{_TAB}{text}"


def _wrapped(line: str, columns: int) -> list[str]:
    label, tab, text = (printable(part) for part in line.partition(_TAB))
    if not tab or columns < 3 * _LABEL or width(label) >= _LABEL:
        return wrap(f"{label} {text}" if tab else label, columns)
    first, *others = wrap(text, columns - _LABEL, indent="")
    gap = " " * (_LABEL - width(label))
    return [f"{label}{gap}{first}", *(" " * _LABEL + part for part in others)]
