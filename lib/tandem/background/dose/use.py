"""How much of the GPUs a background's own processes use, as NVML reports it."""

from __future__ import annotations

import os
from contextlib import ExitStack

from tandem.background.dose.targets import Trainings
from tandem.base.clock import boottime_s, now
from tandem.base.variables import VISIBLE
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.sensors import ProcessSamples, share_lived, uses

_NOBODY = "NVML reports no use of a GPU by its processes"


class Use:
    """The use of the GPUs that CUDA shows, by the trainings.

    `reason` says why it is not known; None once it is. It is 0 only after a process of theirs was
    seen on a GPU: until then NVML may as well hide who is there.
    """

    def __init__(self, trainings: Trainings, stack: ExitStack) -> None:
        """Open NVML, which `stack` will close."""
        self.trainings = trainings
        self.sources: list[ProcessSamples] = []  # one for each GPU
        self.seen: set[str] = set()  # GPUs that have had processes of ours
        self.users: set[int] = set()  # our processes that have used one
        begin, self.used = now(), False
        self.read_s = begin.boottime_s
        self.reason: str | None = _NOBODY
        try:
            stack.enter_context(opened())
            devices = nvml.visible(os.environ.get(VISIBLE))
        except NvmlError as error:
            self.reason = str(error)
            return
        if not devices:
            self.reason = "there is no GPU that can be used"
        elif any(device.mig is not None for device in devices):
            self.reason = "a MIG device has no utilisation by process"
        else:
            self.sources = [ProcessSamples(device, begin) for device in devices]

    def read(self) -> float | None:
        """Return the use since the last call in percent of a GPU, the mean over those in use.

        None: it is not known, and `reason` says why.
        """
        from_s, self.read_s = self.read_s, boottime_s()
        self.used = False
        known: dict[str, float] = {}
        try:
            for source in self.sources:
                percent = self.of_device(source, from_s)
                if percent is not None:
                    known[source.device.uuid] = percent
        except NvmlError as error:
            self.reason = str(error)
            return None
        if not known:
            return None
        self.reason = None
        return min(100.0, sum(known.values()) / len(known))

    def has_begun(self) -> bool:
        """Whether a training that lives, or lived a moment ago, has used a GPU.

        One that still loads its data shows nothing of what a duty gives.
        """
        self.users &= {*self.trainings.members, *self.trainings.ended}
        return bool(self.users.intersection(self.trainings.members)) or self.used

    def of_device(self, source: ProcessSamples, from_s: float) -> float | None:
        device, total = source.device, 0.0
        for pid, (percent, last_s) in uses(source.read()).items():
            known = pid in self.trainings.members or pid in self.trainings.ended
            if known or self.trainings.is_below(pid):
                self.seen.add(device.uuid)
                self.users.add(pid)
                self.used = True
                total += percent * self.share_lived(pid, from_s, last_s)
        if device.uuid not in self.seen and not self.is_listed(device):
            return None
        return total

    def is_listed(self, device: nvml.Device) -> bool:
        """Whether a training is on a GPU that it does not use yet."""
        ours = [each for each in nvml.processes(device) if each.pid in self.trainings.members]
        if any(each.mps for each in ours):
            self.reason = "under MPS there is no utilisation by process"
            return False
        if ours:
            self.seen.add(device.uuid)
        return bool(ours)

    def share_lived(self, pid: int, from_s: float, last_s: float) -> float:
        """Return in which share of the time since the last call a process was there, 0 to 1."""
        begin_s, end_s = self.trainings.members.get(pid, from_s), self.read_s
        if pid in self.trainings.ended:
            begin_s, end_s = self.trainings.ended[pid]
            end_s = min(end_s, last_s)
        return share_lived(begin_s, end_s, from_s, self.read_s)
