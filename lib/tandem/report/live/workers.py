"""What `status` and `watch` print of the workers that drain a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from tandem.base.text import counted, duration_text, printable, some_of
from tandem.report.grid import grid
from tandem.report.live.columns import wrap
from tandem.report.live.moment import clock_text
from tandem.report.live.phase import phase_text
from tandem.results.glance import Glance
from tandem.results.shared.worker_name import parsed
from tandem.results.shared.workers_at_work import Worker
from tandem.results.state import OwnBoard

_TITLES = ("worker", "GPU", "experiment", "now")
_MOST_GONE = 5  # that are named of those that are no longer at work
_UUID_CHARACTERS = len("GPU-5f0e6a2c")


def of_workers(glance: Glance) -> str:
    """Return how a run stands by its workers: `running: 3 workers on 2 hosts`."""
    at_work = [each for each in glance.workers if each.is_at_work]
    if at_work:
        return f"running: {_on_hosts(at_work)}"
    stale = [each for each in glance.workers if each.is_stale]
    if glance.standing == "ended":
        written = max((each.state.written for each in glance.workers if each.state), default=None)
        return " ".join(filter(None, ("ended", clock_text(written))))
    if stale:
        return f"not known whether it runs: {_on_hosts(stale)} not heard of for a minute or more"
    if glance.standing == "waiting":
        return "waiting: no worker is at work yet"
    return "not running: no worker is at work"


def _on_hosts(workers: Sequence[Worker]) -> str:
    hosts = {each.host for each in workers}
    where = next(iter(hosts)) if len(hosts) == 1 else counted(len(hosts), "host")
    return f"{counted(len(workers), 'worker')} on {where}"


def all_done(glance: Glance, now: datetime | None) -> str:
    """Return when all will have ended with the workers that are at work."""
    left_s = glance.run_left_s or 0.0
    later = (now or datetime.now(timezone.utc)) + timedelta(seconds=min(left_s, 1e9))
    count = sum(each.is_at_work for each in glance.workers)
    who = "this worker" if count == 1 else f"these {count} workers"
    when = clock_text(later.isoformat(), now)
    return f"all done {when}, in {duration_text(left_s)}, with {who}"


def left_lines(glance: Glance) -> Iterator[str]:
    """Yield which groups a host leaves to others, because they failed there."""
    for host, groups in glance.left_to_others.items():
        named = some_of([printable(group) for group in groups], _MOST_GONE)
        yield f"failed twice on {host}, and left to other hosts: {named}"


def worker_lines(workers: Sequence[Worker], columns: int, now: datetime | None = None) -> list[str]:
    """Return the workers as lines: those not heard of, those at work, the newest that are gone."""
    stale = [each for each in workers if each.is_stale]
    at_work = [each for each in workers if each.is_at_work]
    gone = [each for each in workers if not each.is_stale and not each.is_at_work]
    lines = list[str]()
    if stale or at_work:
        shown = sorted(stale, key=_place) + sorted(at_work, key=_place)
        rows = [tuple(map(printable, row)) for row in _rows(shown)]
        lines += grid(_TITLES, [("", rows)], columns)
    return lines + [part for line in _gone(gone, now) for part in wrap(line, columns, "    ")]


def _place(worker: Worker) -> tuple[str, int, str]:
    boards = worker.state.boards if worker.state else ()
    return str(worker.host), boards[0].index if boards else 0, worker.name


def _rows(workers: Sequence[Worker]) -> list[tuple[str, str, str, str]]:
    """Return a row a worker; it is called by its host, or by its name where two share a row's."""
    boards = _boards(workers)
    places = [(str(each.host), boards[each.name]) for each in workers]
    is_plain = len(set(places)) == len(places)
    return [
        (host if is_plain else each.name, board, each.experiment or "", _now(each))
        for each, (host, board) in zip(workers, places, strict=True)
    ]


def _boards(workers: Sequence[Worker]) -> dict[str, str]:
    """Return the boards of each worker by its name: `0`, or a UUID where two are `0` on a host.

    In a job of a cluster often each worker sees its own board alone, as the first.
    """
    own = {each.name: each.state.boards if each.state else () for each in workers}
    seen: dict[tuple[str | None, int], set[str]] = {}
    for each in workers:
        for board in own[each.name]:
            seen.setdefault((each.host, board.index), set()).add(board.uuid)
    is_plain = all(len(uuids) == 1 for uuids in seen.values())

    def text(board: OwnBoard) -> str:
        return str(board.index) if is_plain else board.uuid[:_UUID_CHARACTERS]

    return {name: ", ".join(map(text, boards)) for name, boards in own.items()}


def _now(worker: Worker) -> str:
    """Return what a worker does; of one that is not heard of, since when, and what it did."""
    state = worker.state
    if not worker.is_stale:
        return phase_text(replace(state, elapsed_s=None)) if state else "starting"
    if worker.age_s is None or state is None:
        return "not heard of yet"
    did = phase_text(replace(state, elapsed_s=None, left_s=None))
    return f"not heard of for {duration_text(worker.age_s)} (then: {did})"


def _gone(workers: Sequence[Worker], now: datetime | None) -> list[str]:
    """Return how many are no longer at work, and the newest of them with why."""
    if not workers:
        return []
    words = {"not running": "gone"}
    kinds = Counter(words.get(each.standing, each.standing) for each in workers)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    newest = sorted(workers, key=_written, reverse=True)
    told = [each for each in newest if each.standing != "ended"][:_MOST_GONE]
    lines = [f"{counted(len(workers), 'worker')} no longer at work: {counts}"]
    for each in told:
        when = clock_text(_written(each) or None, now)
        what = " ".join(filter(None, (words.get(each.standing, each.standing), when)))
        why = each.why or ("its process is gone" if each.standing == "not running" else "")
        lines.append(f"  {each.name}: {what}" + (f": {why}" if why else ""))
    if more := len([each for each in workers if each.standing != "ended"]) - len(told):
        lines.append(f"  and {more} before")
    return [printable(line) for line in lines]


def _written(worker: Worker) -> str:
    return worker.state.written if worker.state else ""


def host_of(worker: str) -> str:
    """Return on which host a worker is or was, by its name."""
    name = parsed(worker)
    return name.host if name else worker
