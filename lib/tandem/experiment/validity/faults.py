"""Whether the boards themselves reported faults."""

from __future__ import annotations

from collections.abc import Iterator

from tandem.base.text import counted
from tandem.experiment.validity.reason import Reason
from tandem.results.record import BoardFaults, Record

OF_ENDED_PROCESSES = 45  # this Xid also comes where a process is killed, as backgrounds are


def reasons(record: Record) -> Iterator[Reason]:
    yield from ()


def warnings(record: Record) -> Iterator[str]:
    for board in record["faults"] or ():
        yield from _of_board(board)


def _of_board(board: BoardFaults) -> Iterator[str]:
    errors = board["ecc_uncorrected"]
    if errors:
        count = counted(errors, "uncorrected ECC error")
        yield f"GPU {board['index']}: {count} in its memory"
    codes = dict.fromkeys(board["xids"] or ())
    codes.pop(OF_ENDED_PROCESSES, None)
    if codes:
        numbers = ", ".join(map(str, codes))
        yield f"GPU {board['index']}: Xid {numbers} (the kernel's log says what happened)"
