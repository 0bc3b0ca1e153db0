"""The GPU memory of a background: its limit, how the training learns of it, and what it holds."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tandem.base.clock import Moment, boottime_s, now
from tandem.base.variables import MPS_MEMORY, VISIBLE
from tandem.config.options import Dose
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError
from tandem.nvml.sensors import ProcessSample, ProcessSamples
from tandem.plan.model import Background, Training
from tandem.processes.proc import is_below
from tandem.processes.scripts import Script

FRACTION = "TANDEM_GPU_MEMORY_FRACTION"
MIB = "TANDEM_GPU_MEMORY_MIB"
PYTORCH = "pytorch"
# The first of them is read by all versions; some newer ones take the second for the first choice.
PYTORCH_OPTIONS = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
LEAST_FRACTION = 0.0001
PERIOD_S = 1.0


@dataclass(frozen=True)
class Limit:
    """What a background may hold of the memory of each of its GPUs.

    `mib`, and `fraction` (0 to 1) of the first GPU in `devices`, which are those that it sees; both
    None without a limit, one of them where `problem` says why the GPU's size is not known.
    """

    devices: Sequence[nvml.Device] = ()
    mib: float | None = None
    fraction: float | None = None
    problem: str = ""


def seen_by(training: Training) -> list[nvml.Device]:
    """Return the GPUs that a training sees; NvmlError where NVML does not tell."""
    return nvml.visible(training.environment.get(VISIBLE, os.environ.get(VISIBLE)))


def limit_of(dose: Dose, training: Training) -> Limit:
    """Return the limit of a background; NVML is open, where there is one."""
    devices: Sequence[nvml.Device] = ()
    mib, fraction, problem = dose.gpu_memory_mib, dose.gpu_memory_fraction, ""
    try:
        devices = seen_by(training)
        if mib is None and fraction is None:
            return Limit(devices)
        if not devices:
            raise NvmlError("it sees no GPU")
        total_mib = nvml.memory_total_mib(devices[0])
        mib = total_mib * fraction if mib is None and fraction is not None else mib
        fraction = min(1.0, mib / total_mib) if fraction is None and mib is not None else fraction
    except NvmlError as error:
        problem = f"its GPU cannot be asked: {error}"
    return Limit(devices, mib, fraction, problem)


def environment_of(limit: Limit, training: Training) -> dict[str, str]:
    """Return the variables that tell a training, and the frameworks in it, of its limit.

    What the training's own environment says already is left to it. docs/load.md has the sources.
    """
    variables: dict[str, str] = {}
    if limit.fraction is not None:
        share = f"{max(LEAST_FRACTION, math.floor(limit.fraction * 10000) / 10000):g}"
        variables |= dict.fromkeys((FRACTION, "XLA_CLIENT_MEM_FRACTION"), share)
        variables["XLA_PYTHON_CLIENT_MEM_FRACTION"] = share  # its older name
        variables["FLAGS_fraction_of_gpu_memory_to_use"] = share
        if PYTORCH in training.memory_limit:
            variables |= _pytorch_options(share, training)
    if limit.mib is not None:
        mib = str(max(1, math.floor(limit.mib)))
        variables[MIB] = variables["FLAGS_gpu_memory_limit_mb"] = mib
        places = range(max(1, len(limit.devices)))
        variables[MPS_MEMORY] = ",".join(f"{place}={mib}M" for place in places)
    return {name: text for name, text in variables.items() if name not in training.environment}


def _pytorch_options(share: str, training: Training) -> dict[str, str]:
    """The options of its allocator, beside those that are set already."""
    if not set(PYTORCH_OPTIONS).isdisjoint(training.environment):
        return {}  # whichever of the two counts, it is the registry's
    given = {name: text for name in PYTORCH_OPTIONS if (text := os.environ.get(name))}
    given.setdefault(PYTORCH_OPTIONS[0], given.get(PYTORCH_OPTIONS[1], ""))
    option = f"per_process_memory_fraction:{share}"
    return {name: ",".join(filter(None, [text, option])) for name, text in given.items()}


@dataclass
class MemoryUse:
    """What a background, spoken of as `name`, holds of the memory of one of its GPUs, at most.

    It is what all its processes hold together; `max_mib` is None as long as none was seen there.
    `unknown` says why not everything could be seen, or "". `variables` are those that the limit
    was passed in. `sm_max_percent` is the most that one of them was seen to use of a GPU, and
    `used_s` when that any was seen last; `is_reported` says whether NVML reports that.
    """

    name: str
    limit: Limit
    variables: Mapping[str, str] = field(default_factory=dict)
    max_mib: float | None = None
    exceeded_s: float | None = None  # on CLOCK_BOOTTIME, as `used_s`
    unknown: str = ""
    is_reported: bool = True
    sm_max_percent: float | None = None
    used_s: float | None = None

    def forget(self) -> None:
        """Begin again: what was seen so far is not what counts."""
        self.max_mib, self.exceeded_s, self.unknown = None, None, ""
        self.is_reported, self.sm_max_percent, self.used_s = True, None, None

    def idles(self) -> bool:
        """Whether it holds memory, and was not seen to use the GPU, as far as that is reported."""
        return bool(self.max_mib) and self.is_reported and not self.sm_max_percent

    def note_use(self, script: Script, used: Mapping[str, Sequence[ProcessSample] | None]) -> None:
        """Take who has used the GPUs since the last time, by `key_of`; None: not reported."""
        samples = [used.get(key_of(device)) for device in self.limit.devices]
        self.is_reported = self.is_reported and bool(samples) and None not in samples
        for sample in (each for those in samples for each in those or ()):
            if is_below(sample.pid, script.pid):
                self.sm_max_percent = max(self.sm_max_percent or 0.0, sample.sm_percent)
                if sample.sm_percent > 0:
                    self.used_s = max(self.used_s or 0.0, sample.at_s)

    def note(self, script: Script, listed: Mapping[str, Sequence[nvml.Process]]) -> str | None:
        """Take who is on the GPUs now, by `key_of`; return a warning, once, beyond the limit."""
        for device in self.limit.devices:
            everyone = listed.get(key_of(device), ())
            on_it = [each for each in everyone if is_below(each.pid, script.pid)]
            if any(each.mps for each in on_it):
                self.is_reported = False  # all use is that of MPS's server
            if any(each.memory_mib is None for each in on_it):
                self.unknown = "the memory of a process is not reported"
                continue
            if not on_it:
                continue
            mib = sum(each.memory_mib or 0.0 for each in on_it)
            self.max_mib = max(self.max_mib or 0.0, mib)
            if self.limit.mib is not None and mib > self.limit.mib and not self.exceeded_s:
                self.exceeded_s = boottime_s()
                return (
                    f"warning: {self.name} holds {mib:.0f} MiB of GPU {device.index}, more than its"
                    f" limit of {self.limit.mib:.0f} MiB"
                )
        return None

    def facts(self) -> dict[str, Any]:
        """Return it for outcome.json; memory in MiB, moments in seconds on CLOCK_BOOTTIME."""
        exceeded: bool | None = self.exceeded_s is not None
        if not exceeded and (self.limit.mib is None or self.max_mib is None or self.unknown):
            exceeded = None
        is_seen = self.is_reported and self.max_mib is not None
        reasons = [self.limit.problem, self.unknown]
        if self.max_mib is None and not any(reasons):
            reasons = ["none of its processes was seen on a GPU"]
        return {
            "limit_mib": self.limit.mib,
            "max_mib": self.max_mib,
            "exceeded": exceeded,
            "exceeded_boottime_s": self.exceeded_s,
            "sm_max_percent": self.sm_max_percent or 0.0 if is_seen else None,
            "used_boottime_s": self.used_s if is_seen else None,
            "reason": "; ".join(filter(None, reasons)) or None,
            "env": dict(self.variables),
        }


def memory_use(name: str, background: Background, say: Callable[[str], None]) -> MemoryUse:
    """Find out what a background may hold, and say what of that cannot be handed on."""
    limit = limit_of(background.dose, background.training)
    variables = environment_of(limit, background.training)
    if limit.problem and variables:
        say(f"{name}: {limit.problem}; of its limit only {', '.join(variables)} can be set")
    elif limit.problem and (limit.mib, limit.fraction) != (None, None):
        say(f"{name}: {limit.problem}; of its limit nothing can be set")
    return MemoryUse(name, limit, variables)


def key_of(device: nvml.Device) -> str:
    return f"{device.uuid} {device.mig}"


@dataclass
class MemoryWatch:
    """Looks at the GPUs of all backgrounds, each at most once a second."""

    next_s: float = 0.0
    since: Moment = field(default_factory=now)
    sources: dict[str, ProcessSamples] = field(default_factory=dict)  # by `key_of`

    def look(self, uses: Sequence[tuple[MemoryUse, Script | None]]) -> list[str]:
        """Note what the backgrounds whose scripts run hold now; return warnings, each once."""
        now_s = time.monotonic()
        if now_s < self.next_s:
            return []
        self.next_s = now_s + PERIOD_S
        running = [(use, script) for use, script in uses if script and not script.ended()]
        devices = {key_of(each): each for use, _ in running for each in use.limit.devices}
        listed: dict[str, Sequence[nvml.Process]] = {}
        for key, device in devices.items():
            try:
                listed[key] = nvml.processes(device)
            except NvmlError as error:
                for use, _ in running:
                    if any(key_of(each) == key for each in use.limit.devices):
                        use.unknown = f"who is on GPU {device.index} is not known: {error}"
        used = {key: self.used(key, device) for key, device in devices.items()}
        for use, script in running:
            use.note_use(script, used)
        return [text for use, script in running if (text := use.note(script, listed))]

    def used(self, key: str, device: nvml.Device) -> Sequence[ProcessSample] | None:
        """Return the use of a GPU by process since the last look; None: it is not reported."""
        try:
            return self.sources.setdefault(key, ProcessSamples(device, self.since)).read()
        except NvmlError:
            return None
