"""Under what conditions of the GPUs a record was measured: sharing, power limit, clocks.

It is what was asked for; how the GPU was shared is what was so in fact, since without a setting it
is what the machine does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tandem.config.options import CONDITIONS, MIG, MPS, MPS_VARIABLES, SHARING_NAMES, TIME_SLICING
from tandem.interference.compare.parts import real, text
from tandem.results.record import Record
from tandem.results.record_window import WindowGpu

SHARING, POWER_LIMIT, SM_CLOCK, MEMORY_CLOCK = CONDITIONS
WORDS = {
    POWER_LIMIT: "{:.15g} W",
    SM_CLOCK: "{:.15g} MHz",
    MEMORY_CLOCK: "memory {:.15g} MHz",
}


@dataclass(frozen=True)
class Setup:
    """`sharing` is as in settings, None where no GPU was shared or nobody knows how.

    `more` are limits that MPS sets to the foreground, or the profiles of MIG slices, as text.
    """

    sharing: str | None
    power_limit_w: float | None
    sm_clock_mhz: float | None
    memory_clock_mhz: float | None
    more: str

    @property
    def values(self) -> Mapping[str, Any]:
        """The conditions by their settings keys."""
        given = (self.sharing, self.power_limit_w, self.sm_clock_mhz, self.memory_clock_mhz)
        return dict(zip(CONDITIONS, given, strict=True))

    @property
    def label(self) -> str:
        """What a person reads: "MPS, 300 W, 1200 MHz"; "" where there is nothing to say."""
        return self.label_but("")

    def label_but(self, condition: str) -> str:
        """Return the label without one condition, such as that by which levels are told apart."""
        known = {key: value for key, value in self.values.items() if key != condition}
        texts = [
            words.format(known[key]) for key, words in WORDS.items() if known.get(key) is not None
        ]
        sharing = (sharing_label(known[SHARING]), self.more) if SHARING in known else ()
        return ", ".join(filter(None, (*sharing, *texts)))


def sharing_label(sharing: str | None) -> str:
    return SHARING_NAMES.get(sharing or "", sharing or "")


def condition_label(condition: str, level: str) -> str:
    """Return a level of a condition as a person reads it: MPS, 300 W, no power limit set."""
    if condition == SHARING:
        return SHARING_NAMES.get(level, "sharing not known")
    if level == "none":
        return {POWER_LIMIT: "no power limit set", SM_CLOCK: "no SM clock set"}.get(
            condition, "no memory clock set"
        )
    return WORDS[condition].format(float(level))


def setup_of(record: Record, gpus: Sequence[WindowGpu]) -> Setup:
    """Return the conditions of a record; `gpus` are the boards that its foreground used.

    ValueError: a part is none of its kind.

    Before version 6 nothing could be asked for, and the boards tell how they were shared.
    """
    facts: Mapping[str, Any] = cast(Mapping[str, Any], record).get("gpu_setup") or {}
    asked: Mapping[str, Any] = facts.get("requested") or {}
    sharing = facts.get(SHARING) or asked.get(SHARING) if facts else shared_by(gpus)
    more = ""
    if sharing == MIG:
        more = profiles_of(facts)
    elif sharing == MPS:
        more = mps_limits(record["environment"]["env"])
    return Setup(
        None if sharing is None else text(sharing),
        real(asked.get(POWER_LIMIT)),
        real(asked.get(SM_CLOCK)),
        real(asked.get(MEMORY_CLOCK)),
        more,
    )


def shared_by(gpus: Sequence[WindowGpu]) -> str | None:
    """Return how boards were shared, by what NVML said of them."""
    if not gpus:
        return None
    if any(gpu["mig"] for gpu in gpus):
        return MIG
    return MPS if any(gpu["mps"] for gpu in gpus) else TIME_SLICING


def profiles_of(facts: Mapping[str, Any]) -> str:
    """Return the profiles of the MIG slices in use, such as "3g.40gb + 3g.40gb"."""
    return " + ".join(str(each["profile"] or "unknown profile") for each in facts.get("mig") or ())


def mps_limits(environment: Mapping[str, str]) -> str:
    """Return what MPS limits a training to, from its environment."""
    limits = (
        f"{name}={environment[variable]}"
        for name, variable in MPS_VARIABLES.items()
        if variable in environment
    )
    return " ".join(limits)
