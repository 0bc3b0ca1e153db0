"""What the boards in use reported of their own faults during an experiment, for its record."""

from __future__ import annotations

from tandem.experiment.outcome import Outcome
from tandem.machine.faults import BoardFaultsSeen
from tandem.results.record import BoardFaults


def faults_of(outcome: Outcome) -> list[BoardFaults] | None:
    """Return each board's; None: NVML does not answer."""
    return None if outcome.faults is None else [_of_board(seen) for seen in outcome.faults]


def _of_board(seen: BoardFaultsSeen) -> BoardFaults:
    before, after = seen["ecc_before"], seen["ecc_after"]
    corrected = _more(before["corrected"], after["corrected"])
    uncorrected = _more(before["uncorrected"], after["uncorrected"])
    reason = before["reason"] or after["reason"]
    if None in (corrected, uncorrected):
        corrected = uncorrected = None
        reason = reason or "the counts began anew: the driver was loaded again"
    return {
        "index": seen["index"],
        "uuid": seen["uuid"],
        "ecc_corrected": corrected,
        "ecc_uncorrected": uncorrected,
        "ecc_reason": reason,
        "xids": seen["xids"],
        "xids_beside": seen["xids_beside"],
        "xids_reason": seen["xids_reason"],
    }


def _more(before: int | None, after: int | None) -> int | None:
    """Return by how much a count has grown; None where it is not known, or was set back."""
    if before is None or after is None or after < before:
        return None
    return after - before
