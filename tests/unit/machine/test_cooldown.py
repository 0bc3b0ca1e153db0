"""The temperature that a cool-down waits for: the coolest that any start of the run has seen."""

from __future__ import annotations

from tandem.machine.cooldown import Cooldown
from tandem.machine.gpus import Gpu


def state(uuid: str, temperature_c: float | None) -> Gpu:
    return Gpu(0, uuid, "GPU", 0.0, 0.0, temperature_c, ())


def test_the_baseline_never_creeps_up() -> None:
    cooldown = Cooldown()
    for temperature_c in (40.0, None, 38.0, 41.0, 44.0):
        cooldown.note_start([state("a", temperature_c), state("b", 0.0)])
    cooldown.note_start(None)
    assert cooldown.baseline_c == {"a": 38.0, "b": 0.0}


def test_two_runs_have_a_baseline_each() -> None:
    Cooldown().note_start([state("a", 40.0)])
    assert Cooldown().baseline_c == {}
