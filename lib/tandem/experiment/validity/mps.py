"""Whether the MPS daemon served the foreground to its end."""

from __future__ import annotations

from collections.abc import Iterator

from tandem.experiment.validity.reason import Reason
from tandem.machine.mps.daemon import BY_KILL, BY_TERM, ITSELF
from tandem.results.record import Record


def reasons(record: Record) -> Iterator[Reason]:
    for last in record["gpu_setup"]["mps"][-1:]:
        if last["stopped_by"] == ITSELF:
            why = "; ".join(last["faults"])
            text = f"MPS did not serve attempt {last['attempt']} to its end: {why}"
            yield Reason(text, "mps", may_pass=True)


def warnings(record: Record) -> Iterator[str]:
    for daemon in record["gpu_setup"]["mps"]:
        if daemon["stopped_by"] in (BY_TERM, BY_KILL) and record["status"] == "finished":
            how = f"it was ended by {daemon['stopped_by']}"
            yield f"the MPS daemon of attempt {daemon['attempt']} did not quit: {how}"
