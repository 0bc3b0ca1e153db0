"""Between two experiments: the GPUs are to be idle, and as cool as they were when things began."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tandem.machine.gpus import BUSY_SM_PERCENT, Gpu, gpus_now
from tandem.processes.watch import Watch

MARGIN_C = 3.0
DEFAULT_LIMIT_S = 60.0
_PERIOD_S = 0.5


@dataclass
class Cooldown:
    """The cool-downs of a run; `baseline_c` is the lowest temperature at a start so far, by uuid.

    The lowest: a baseline taken anew each time would creep up with the machine.
    """

    baseline_c: dict[str, float] = field(default_factory=dict)

    def note_start(self, gpus: Sequence[Gpu] | None) -> None:
        """Take note of the GPUs as they were when an experiment began; None: nobody could tell."""
        for gpu in gpus or ():
            self.note(gpu.uuid, gpu.temperature_c)

    def note(self, uuid: str, temperature_c: float | None) -> None:
        if temperature_c is not None:
            self.baseline_c[uuid] = min(self.baseline_c.get(uuid, temperature_c), temperature_c)

    def note_record(self, record: Mapping[str, Any] | None) -> None:
        """Take note of how an experiment began in an earlier part of the run."""
        for gpu in (record and record["census"]["before"]["gpus"]) or ():
            self.note(gpu["uuid"], gpu["temperature_c"])

    def wait(
        self, watch: Watch, limit_s: float | None, tick: Callable[[float], None]
    ) -> dict[str, Any]:
        """Wait for all GPUs that can be watched, at most `limit_s`, and return what came of it.

        None: a minute where one can be watched, else no time. A limit that was given is waited
        out where none can, and `reached` is None then. `tick` gets the seconds left until the
        limit, twice a second. Interrupted: a signal came.
        """
        begin_s = time.monotonic()
        if limit_s == 0:
            return _facts(begin_s, 0.0, None, ["switched off"], [])
        begin = gpus_now() or []
        watched = [gpu for gpu in begin if len(self.unknown(gpu)) < 2]
        if limit_s is None:
            limit_s = DEFAULT_LIMIT_S if watched else 0.0
        end_s = begin_s + limit_s
        now = begin

        def is_over() -> bool:
            nonlocal now
            tick(max(0.0, end_s - time.monotonic()))
            if not watched:
                return False
            now = gpus_now() or []
            return not self.reasons(watched, now)

        watch.wait([], end_s, is_over, _PERIOD_S)
        reasons = self.reasons(watched, now)
        reached = not reasons if watched else None
        reasons += [
            f"GPU {gpu.index}: {word} not known" for gpu in begin for word in self.unknown(gpu)
        ]
        if not watched:
            reasons = reasons or ["no GPU can be read"]
            reasons.append("waited in full" if limit_s else "not waited")
        return _facts(begin_s, limit_s, reached, reasons, self.celsius(begin, now))

    def above_c(self, gpu: Gpu) -> float | None:
        """Return how much warmer a GPU is than at its coolest start; None if either is unknown."""
        baseline_c = self.baseline_c.get(gpu.uuid)
        if baseline_c is None or gpu.temperature_c is None:
            return None
        return gpu.temperature_c - baseline_c

    def unknown(self, gpu: Gpu) -> set[str]:
        """Return which of the two conditions cannot be watched on a GPU."""
        values = {"use": gpu.sm_percent, "temperature": self.above_c(gpu)}
        return {name for name, value in values.items() if value is None}

    def reasons(self, watched: Sequence[Gpu], now: Sequence[Gpu]) -> list[str]:
        """Return what is still to be waited for; a GPU that is gone is never done."""
        found = {gpu.uuid: gpu for gpu in now}
        reasons = [(gpu.index, self.reason(gpu, found.get(gpu.uuid))) for gpu in watched]
        return [f"GPU {index}: {reason}" for index, reason in reasons if reason]

    def reason(self, began: Gpu, gpu: Gpu | None) -> str | None:
        if gpu is None or self.unknown(gpu) - self.unknown(began):
            return "cannot be read any more"
        if (gpu.sm_percent or 0.0) >= BUSY_SM_PERCENT:
            return f"still {gpu.sm_percent:.0f} % used"
        above_c = self.above_c(gpu) or 0.0
        return f"still {above_c:.0f} °C above its coolest start" if above_c > MARGIN_C else None

    def celsius(self, begin: Sequence[Gpu], now: Sequence[Gpu]) -> list[dict[str, Any]]:
        end_c = {gpu.uuid: gpu.temperature_c for gpu in now}
        return [
            {
                "index": gpu.index,
                "baseline_celsius": self.baseline_c.get(gpu.uuid),
                "begin_celsius": gpu.temperature_c,
                "end_celsius": end_c.get(gpu.uuid),
            }
            for gpu in begin
        ]


def _facts(
    begin_s: float,
    limit_s: float,
    reached: bool | None,
    reasons: Sequence[str],
    gpus: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    return {
        "duration_seconds": round(time.monotonic() - begin_s, 3),
        "limit_seconds": limit_s,
        "reached": reached,
        "reason": "; ".join(reasons) or None,
        "gpus": list(gpus),
    }
