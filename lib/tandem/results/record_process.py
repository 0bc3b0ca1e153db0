"""Processes in a record: how trainings were started and stopped, and who held a GPU."""

from __future__ import annotations

from typing import TypedDict

from tandem.base.git import GitState


class Pin(TypedDict):
    commit: str
    matches: bool | None


class Command(TypedDict):
    command: list[str]
    working_directory: str
    env: dict[str, str]
    declared_device: str
    repository_git: GitState
    pin: Pin | None


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
