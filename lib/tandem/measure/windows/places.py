"""On which GPUs of the machine the trainings were in a window, and on which they were not.

Two things can show that a training was not on a GPU: nobody was, as neither its memory nor its use
moved; or NVML's process ids are known to be those of /proc, and its lists name nobody of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.measure.rows import ON_GPUS, PLACE_COLUMNS, ROLES, read_rows, rows_between
from tandem.measure.windows.edges import number_in, time_of
from tandem.measure.windows.slices import heed_siblings
from tandem.measure.windows.tallies import SLACK_S

SEEN_S = 5.0  # in so long a process that uses a GPU is seen to
STILL_S = 3.0  # in so long a GPU that somebody uses does not look idle in every row
CONTEXT_MIB = 50.0  # less than a process takes that computes on a GPU
CONTEXT_W = 15.0  # less than a board draws more when somebody does

Facts = dict[str, Any]
View = Mapping[str, Any]


@dataclass(frozen=True)
class Sightings:
    """Which stems each column of on_gpus.csv has in a window.

    `length_s` is that of the window, `gap_s` for how long nobody looked at most.
    """

    on: Mapping[str, set[str]]
    length_s: float
    gap_s: float

    @property
    def doubt(self) -> str | None:
        """Why they cannot show that somebody was nowhere."""
        if self.length_s < SEEN_S:
            lived = f"{self.length_s:.1f} s are too short to be seen on a GPU for sure"
            return f"{lived} ({SEEN_S:g} s are needed)"
        return f"nobody looked for {self.gap_s:.1f} s" if self.gap_s > SEEN_S else None

    @property
    def shows_stillness(self) -> bool:
        """Whether a GPU that looks idle in every row was idle."""
        return self.gap_s <= STILL_S <= self.length_s

    def is_clear(self, stem: str) -> bool:
        return stem not in self.on["unclear_on"] | self.on["unread_on"]

    def names(self, stem: str) -> bool:
        return any(stem in stems for stems in self.on.values())


def sightings(path: Path, from_s: float, to_s: float) -> Sightings:
    """Read the rows inside a window; the row that its start has asked for is of before it."""
    on: dict[str, set[str]] = {column: set() for column in PLACE_COLUMNS[2:]}
    looked_s, gap_s = from_s, 0.0
    for row in rows_between(path, from_s, to_s + SLACK_S):
        if from_s + SLACK_S < time_of(row) <= to_s + SLACK_S:
            gap_s, looked_s = max(gap_s, time_of(row) - looked_s), time_of(row)
            for column, stems in on.items():
                stems.update(str(row.get(column, "")).split())  # earlier ones lack some
    return Sightings(on, to_s - from_s, max(gap_s, to_s - looked_s))


def add_places(facts: Facts, folder: Path, monitor: View) -> None:
    """Add to a window's facts `gpus_used` by role, `has_gpu`, and to each GPU who was seen on it.

    `foreground_seen` and `background_seen` of a GPU are None where that is not known; so are the
    GPUs that a role used, with the reason. `has_gpu` says the same of the whole machine.
    `strangers_hidden_reason` of a GPU says why somebody may have been there unseen.
    """
    found = sightings(folder / ON_GPUS, facts["start_boottime_s"], facts["end_boottime_s"])
    stems = [Path(gpu["file"]).stem for gpu in monitor["gpus"]]
    measured = dict(zip(stems, facts["gpus"], strict=False))
    moved = {stem: has_moved(folder / f"{stem}.csv", gpu) for stem, gpu in measured.items()}
    every = {stem: place(gpu, is_measured=True) for stem, gpu in measured.items()}
    for gpu in monitor.get("other_gpus", ()):
        every[gpu["stem"]] = place(gpu, is_measured=False)
    facts["has_gpu"] = monitor.get("has_gpu")
    facts["gpus_used"] = {}
    for stem, gpu in measured.items():
        gpu["strangers_hidden_reason"] = hidden(found, gpu, stem, moved[stem], monitor)
        if gpu["mig"]:
            heed_siblings(gpu, found.on, monitor)
    for role in ROLES:
        unknown = lost(monitor, role, facts["end_boottime_s"]) or unmapped(monitor)
        for stem, gpu in measured.items():
            gpu[f"{role}_seen"] = seen_on(found, role, stem, moved[stem], is_mapped=not unknown)
        seen = [gpu for stem, gpu in every.items() if stem in found.on[f"{role}_on"]]
        reason = unseen(facts, monitor) or found.doubt
        if not seen and every:
            reason = reason or unknown or no_proof(found, every, moved)
        facts["gpus_used"][role] = {"gpus": None if reason else seen, "reason": reason}


def place(gpu: View, *, is_measured: bool) -> Facts:
    return {"index": gpu["index"], "uuid": gpu["uuid"], "measured": is_measured}


def unseen(facts: View, monitor: View) -> str | None:
    """Return why nobody looked at any GPU, where there may be one."""
    if facts["gpus"] or monitor.get("other_gpus") or facts["has_gpu"] is False:
        return None
    return facts["gpus_reason"] or "no GPU was looked at"


def lost(monitor: View, role: str, until_s: float) -> str | None:
    """Return why a part of a role's processes was never seen; None where all were."""
    for warning in monitor["warnings"]:
        if warning["sensor"] == role and warning["boottime_s"] <= until_s:
            return str(warning["message"])
    return None


