"""RAPL through powercap: what CPU packages and their memory have used, in microjoules.

A counter begins again at 0 when it has passed `max_energy_range_uj`. Readings that lie close enough
together to hold one such wrap at most give the exact sum. A counter that begins again without one
(the machine was suspended, its driver loaded anew) or stands still (in some virtual machines) ends.
A reading that fails is tried again: if no wrap can have been missed, the sum is still exact.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

HIGHEST_W = 1000.0  # no package draws more: within its range / this, a counter wraps once at most
STILL_S = 3.0  # a counter that has not moved for so long never will: it moves every millisecond

PAUSE_S = 3.0  # after a reading that failed

# A wrap needs no more power than this often the highest seen, and so many watts: else the counter
# was near its range when it began again. Of longer than `_TELLING_S` no such thing can be said.
_MORE_POWER, _MORE_W, _TELLING_S = 2.0, 50.0, 3.0
_LEAST_S = 0.5  # power over less is no power: two readings may see a counter's step or none
_FRESH_S = 0.1  # a counter that moved so long ago still holds what was used so far
_READ_S = 1.0  # a reading may come so long after the moment that is noted for it

_ZONE = re.compile(r"intel-rapl:\d+(:\d+)?")
_PACKAGE = re.compile(r"package-\d+(-die-\d+)?")
_NO_ZONE = (
    "this CPU or kernel has none, or a virtual machine or container hides it;"
    " on a machine of its own: sudo modprobe intel_rapl_msr"
)

Warn = Callable[[str, str, str], None]  # the sensor, what is wrong with it, what would help


class RaplError(Exception):
    """A zone cannot be read, or its sum is not known any more."""


@dataclass
class Zone:
    """A package, or the memory beside it; `total_uj` counts from the first reading on.

    None: not known now. `moved_s` is when it was seen to move last, or read first. Times are
    those for which the machine was awake: a machine that is suspended uses nothing.
    """

    name: str
    folder: str
    column: str
    range_uj: int
    counter_uj: int
    read_s: float
    total_uj: int | None = 0
    moved_s: float = field(init=False)
    sum_uj: int = field(default=0, init=False)  # up to the last reading that was good
    highest_w: float | None = field(default=None, init=False)
    ask_again_s: float = field(default=0.0, init=False)
    has_ended: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.moved_s = self.read_s

    @property
    def known_uj(self) -> int | None:
        """Return the total; None where it is not known, or the counter does not seem to count."""
        return self.total_uj if self.read_s - self.moved_s <= _FRESH_S else None

    @property
    def longest_s(self) -> float:
        """Return how long after a reading the next one is sure to see every wrap."""
        return self.range_uj / 1e6 / HIGHEST_W

    def read(self, now_s: float) -> None:
        """Add what was used since the last reading.

        OSError, RaplError: it is not known now; after a RaplError of `used_since` it never will.
        """
        if self.has_ended or now_s < self.ask_again_s:
            return
        self.total_uj = None
        try:
            counter_uj = number_of(self.folder, "energy_uj")
        except (OSError, RaplError):
            self.ask_again_s = now_s + PAUSE_S
            raise
        try:
            used_uj = self.used_since(counter_uj, now_s - self.read_s)
            if used_uj:
                self.moved_s = now_s
            elif now_s - self.moved_s >= STILL_S:
                raise RaplError(f"the counter has stood still for {now_s - self.moved_s:.1f} s")
        except RaplError:
            self.has_ended = True
            raise
        self.sum_uj += used_uj
        self.total_uj = self.sum_uj
        self.counter_uj, self.read_s = counter_uj, now_s

    def used_since(self, counter_uj: int, late_s: float) -> int:
        """Return what was used in the time since the last reading; RaplError if nobody can say."""
        if late_s > self.longest_s:
            raise RaplError(f"not read for {late_s:.0f} s: the counter may have wrapped twice")
        used_uj = counter_uj - self.counter_uj
        has_wrapped = used_uj < 0
        used_uj += self.range_uj if has_wrapped else 0
        if used_uj > HIGHEST_W * 1e6 * (late_s + _READ_S):
            raise RaplError("the counter has begun again, and not by a wrap")
        power_w = used_uj / 1e6 / max(late_s, _LEAST_S)
        if has_wrapped and late_s <= _TELLING_S and not self.can_use(power_w):
            raise RaplError("the counter has begun again near its range, and hardly by a wrap")
        if late_s >= _LEAST_S:
            self.highest_w = max(self.highest_w or 0.0, power_w)
        return used_uj

    def can_use(self, power_w: float) -> bool:
        """Whether what was seen so far lets so much power seem possible."""
        return self.highest_w is None or power_w <= _MORE_POWER * self.highest_w + _MORE_W


class Rapl:
    """The packages and their memory that can be read; `reason` says why there is none.

    Other zones are a part of these (core, uncore), hold them (psys) or show them a second time.
    """

    def __init__(self, powercap: str, now_s: float, warn: Warn) -> None:
        """Find the zones below a folder and read them for the first time."""
        self.powercap = powercap = os.path.normpath(powercap)
        self.warn = warn
        self.zones: list[Zone] = []
        self.unread: list[dict[str, str]] = []  # zones that could not be read from the start
        self.reason: str | None = None
        self.read_s = now_s
        refused: list[str] = []
        for name, column, folder in _found(powercap):
            try:
                self.zones.append(_first_read(name, column, folder, now_s))
            except (OSError, RaplError) as error:
                refused += [folder] if isinstance(error, PermissionError) else []
                reason = text_of(error)
                zone = {"column": f"{column}_uj", "name": name, "folder": folder, "reason": reason}
                self.unread.append(zone)
                if not isinstance(error, PermissionError):
                    self.give_reason(column, error)
        if refused:
            self.reason = f"{refused[0]}/energy_uj: Permission denied"
            warn("rapl", self.reason, _how_to_open(powercap, refused))
        elif not self.zones:
            self.reason = self.reason or f"no package in {powercap}"
            warn("rapl", self.reason, _NO_ZONE)

    def give_reason(self, column: str, error: Exception) -> None:
        self.reason = f"{column}: {text_of(error)}"
        self.warn(f"rapl {column}", text_of(error), "")

    @property
    def period_s(self) -> float:
        """Return how often to read, so that one reading may come late."""
        return min((zone.longest_s for zone in self.zones), default=float("inf")) / 3

    def read(self, now_s: float, suspended_s: float = 0.0) -> None:
        """Read all zones; `suspended_s` is for how long the machine has been suspended so far."""
        self.read_s = now_s
        for zone in self.zones:
            try:
                zone.read(now_s - suspended_s)
            except PermissionError as error:
                self.reason = f"{zone.column}: {text_of(error)}"
                hint = _how_to_open(self.powercap, [zone.folder])
                self.warn(f"rapl {zone.column}", text_of(error), hint)
            except (OSError, RaplError) as error:
                self.give_reason(zone.column, error)

    def facts(self) -> dict[str, Any]:
        """Return what monitor.json says; a zone that is not read has a reason, and no column."""
        zones = [
            {"column": f"{zone.column}_uj", "name": zone.name, "folder": zone.folder}
            for zone in self.zones
        ]
        return {"zones": [*zones, *self.unread], "reason": self.reason}


def _first_read(name: str, column: str, folder: str, now_s: float) -> Zone:
    """Return a zone that counts; OSError, RaplError if nobody can say what it is or counts."""
    if not name:
        number_of(folder, "name")  # the error says why there is none
    range_uj = number_of(folder, "max_energy_range_uj")
    if range_uj == 0:
        raise RaplError(f"{folder}/max_energy_range_uj is 0")
    return Zone(name, folder, column, range_uj, number_of(folder, "energy_uj"), now_s)


def number_of(folder: str, name: str) -> int:
    """Return what a file of a zone says; OSError, RaplError where it says nothing."""
    path = os.path.join(folder, name)
    with open(path, "rb", buffering=0) as file:
        text = file.read(64)
    if not text.strip().isdigit():
        raise RaplError(f"{path} is no number")
    return int(text)


def text_of(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _found(powercap: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, column and folder of each package and its memory, each once."""
    folders = _folders(powercap)
    names = {zone: _name(folder) for zone, folder in folders.items()}
    seen = set()
    for zone, name in names.items():
        package = names.get(zone.rpartition(":")[0], "") if name == "dram" else name
        column = package.replace("-", "_")
        if not name and zone.count(":") == 1:  # it may be a package
            column = "package_" + zone.replace(":", "_")
        elif not _PACKAGE.fullmatch(package):
            continue
        column = column.replace("package", "dram", 1) if name == "dram" else column
        if column not in seen:
            seen.add(column)
            yield name, column, folders[zone]


def _folders(powercap: str) -> dict[str, str]:
    """Return the folder of every zone; the parts of one may lie beside it or in it."""
    found: dict[str, str] = {}
    for place in [powercap, *(os.path.join(powercap, entry) for entry in _zones(powercap))]:
        for entry in _zones(place):
            found.setdefault(entry, os.path.join(place, entry))
    return found


def _zones(folder: str) -> list[str]:
    try:
        return sorted(filter(_ZONE.fullmatch, os.listdir(folder)))
    except OSError:
        return []


def _name(folder: str) -> str:
    try:
        with open(os.path.join(folder, "name"), encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _how_to_open(powercap: str, refused: list[str]) -> str:
    """Return what opens the refused zones."""
    if os.geteuid() == 0:
        return "a container hides it: run outside, or mount the host's folder"
    place = shlex.quote(powercap)
    patterns = {
        f"{place}/intel-rapl:*/energy_uj"
        if os.path.dirname(folder) == powercap
        else f"{place}/intel-rapl:*/intel-rapl:*/energy_uj"
        for folder in refused
    }
    command = " ".join(["sudo chmod a+r", *sorted(patterns)])
    return f"until the next reboot, this opens it to all users: {command}"
