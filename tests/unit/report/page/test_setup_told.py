"""The report says how GPUs were shared and set, and what of it could not be done."""

from __future__ import annotations

from typing import Any

from support.compared import setup
from support.records import of, record
from tandem.report.page.machine_checks import MachineChecks
from tandem.report.page.paper_facts import PaperFacts
from tandem.results.record_setup import BoardSetup


def made(sharing: str, reason: str | None = None, **asked: float) -> Any:
    shared: Any = setup(sharing, **asked)
    board: Any = of(BoardSetup, index=0)
    for name in ("power_limit_watts", "sm_clock_mhz", "memory_clock_mhz"):
        board[name].update(requested=asked.get(name), reason=None)
    board["power_limit_watts"]["reason"] = reason
    shared["boards"] = [board]
    return record(gpu_setup=shared)


def test_methods_name_each_condition_once() -> None:
    facts = PaperFacts()
    for each in (made("mps", power_limit_watts=300.0), made("time_slicing"), made("time_slicing")):
        facts.note(each)
    assert [*facts.setups] == ["MPS, 300 W", "time slicing"]


def test_checks_count_them_and_say_what_was_not_put_back() -> None:
    checks = MachineChecks()
    checks.note(made("mps", "not put back", power_limit_watts=300.0))
    checks.note(made("time_slicing"))
    assert dict(checks.lines())["Sharing, power limit, clocks"] == [
        "MPS, 300 W, in 1 experiment",
        "GPU 0, power_limit_watts: not put back, in 1 experiment",
        "time slicing, in 1 experiment",
    ]
