"""Defaults that a program must write down again are those of the Python that they mirror."""

from __future__ import annotations

import re

import pytest
from support import ROOT
from tandem.background.rounds import LONG_ROUND_S
from tandem.config.options import Dose, Limits
from tandem.experiment.scripts import LOGS_KEPT, ROUNDS_KEPT
from tandem.machine.host import version

GRACE_S, DELAY_S = f"{Limits.grace_s:g}", f"{Dose.restart_delay_s:g}"


@pytest.mark.parametrize(
    ("program", "pattern", "default"),
    [
        ("bin/bgrun", r"grace_s=(\d\S*)", GRACE_S),
        ("bin/bgrun", r"--grace S .*\((.*)\)", GRACE_S),
        ("bin/bgrun", r"delay_s=(\d\S*)", DELAY_S),
        ("bin/bgrun", r"--restart-delay S .*\((.*)\)", DELAY_S),
        ("bin/bgrun", r"logs_kept=(\d\S*)", str(LOGS_KEPT)),
        ("bin/bgrun", r"rounds_kept=(\d\S*)", str(ROUNDS_KEPT)),
        ("templates/bg_loop.sh.j2", r"LONG_ROUND_S=(\d\S*)", f"{LONG_ROUND_S:g}"),
        ("bin/fgrun", r"grace_s=(\d\S*)", GRACE_S),
        ("bin/fgrun", r"--grace S .*\((.*)\)", GRACE_S),
        ("lib/keep.py", r"--grace S .*\((.*)\)", GRACE_S),
        ("lib/keep.py", r'"--grace", type=float, default=(\S+?)(?:\.0)?\)', GRACE_S),
    ],
)
def test_a_default_is_the_one_it_mirrors(program: str, pattern: str, default: str) -> None:
    assert re.findall(pattern, (ROOT / program).read_text(encoding="utf-8")) == [default]


def test_the_version_is_a_number() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", version())
