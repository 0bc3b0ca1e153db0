"""On which GPUs of the machine the trainings are: of those that are not sampled as well."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tandem.measure.rows import ON_GPUS, PLACE_COLUMNS
from tandem.measure.sampling.files import Csv, Report
from tandem.measure.sampling.gpu import SampledGpu
from tandem.measure.sampling.roles import EVERYBODY, Trees
from tandem.measure.sampling.strangers import MPS_SERVER, STRANGERS, UNCLEAR, UNREAD
from tandem.nvml.binding import NvmlError
from tandem.nvml.devices import Device, processes
from tandem.processes.proc import name, stat

SEEN, INITIAL = "a process of ours was seen", "initial PID namespace"

_PID_NAMESPACE = Path("/proc/self/ns/pid")
_INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # Linux gives the first one this number, always


class Places:
    """Writes on_gpus.csv, a row for each row of the GPUs.

    `mapped_by` says why NVML's process ids are known to be those of this /proc; None: they may be
    others, as in a container that does not have its host's.
    """

    def __init__(
        self,
        folder: str,
        gpus: Sequence[SampledGpu],
        others: Sequence[Device],
        trees: Trees,
        report: Report,
    ) -> None:
        """Begin the file; OSError if that cannot be."""
        self.csv = Csv(os.path.join(folder, ON_GPUS), PLACE_COLUMNS)
        self.gpus, self.others = gpus, others
        self.trees, self.report = trees, report
        self.mapped_by = INITIAL if is_initial_namespace() else None

    def facts(self) -> dict[str, Any]:
        """Return what monitor.json says of it."""
        others = [
            {"stem": each.stem, "index": each.index, "uuid": each.uuid} for each in self.others
        ]
        facts = {"pids_mapped_by": self.mapped_by, "other_gpus": others}
        return {**facts, "sees_all_processes": is_initial_namespace()}

    def put_row(self, at_s: float, kind: str) -> None:
        """Write who is on which GPU.

        The other GPUs are not asked in a row for an edge: the steps of the energy counter about it
        are looked for next.
        """
        seen = {gpu.device.stem: gpu.occupants.seen for gpu in self.gpus}
        if kind != "mark":
            seen |= {each.stem: self.look(each, at_s) for each in self.others}
        if self.mapped_by != SEEN and any(not who.isdisjoint(EVERYBODY) for who in seen.values()):
            self.mapped_by, self.report.has_changed = SEEN, True
        cells = {"boottime_s": f"{at_s:.4f}", "kind": kind}
        for column in PLACE_COLUMNS[2:]:
            who = column.removesuffix("_on")
            cells[column] = " ".join(stem for stem, there in seen.items() if who in there)
        self.csv.put(cells)

    def look(self, device: Device, now_s: float) -> set[str]:
        """Return who is on a GPU that is not sampled."""
        try:
            listed = processes(device)
        except NvmlError:
            return {UNREAD}
        return {self.owner_of(each.pid, now_s) for each in listed}

    def owner_of(self, pid: int, now_s: float) -> str:
        role = self.trees.role_of(pid, now_s)
        if role is None and (not stat(pid) or name(pid).startswith(MPS_SERVER)):
            return UNCLEAR
        return role or STRANGERS


def is_initial_namespace() -> bool:
    """Whether this process sees the machine's own process ids, which are those of NVML."""
    try:
        return os.readlink(_PID_NAMESPACE) == _INITIAL_PID_NAMESPACE
    except OSError:
        return False
