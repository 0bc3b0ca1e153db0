"""What experiments are called; the names of their folders."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tandem.plan.model import Place, Training

_LONGEST_ID = 120


def experiment_id(number: int, foreground: Training, kind: str = "") -> str:
    """A folder name that ends in the number and the kind, if any: `_007_parallel`."""
    return _folder_name(foreground, f"_{number:03d}", kind)


@dataclass(frozen=True)
class Digits:
    """How many digits the numbers of a design have, so that their names sort as they do."""

    config: int
    background: int
    repeat: int

    def group(self, config: int, repeat: int) -> str:
        """The name of a group: `c07_r3`."""
        return f"c{config:0{self.config}d}_r{repeat:0{self.repeat}d}"

    def experiment_id(self, foreground: Training, place: Place, kind: str) -> str:
        """A folder name that ends in what tells a design's experiments apart.

        Configuration, background, repeat and kind: `_c07_b2_r3_parallel`, `_c07_r3_solo`.
        """
        config, repeat = place.group.split("_")
        load = place.background_number
        background = "" if load is None else f"_b{load:0{self.background}d}"
        return _folder_name(foreground, f"_{config}{background}_{repeat}", kind)


def digits_of(configs: int, backgrounds: int, repeats: int) -> Digits:
    """The digits for the largest of each number."""
    return Digits(max(2, len(str(configs))), len(str(backgrounds)), len(str(repeats)))


def _folder_name(foreground: Training, ending: str, kind: str) -> str:
    """Safe characters, no leading dash or dot, at most 120 long, with the whole of the ending."""
    ending += f"_{kind}" if kind else ""
    start = re.sub(r"[^A-Za-z0-9._-]", "_", f"{foreground.repo}_{foreground.model}")
    return (start.lstrip("-.") or "training")[: _LONGEST_ID - len(ending)] + ending
