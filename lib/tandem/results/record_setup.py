"""GPUs' setup in a record: how they were shared, and what was set on their boards."""

from __future__ import annotations

from typing import Any, TypedDict

from tandem.results.record_process import Process


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
