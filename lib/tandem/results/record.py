"""experiment.json, key by key: what a record says, typed, for everybody who reads one.

schemas/record.schema.json has the same keys with their descriptions, units and examples (a test
compares the two). None means not measured or not applicable, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from tandem.base.git import GitState
from tandem.plan.model import SOLO, WARM_UP

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
Value = bool | int | float | str  # of a hyperparameter


class Process(TypedDict):
    pid: int
    name: str


class Lingering(TypedDict):
    pid: int
    name: str
    is_helper: bool


class Stop(TypedDict):
    lingered_seconds: float
    lingered: list[Lingering]
    went_on: list[Lingering]
    duration_seconds: float
    terminated: list[Process]
    killed: list[Process]
    left: list[Process]


class StopOfAll(TypedDict):
    reason: str
    duration_seconds: float | None
    terminated: list[Process]
    killed: list[Process]
    strays_killed: list[Process]
    left: list[Process]


class Pin(TypedDict):
    commit: str
    matches: bool | None


class Isolation(TypedDict):
    mode: str
    reason: str


class GpuProcess(TypedDict):
    pid: int
    kind: str
    user: str
    name: str
    memory_mib: float | None


class GpuNow(TypedDict):
    index: int
    uuid: str
    name: str
    sm_percent: float | None
    memory_used_mib: float | None
    temperature_c: float | None
    processes: list[GpuProcess] | None


class Census(TypedDict):
    gpu_holders: list[Process]
    gpus: list[GpuNow] | None


class CensusBefore(Census):
    busy: list[str]
    leftovers_removed: list[Process]


class BothCensuses(TypedDict):
    before: CensusBefore
    after: Census


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


class Round(TypedDict):
    first: int
    last: int
    started: str
    ended: str | None
    start_boottime_s: float
    end_boottime_s: float | None
    training_seconds: float
    completed: int
    failed: int
    hollow: int
    exit_code: int | None
    reason: str | None
    why: str | None


class GpuMemory(TypedDict):
    limit_mib: float | None
    max_mib: float | None
    exceeded: bool | None
    exceeded_at: str | None
    sm_max_percent: float | None
    used_at: str | None
    used_boottime_s: float | None
    reason: str | None
    env: dict[str, str]


class TriedSize(TypedDict):
    value: int
    reason: str


class Auto(TypedDict):
    name: str
    value: int | None
    tried: list[TriedSize]


class GpuSeen(TypedDict):
    index: int
    uuid: str
    measured: bool


class RoleGpus(TypedDict):
    gpus: list[GpuSeen] | None
    reason: str | None


class GpusUsed(TypedDict):
    foreground: RoleGpus
    background: RoleGpus


class Command(TypedDict):
    command: list[str]
    working_directory: str
    env: dict[str, str]
    declared_device: str
    repository_git: GitState
    pin: Pin | None


class RoundCounts(TypedDict):
    rounds_completed: int
    rounds_failed: int
    rounds_hollow: int
    rounds_without_metric: int
    rounds_unjudged: int
    rounds_stopped: int
    rounds_open: int
    training_seconds: float
    cpu_seconds: float | None
    cpu_reason: str | None
    coverage: float | None


class BackgroundPart(Command, RoundCounts):
    name: str
    repository: str
    model: str
    hyperparameters: dict[str, Value]
    restart_delay_seconds: float
    max_rounds: int | None
    intensity: float | None
    target_gpu_utilization: float | None
    gpu_memory_mib: float | None
    gpu_memory_fraction: float | None
    gpu_memory: GpuMemory
    auto: Auto | None
    ready_by: str | None
    rounds: list[Round]
    problems: list[str]
    logs: str


class Background(RoundCounts):
    repository: str
    model: str
    hyperparameters: dict[str, Value]
    warmup_seconds: float
    isolation: str
    isolation_reason: str
    gpus_used: list[GpuSeen] | None
    gpus_used_reason: str | None
    problems: list[str]
    misfits: list[str]
    parts: list[BackgroundPart]


class DoseInWindow(TypedDict):
    mode: str
    target: float
    seed: int | None
    duty_mean: float | None
    stopped_seconds: float | None
    sm_avg_percent: float | None
    reason: str | None


class LoadOfOne(TypedDict):
    coverage: float | None
    rounds_completed: int
    rounds_failed: int
    rounds_hollow: int
    rounds_per_second: float | None
    rate_reason: str | None
    seconds_without: float | None
    longest_gap_seconds: float | None


class LoadPart(LoadOfOne):
    cpu_seconds: float | None
    dose: DoseInWindow | None


class Load(LoadOfOne):
    parts: list[LoadPart]
    sm_avg_percent: float | None
    memory_max_mib: float | None


class GpuUse(TypedDict):
    sm_avg_percent: float | None
    memory_max_mib: float | None


class Stranger(TypedDict):
    pid: int
    kind: str
    user: str
    name: str
    memory_mib: float | None
    sm_percent: float | None
    identified: bool
    seen: str
    gone: str | None


class ClocksAtWork(TypedDict):
    of: str | None
    sm_mhz: float | None
    sm_uncertainty_mhz: float | None
    memory_mhz: float | None
    memory_uncertainty_mhz: float | None
    known_percent: float
    reason: str | None


class Counters(TypedDict):
    source: str
    known_percent: float
    sm_active_percent_mean: float | None
    sm_active_percent_max: float | None
    sm_occupancy_percent_mean: float | None
    sm_occupancy_percent_max: float | None
    tensor_active_percent_mean: float | None
    tensor_active_percent_max: float | None
    dram_active_percent_mean: float | None
    dram_active_percent_max: float | None
    fp64_active_percent_mean: float | None
    fp64_active_percent_max: float | None
    fp32_active_percent_mean: float | None
    fp32_active_percent_max: float | None
    fp16_active_percent_mean: float | None
    fp16_active_percent_max: float | None
    pcie_tx_mib_per_s_mean: float | None
    pcie_tx_mib_per_s_max: float | None
    pcie_rx_mib_per_s_mean: float | None
    pcie_rx_mib_per_s_max: float | None
    nvlink_rx_mib_per_s_mean: float | None
    nvlink_rx_mib_per_s_max: float | None
    nvlink_tx_mib_per_s_mean: float | None
    nvlink_tx_mib_per_s_max: float | None


class WindowGpu(TypedDict):
    index: int
    uuid: str
    name: str
    mig: bool
    energy_counter_joules: float | None
    energy_trapezoid_joules: float | None
    energy_joules: float | None
    energy_method: str | None
    energy_reason: str | None
    energy_uncertainty_joules: float | None
    board_gain_percent: float
    disagreement_percent: float | None
    power_avg_watts: float | None
    power_max_watts: float | None
    power_min_watts: float | None
    counter_period_seconds: float | None
    power_period_seconds: float | None
    temperature_start_celsius: float | None
    temperature_avg_celsius: float | None
    temperature_max_celsius: float | None
    sm_avg_percent: float | None
    sm_max_percent: float | None
    memory_max_mib: float | None
    event_reasons: list[str]
    sm_clock_avg_mhz: float | None
    sm_clock_min_mhz: float | None
    memory_clock_avg_mhz: float | None
    memory_clock_min_mhz: float | None
    execution_idle_seconds: float | None
    execution_idle_joules: float | None
    execution_idle_reason: str | None
    clocks_at_work: ClocksAtWork
    counters: Counters | None
    counters_reason: str | None
    throttled_percent: dict[str, float]
    throttled_by: str | None
    samples: int
    largest_gap_seconds: float | None
    sampling_coverage: float | None
    processes_mapped: bool | None
    mps: bool
    foreground_seen: bool | None
    background_seen: bool | None
    foreground: GpuUse | None
    background: GpuUse | None
    strangers: list[Stranger]
    hidden_memory_mib: float | None
    strangers_reason: str | None
    strangers_hidden_reason: str | None
    warnings: list[str]


class WindowCpu(TypedDict):
    package_joules: float | None
    dram_joules: float | None
    total_joules: float | None
    reason: str | None
    foreground_cpu_seconds: float | None
    background_cpu_seconds: float | None
    foreground_pss_max_mib: float | None
    foreground_pss_reason: str | None
    foreground_largest_rss_max_mib: float | None
    background_pss_max_mib: float | None
    background_pss_reason: str | None
    background_largest_rss_max_mib: float | None


class Pressure(TypedDict):
    cpu_some: float | None
    memory_some: float | None
    memory_full: float | None
    io_some: float | None
    io_full: float | None


class WindowMachine(TypedDict):
    others_cpu_percent: float | None
    others_cpu_reason: str | None
    steal_percent: float | None
    swapped_in_mib: float | None
    pressure_percent: Pressure


class Window(TypedDict):
    name: str
    attempt: int | None
    started: str | None
    ended: str | None
    start_boottime_s: float
    end_boottime_s: float
    duration_seconds: float
    suspended_seconds: float | None
    gpus: list[WindowGpu]
    gpus_reason: str | None
    has_gpu: bool | None
    gpus_used: GpusUsed
    cpu: WindowCpu
    machine: WindowMachine
    load: Load | None
    warnings: list[str]


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


class BoardSetting(TypedDict):
    requested: float | None
    before: float | None
    enforced: float | None
    after: float | None
    reason: str | None


class BoardSetup(TypedDict):
    index: int
    uuid: str
    name: str
    compute_mode: str | None
    set_by: str | None
    power_limit_watts: BoardSetting
    sm_clock_mhz: BoardSetting
    memory_clock_mhz: BoardSetting


class MigSlice(TypedDict):
    uuid: str
    profile: str | None


class MigUse(MigSlice):
    board_uuid: str
    siblings: list[MigSlice]


class MpsDaemon(TypedDict):
    attempt: int
    version: str | None
    devices: str
    pipe_folder: str
    log: str
    stopped_by: str | None
    duration_seconds: float | None
    killed: list[Process]
    clients_terminated: int
    faults: list[str]


class GpuSetup(TypedDict):
    sharing: str | None
    sharing_reason: str | None
    requested: dict[str, Any]  # by settings key
    boards: list[BoardSetup] | None
    boards_reason: str | None
    mig: list[MigUse]
    mps: list[MpsDaemon]


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


class Figure(TypedDict):
    value: float | None
    clock_uncertainty: float | None
    label: str
    reason: str | None


class ClockRatio(TypedDict):
    solo_mhz: float | None
    parallel_mhz: float | None
    ratio: float | None
    uncertainty: float | None
    reason: str | None
    warnings: list[str]


class Throttled(TypedDict):
    by_limit_percent: dict[str, float]
    known_by: str


class ThrottledInBoth(TypedDict):
    solo: Throttled | None
    parallel: Throttled | None


class ActivitySum(TypedDict):
    foreground_percent: float | None
    background_percent: float | None
    sum_percent: float | None
    reason: str | None


class BoardExplained(TypedDict):
    index: int
    uuid: str
    name: str
    sm_clock: ClockRatio
    memory_clock: ClockRatio
    throttled: ThrottledInBoth
    sm_active: ActivitySum
    dram_active: ActivitySum


class Explanation(TypedDict):
    label: str
    slowdown_by_clocks_at_most: Figure
    slowdown_by_the_rest_at_least: Figure
    boards: list[BoardExplained]
    boards_reason: str | None
    warnings: list[str]


class Interference(TypedDict):
    """interference.json; schemas/interference.schema.json describes it."""

    interference_version: int
    experiment_id: str
    twin: str | None
    records: dict[str, str]
    board_gain_percent: float | None
    idle_drift_watts: float | None
    idle_drift_reason: str | None
    warnings: list[str]
    figures: dict[str, Figure]
    explanation: Explanation


def last_window(windows: Sequence[Window], name: str, attempt: int | None = None) -> Window | None:
    """Return the newest window of a name, or the one of an attempt; None if there is none."""
    for each in reversed(windows):
        if each["name"] == name and attempt in (None, each["attempt"]):
            return each
    return None


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


def used_by(window: Window | None, role: str) -> list[GpuSeen] | None:
    """Return the GPUs on which the foreground or the background was seen; None: not known."""
    if window is None:
        return None
    both = window["gpus_used"]
    return (both["foreground"] if role == "foreground" else both["background"])["gpus"]


def why_unknown(window: Window | None, role: str) -> str | None:
    """Return why used_by() is None."""
    if window is None:
        return "no foreground was measured"
    both = window["gpus_used"]
    return (both["foreground"] if role == "foreground" else both["background"])["reason"]


def load_of(record: Record) -> Load | None:
    """Return how much load there was beside the last attempt, None if that is not known."""
    window = foreground_window(record)
    return window["load"] if window else None


def figures_of(interference: Interference | None) -> Mapping[str, Figure]:
    return interference["figures"] if interference else {}
