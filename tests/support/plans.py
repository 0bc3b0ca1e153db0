"""Plans for tests, made by hand: experiments of a repository "vision"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem.config.options import Dose
from tandem.log.rules import LogRules
from tandem.plan.model import Background, Experiment, Place, Plan, Training


def training(**changes: Any) -> Training:
    values: dict[str, Any] = {
        "repo": "vision",
        "model": "resnet20",
        "hyperparameters": {"rate": 1e-7},
        "mutated": ("rate",),
        "command": ("./train.sh", "--lr", "1e-07", "a b"),
        "work_dir": Path("/data/my repos"),
        "log": LogRules({}),
    }
    return Training(**values | changes)


def load() -> Training:
    bare = {"hyperparameters": {}, "mutated": (), "command": ("./load.sh",)}
    return training(**bare, environment={"THREADS": "a b"})


def experiment(**changes: Any) -> Experiment:
    values: dict[str, Any] = {
        "number": 1,
        "id": "vision_resnet20_001_parallel",
        "foreground": training(),
        "backgrounds": (Background(load(), Dose()),),
        "foreground_mode": "mutation",
        "source_path": "experiments[0]",
        "source_entry": {},
    }
    return Experiment(**values | changes)


def plan(*experiments: Experiment) -> Plan:
    return Plan("night", Path("/s.json"), Path("/r.json"), Path("/root"), 7, experiments)


def design(*, configs: int = 1, blocks: int = 2, loads: int = 2, **changes: Any) -> Plan:
    """Return a design: in each block a group of every configuration, its solo control first."""
    made: list[Experiment] = []
    for block in range(1, blocks + 1):
        for config in range(1, configs + 1):
            group = f"c{config:02}_r{block}"
            start, solo = f"vision_resnet20_c{config:02}", f"vision_resnet20_{group}_solo"
            for load_number in range(loads + 1):
                place = Place(config, 1, load_number or None, block, block, load_number + 1, group)
                of_load: dict[str, Any] = {
                    "id": f"{start}_b{load_number}_r{block}_parallel",
                    "twin": solo,
                    "backgrounds": (Background(load(), Dose()),),
                }
                alone: dict[str, Any] = {"id": solo, "control": "solo", "backgrounds": ()}
                own = of_load if load_number else alone
                number = len(made) + 1
                made.append(experiment(number=number, place=place, **{**own, **changes}))
    return plan(*made)


def crossed(
    configs: int,
    repeats: int,
    loads: Sequence[int | None],
    values: Callable[[int], Mapping[str, Any]] = lambda config: {"rate": config / 10},
    **changes: Any,
) -> Plan:
    """A design of configurations, the loads of its groups in turn at each place.

    Load 1 is a background at half of its intensity, load 2 at all of it; None is the solo level.
    """
    found: list[Experiment] = []
    for block in range(1, repeats + 1):
        for config in range(1, configs + 1):
            group = f"c{config:02d}_r{block}"
            turn = (block + config) % len(loads)
            for position, number in enumerate([*loads[turn:], *loads[:turn]], start=1):
                drawn = {"rate"} & values(config).keys()
                front = training(
                    hyperparameters={"epochs": 20, **values(config)}, mutated=tuple(drawn)
                )
                dose = Dose(intensity=number / 2 if number else None)
                usual: dict[str, Any] = {
                    "number": len(found) + 1,
                    "id": f"{group}_{number or 'solo'}",
                    "foreground": front,
                    "backgrounds": (Background(load(), dose),) if number else (),
                    "place": Place(config, 1, number, block, block, position, group),
                    "twin": f"{group}_solo" if number and None in loads else None,
                    "control": None if number else "solo",
                }
                found.append(experiment(**usual | changes))
    return plan(*found)
