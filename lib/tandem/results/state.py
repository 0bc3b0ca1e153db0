"""state.json: what a run does at this moment, for whoever looks from outside.

It is a view and no record: nothing is ever computed from it. The run writes it again every two
seconds under a temporary name and renames it, so that nobody reads half of it. It is not forced to
the disk, and a full disk only makes it old.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tandem.base.files import temporary_name
from tandem.base.json_object import json_object
from tandem.base.moments import moment_of
from tandem.plan.model import Plan
from tandem.plan.tries import newest_try
from tandem.results.owner import STALE_S, Owner

NAME = "state.json"
VERSION = 1
PERIOD_S = 2.0

Status = Literal["running", "ended", "stopped", "failed"]
Made = TypeVar("Made")


@dataclass(frozen=True)
class Current:
    """The experiment that runs; `what` says what it is, `number` and `total` where the run is.

    `background` has the trainings beside it: "REPO MODEL".
    """

    id: str
    what: str
    number: int
    total: int
    values: Mapping[str, Any]
    background: tuple[str, ...]


@dataclass(frozen=True)
class Rounds:
    """The newest round of the first background, and how many of all failed or were hollow."""

    newest: int
    failed: int = 0
    hollow: int = 0

    def text(self) -> str:
        """`round 7 (2 failed, 1 hollow)`."""
        counts = {"failed": self.failed, "hollow": self.hollow}
        bad = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return f"round {self.newest}" + (f" ({bad})" if bad else "")


@dataclass(frozen=True)
class Use:
    """What one of the two sides uses of a GPU or of the CPUs (100 %: of one CPU)."""

    percent: float | None
    memory_mib: float | None


@dataclass(frozen=True)
class Board:
    """The newest row of a GPU, or of one of its MIG devices."""

    name: str
    power_w: float | None
    percent: float | None
    memory_mib: float | None
    foreground: Use
    background: Use


@dataclass(frozen=True)
class OwnBoard:
    """A GPU that the process has, or one of its MIG devices."""

    index: int
    uuid: str
    name: str


@dataclass(frozen=True)
class Newest:
    """What the monitor has measured last; `age_s` is how old that is."""

    age_s: float
    gpus: tuple[Board, ...]
    foreground_cpu: Use
    background_cpu: Use

    @property
    def power_w(self) -> float | None:
        """The power of all GPUs together; None: that of one is not known, or there is none."""
        known = [each.power_w for each in self.gpus if each.power_w is not None]
        return sum(known) if known and len(known) == len(self.gpus) else None


@dataclass(frozen=True)
class Counts:
    """The experiments of a run, each of its newest try; warm-ups are not among them."""

    valid: int
    not_valid: int
    missing: int


@dataclass(frozen=True)
class State:
    """What a run does; None for what is not known or does not apply.

    `written` and `ends` are UTC. `why` says why the run was stopped or has failed. `elapsed_s` is
    how long the phase has taken, `left_s` how long the experiment will take, `run_left_s` the run.
    `coverage_so_far` is that of the attempt that runs, 0 to 1. `boards` are those that the process
    has.
    """

    version: int
    written: str
    owner: Owner
    status: Status
    why: str | None
    phase: str
    experiment: Current | None
    epoch: int | None
    epochs: int | None
    rounds: Rounds | None
    coverage_so_far: float | None
    newest: Newest | None
    counts: Counts
    elapsed_s: float | None
    left_s: float | None
    run_left_s: float | None
    ends: str | None
    boards: tuple[OwnBoard, ...] = ()


def counts_of(plan: Plan, valid: Mapping[str, bool]) -> Counts:
    """Return how many experiments there are of each kind; `valid` has those that have ended.

    Of a group that runs again it is the newest try that is told of, also while it is half done.
    """
    newest = [each.id for members in plan.groups.values() for each in newest_try(members)]
    ended = [valid[name] for name in newest if name in valid]
    return Counts(ended.count(True), ended.count(False), len(newest) - len(ended))


def state_file(run: Path) -> Path:
    return run / NAME


# -- writing -----------------------------------------------------------------------------


class StateFile:
    """The state of a run on the disk; `problem`: it could not be written last, or took a minute."""

    def __init__(self, run: Path) -> None:
        self.file = str(state_file(run))
        self.temporary = temporary_name(self.file)
        self.written_s = float("-inf")
        self.problem: OSError | None = None

    def is_due(self) -> bool:
        return time.monotonic() - self.written_s >= PERIOD_S

    def write(self, state: State) -> None:
        """Write it; where that cannot be (a full disk), what stands there grows old."""
        self.written_s = time.monotonic()
        data = json.dumps(asdict(state), ensure_ascii=False, indent=1).encode(errors="replace")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with open(os.open(self.temporary, flags, 0o666), "wb") as stream:
                stream.write(data + b"\n")
            os.rename(self.temporary, self.file)
            took_s = time.monotonic() - self.written_s
            silence = OSError(errno.ETIMEDOUT, f"no answer for {took_s:.0f} s")
            self.problem = silence if took_s > STALE_S else None
        except OSError as error:
            self.problem = error
            with suppress(OSError):
                os.unlink(self.temporary)


# -- reading -----------------------------------------------------------------------------


def read_state(run: Path) -> State | None:
    """Return the state in a run's folder; None: there is none, or none of this version."""
    try:
        state = made(State, json_object(state_file(run)))
    except ValueError:
        return None
    return state if state.version == VERSION and moment_of(state.written) else None


def made(kind: type[Made], value: Any) -> Made:
    """Return a value of JSON as this type; ValueError: it is none of it."""
    if is_dataclass(kind):
        return _dataclass(kind, value)
    options = get_args(kind)
    origin = get_origin(kind)
    if origin in (UnionType, Union):
        return None if value is None else made(options[0], value)  # type: ignore[return-value]
    if origin is Literal:
        is_right = value in options
    elif origin is tuple:
        is_right = isinstance(value, list)
        value = tuple(made(options[0], each) for each in value) if is_right else value
    elif kind is float:
        is_right = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif kind is int:
        is_right = type(value) is int
    else:
        is_right = isinstance(value, dict if origin else kind)
    if not is_right:
        raise ValueError(f"{value!r} is no {kind}")
    return value  # type: ignore[no-any-return]


def _dataclass(kind: type[Made], value: Any) -> Made:
    types = get_type_hints(kind)
    try:
        values = {
            each.name: made(types[each.name], value[each.name])
            for each in fields(kind)  # type: ignore[arg-type]
            if each.name in value or each.default is MISSING
        }
    except (KeyError, TypeError) as error:
        raise ValueError(f"no {kind.__name__}: {error}") from None
    return kind(**values)