def unmapped(monitor: View) -> str | None:
    if monitor.get("pids_mapped_by"):
        return None
    return "NVML's process ids are not known to be those of /proc here"


def no_proof(
    found: Sightings, every: Mapping[str, View], moved: Mapping[str, bool | None]
) -> str | None:
    """Return why a role that was seen on no GPU may have been on one all the same."""
    for stem, gpu in every.items():
        if not found.is_clear(stem):
            return f"who was on GPU {gpu['index']} is not known"
        if moved.get(stem) and not found.names(stem):
            return f"GPU {gpu['index']} was used, and NVML lists nobody on it"
    return None


def hidden(
    found: Sightings, gpu: View, stem: str, has_moved: bool | None, monitor: View
) -> str | None:
    """Return why not everybody who uses a GPU can be seen; None where they can."""
    if not monitor.get("sees_all_processes", monitor.get("pids_mapped_by")):
        return "this run sees the processes of its own PID namespace alone"
    if has_moved and not found.doubt and not found.names(stem):
        return f"GPU {gpu['index']} was used, and NVML lists nobody on it"
    return None


def seen_on(
    found: Sightings, role: str, stem: str, has_moved: bool | None, *, is_mapped: bool
) -> bool | None:
    """Whether a role was on a GPU in a window; None where that is not known."""
    if stem in found.on[f"{role}_on"]:
        return True
    if has_moved is False and found.shows_stillness:
        return False
    is_list_whole = found.is_clear(stem) and (found.names(stem) or not has_moved)
    return False if is_mapped and is_list_whole and not found.doubt else None


def has_moved(path: Path, gpu: View) -> bool | None:
    """Whether anybody was on a GPU in a window, by its use and memory; None: there is no sign.

    False is sure: its power stood still as well. Its memory is compared with that at the monitor's
    start, which is before any training's.
    """
    first = next(read_rows(path), None)
    first_mib = None if first is None else number_in(first, "memory_used_mib")
    more_mib = above(gpu["memory_max_mib"], first_mib)
    more_w = above(gpu["power_max_watts"], gpu["power_min_watts"])
    if gpu["sm_max_percent"] or (more_mib or 0.0) > CONTEXT_MIB:
        return True
    is_known = gpu["sm_avg_percent"] is not None and None not in (more_mib, more_w)
    return False if is_known and (more_w or 0.0) <= CONTEXT_W else None


def above(most: float | None, least: float | None) -> float | None:
    return None if most is None or least is None else most - least


# -- asked of a window or a record -----------------------------------------------------------


def absence(window: View | None, role: str) -> str | None:
    """Say that a role was on none of the GPUs that are measured; None where it was, or may be."""
    gpus = window["gpus"] if window else ()
    if not gpus or any(gpu[f"{role}_seen"] is not False for gpu in gpus):
        return None
    others = elsewhere(window, role)
    where = f" (it was on {numbered(others)})" if others else ""
    return f"no process of the {role} was on {numbered(gpus)}{where}"


def elsewhere(window: View | None, role: str) -> list[View]:
    """Return the GPUs that a role was on and that are not measured."""
    used = window["gpus_used"][role]["gpus"] if window else None
    return [gpu for gpu in used or () if not gpu["measured"]]


def numbered(gpus: Sequence[View]) -> str:
    """Return GPUs by their boards' numbers; a MIG slice has its UUID beside that."""
    return f"GPU {', '.join(dict.fromkeys(map(_name, gpus)))}"


def _name(gpu: View) -> str:
    is_slice = gpu["uuid"].startswith("MIG-")
    return f"{gpu['index']} ({gpu['uuid']})" if is_slice else str(gpu["index"])
