"""experiment.json, key by key: what a record says, typed, for everybody who reads one.

schemas/record.schema.json has the same keys with their descriptions, units and examples (a test
compares the two). None means not measured or not applicable, never zero.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from tandem.base.git import GitState
from tandem.plan.model import SOLO, WARM_UP
from tandem.results.record_background import Background, Value
from tandem.results.record_process import BothCensuses, Command, Stop, StopOfAll
from tandem.results.record_setup import GpuSetup
from tandem.results.record_window import GpuSeen, Load, Window, last_window

Status = Literal[
    "finished",
    "background not ready",
    "background failed",
    "MPS failed",
    "GPU busy",
    "interrupted",
    "not recorded",
]
NOT_RECORDED: Status = "not recorded"
UNFINISHED: tuple[Status, ...] = ("interrupted", "GPU busy")  # an experiment is missing then
# What somebody meets who takes for a record what is damaged, or was written by another version.
UNLIKE_A_RECORD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


class Isolation(TypedDict):
    mode: str
    reason: str


class Attempt(TypedDict):
    number: int
    exit_code: int | None
    signal: int | None
    reason: str
    error_message: str | None
    started: str | None
    ended: str | None
    start_boottime_s: float | None
    end_boottime_s: float | None
    start_took_seconds: float | None
    suspended_seconds: float | None
    pauses: int | None
    paused_seconds: float | None
    duration_seconds: float | None
    cpu_user_seconds: float | None
    cpu_system_seconds: float | None
    cpu_seconds: float | None
    peak_memory_bytes: int | None
    coverage: float | None
    epoch_first: int | None
    log: str
    stop: Stop | None


class Suspension(TypedDict):
    boottime_s: float
    duration_seconds: float


class Cooldown(TypedDict):
    duration_seconds: float
    limit_seconds: float
    reached: bool | None
    reason: str | None
    gpus: list[dict[str, Any]]


class Position(TypedDict):
    number: int
    number_since_resume: int
    planned: int
    run_seconds: float


class MachineFile(TypedDict):
    file: str
    sha256: str


class BoardFaults(TypedDict):
    index: int
    uuid: str
    ecc_corrected: int | None
    ecc_uncorrected: int | None
    ecc_reason: str | None
    xids: list[int] | None
    xids_beside: list[int] | None
    xids_reason: str | None


class Environment(Command):
    hostname: str
    kernel: str
    os: str | None
    cpu_model: str | None
    cpu_logical_count: int | None
    memory_total_bytes: int
    python: str
    tandem: str
    tandem_git: GitState
    registry: str
    device: str | None
    cpu_governor: str | None
    node_shared: bool | None
    node_shared_reason: str | None


class Settings(TypedDict):
    file: str | None
    path: str
    entry: dict[str, Any]
    warnings: list[str]


class Epochs(TypedDict):
    expected: int | None
    count: int
    first: float | None
    last: float | None
    at_most_done: int
    begins_late: bool
    own_pattern: bool
    early_stopping: bool


class EpochTime(TypedDict):
    epoch: int
    seconds: float


class LogSays(TypedDict):
    patterns: dict[str, str]
    failure: str | None
    last_line: str | None
    problem: str | None


class Place(TypedDict):
    config: int
    background_number: int | None
    repeat: int
    block: int
    position: int


class Record(TypedDict):
    record_version: int
    experiment_id: str
    timestamp: str
    experiment_source: str
    repository: str
    model: str
    mode: str
    control: str | None
    twin: str | None
    group: str
    try_number: int
    worker: str | None
    place: Place | None
    foreground_mode: str
    status: Status
    training_success: bool
    error_message: str | None
    duration_seconds: float | None
    retries: int
    hyperparameters: dict[str, Value]
    mutated: list[str]
    seed: int
    performance_metrics: dict[str, float | None]
    metric_reasons: dict[str, str]
    required_metrics: list[str]
    epochs_done: int | None
    epochs: Epochs
    epoch_times: list[EpochTime]
    log: LogSays
    energy_metrics: dict[str, Any] | None
    energy_reason: str | None
    gpus_used: list[GpuSeen] | None
    gpus_used_reason: str | None
    valid: bool
    invalid_reasons: list[str]
    warnings: list[str]
    validity: dict[str, Any]  # float; or None, no limit
    windows: list[Window]
    suspensions: list[Suspension]
    attempts: list[Attempt]
    locks_removed: list[str]
    idle_context_reason: str | None
    cut_off: list[str]
    position: Position
    cooldown: Cooldown | None
    machine: MachineFile | None
    faults: list[BoardFaults] | None
    gpu_setup: GpuSetup
    background: Background | None
    stop: StopOfAll
    census: BothCensuses
    environment: Environment
    settings: Settings
    digests: dict[str, str]


def is_warm_up(record: Record) -> bool:
    """Whether a record is of a run that is thrown away: it stands in no figure."""
    return record["control"] == WARM_UP


def foreground_name(control: str | None) -> str:
    """Return what the windows of a foreground are called, by what it is the control of."""
    return SOLO if control == SOLO else "foreground"


def foreground_window(record: Record) -> Window | None:
    """Return the window of the last attempt at a record's foreground, None if it has none."""
    name = foreground_name(record["control"])
    return last_window(record["windows"], name, len(record["attempts"]))


def load_of(record: Record) -> Load | None:
    """Return how much load there was beside the last attempt, None if that is not known."""
    window = foreground_window(record)
    return window["load"] if window else None
