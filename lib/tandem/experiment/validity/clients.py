"""Whether a background's end reached the foreground: under MPS both are clients of one server.

NVIDIA's documentation promises nothing of the other clients once one was ended by a signal, and
hands a fault on the GPU to all clients of that board.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

from tandem.background.folding import KILLED, SIGNALS
from tandem.config.options import MPS
from tandem.experiment.validity.faults import OF_ENDED_PROCESSES
from tandem.experiment.validity.reason import Reason, lasting
from tandem.machine.mps.daemon import ITSELF
from tandem.results.record import Record, foreground_window
from tandem.results.record_background import Round

REACHES = "and under MPS that reaches the foreground"
FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}


def reasons(record: Record) -> Iterator[Reason]:
    if record["gpu_setup"]["sharing"] != MPS or not record["background"]:
        return
    if foreground_window(record):
        yield from _rounds_reasons(record)
        yield from lasting("client died", _fault_reasons(record))


def warnings(record: Record) -> Iterator[str]:
    yield from ()


def _rounds_reasons(record: Record) -> Iterator[Reason]:
    """Why a round of the last attempt's backgrounds, before the foreground's end, spoils it."""
    window, before = foreground_window(record), record["attempts"][:-1]
    assert window and record["background"]
    from_s = max((each["end_boottime_s"] or 0.0 for each in before), default=0.0)
    for part in record["background"]["parts"]:
        for each in part["rounds"]:
            number, code = each["first"], _signal_code(each)
            if code is None or not from_s <= each["start_boottime_s"]:
                continue
            if (each["end_boottime_s"] or 0.0) <= window["end_boottime_s"]:
                text = f"{part['name']}: round {number} {_end(each, code)}, {REACHES}"
                yield Reason(text, "client died", may_pass=code - 128 in FROM_OUTSIDE)


def _signal_code(each: Round) -> int | None:
    """Return the exit code of a round that a signal ended which was not ours; None: of no such."""
    if not each["failed"]:
        return None
    if each["reason"] == "lost":
        return KILLED
    return each["exit_code"] if each["exit_code"] in SIGNALS else None


def _end(each: Round, code: int) -> str:
    if each["reason"] == "lost":
        return "was killed with its keeper"
    try:
        name = f" ({signal.Signals(code - 128).name})"
    except ValueError:
        name = ""
    ended = f"was ended by signal {code - 128}{name}"
    return ended if each["first"] == each["last"] else f"or one up to {each['last']} {ended}"


def _fault_reasons(record: Record) -> Iterator[str]:
    for board in record["faults"] or ():
        codes = dict.fromkeys(board["xids_beside"] or ())
        codes.pop(OF_ENDED_PROCESSES, None)
        if codes:
            numbers = ", ".join(map(str, codes))
            yield f"GPU {board['index']} reported Xid {numbers} beside the foreground, {REACHES}"
    last = record["attempts"][-1]["number"]
    for daemon in record["gpu_setup"]["mps"]:
        if daemon["attempt"] == last and daemon["stopped_by"] != ITSELF:
            yield from (f"MPS: {fault}" for fault in daemon["faults"])
