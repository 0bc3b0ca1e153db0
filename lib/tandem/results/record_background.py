"""The background in a record: its rounds, its memory, and each of its parts."""

from __future__ import annotations

from typing import TypedDict

from tandem.results.record_process import Command
from tandem.results.record_window import GpuSeen

Value = bool | int | float | str  # of a hyperparameter


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
