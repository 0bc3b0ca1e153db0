"""How the GPUs are shared and set, in settings of both versions: what counts, and what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tandem.config.entries import DesignEntry, Entry
from tandem.config.options import GpuSetup
from tandem.config.problems import ProblemsError
from tandem.config.settings import load_settings

FRONT: dict[str, Any] = {"repo": "f", "model": "m"}
PAIR: dict[str, Any] = {"foreground": FRONT, "background": {"repo": "b", "model": "n"}}
OLD: dict[str, Any] = PAIR | {"mode": "parallel"}
ALONE: dict[str, Any] = FRONT | {"mode": "default"}


def said(folder: Path, **top: Any) -> tuple[list[Any], list[tuple[str, str, str]]]:
    """The entries or designs, and the problems."""
    path = folder / "settings.json"
    path.write_text(json.dumps(top), encoding="utf-8")
    try:
        read = load_settings(path)
    except ProblemsError as error:
        return [], [(it.severity, it.path, it.message) for it in error.problems]
    problems = [(it.severity, it.path, it.message) for it in read.problems]
    return [*read.entries, *read.designs], problems


def designs(folder: Path, *entries: Any, **top: Any) -> list[DesignEntry]:
    read, problems = said(folder, settings_version=2, experiments=[*entries], **top)
    assert problems == []
    return read


def errors(folder: Path, *entries: Any, **top: Any) -> list[tuple[str, str]]:
    _, problems = said(folder, settings_version=2, experiments=[*entries], **top)
    assert {severity for severity, _, _ in problems} <= {"error"}
    return [(path, message) for _, path, message in problems]


def entry(folder: Path, given: Any, **top: Any) -> tuple[Entry, list[tuple[str, str, str]]]:
    [read], problems = said(folder, experiments=[given], **top)
    return read, problems


# -- version 2 -------------------------------------------------------------------------


def test_nothing_is_set_without_a_word(tmp_path: Path) -> None:
    [design] = designs(tmp_path, PAIR)
    assert design.gpu_setups == (GpuSetup(),)


def test_conditions_are_the_product_of_their_levels(tmp_path: Path) -> None:
    factors = {"sharing": ["time_slicing", "mps"], "power_limit_watts": [None, 300]}
    [design] = designs(tmp_path, PAIR | {"sm_clock_mhz": 1200}, factors=factors, counters="gpm")
    assert design.gpu_setups == tuple(
        GpuSetup(sharing, limit, 1200, None, "gpm")
        for sharing in ("time_slicing", "mps")
        for limit in (None, 300.0)
    )


def test_an_entry_counts_before_the_top_key_by_key_and_null_is_a_word(tmp_path: Path) -> None:
    top = {"sharing": "mps", "factors": {"power_limit_watts": [200, 300]}, "sm_clock_mhz": 900}
    own: list[dict[str, Any]] = [
        {"sharing": None, "power_limit_watts": 250},
        {"factors": {"sharing": ["time_slicing", None], "power_limit_watts": [None]}},
        {"sm_clock_mhz": None},
    ]
    found = designs(tmp_path, *(PAIR | each for each in own), **top)
    assert [each.gpu_setups for each in found] == [
        (GpuSetup(None, 250.0, 900),),
        (GpuSetup("time_slicing", None, 900), GpuSetup(None, None, 900)),
        (GpuSetup("mps", 200.0), GpuSetup("mps", 300.0)),
    ]


def test_sharing_of_all_does_not_concern_an_entry_without_a_background(tmp_path: Path) -> None:
    factors = {"sharing": ["time_slicing", "mps"], "power_limit_watts": [300]}
    pair, alone = designs(tmp_path, PAIR, FRONT, factors=factors)
    assert len(pair.gpu_setups) == 2
    assert alone.gpu_setups == (GpuSetup(None, 300.0),)


MPS = {"background": PAIR["background"] | {"mps": {}}}


@pytest.mark.parametrize(
    ("given", "path", "message"),
    [
        ({"power_limit_watts": 0}, "power_limit_watts", "must be more than 0, not 0"),
        ({"power_limit_watts": 300000}, "power_limit_watts", "must be at most 10000, not 300000"),
        ({"sm_clock_mhz": 0}, "sm_clock_mhz", "must be at least 1, not 0"),
        ({"sm_clock_mhz": 99.5}, "sm_clock_mhz", "must be a whole number or null, not 99.5"),
        ({"memory_clock_mhz": -5}, "memory_clock_mhz", "must be at least 1, not -5"),
        ({"counters": "dcgm"}, "counters", 'must be one of null, "gpm", not text "dcgm"'),
        (
            {"sharing": "msp"},
            "sharing",
            'must be one of null, "time_slicing", "mps", "mig", not text "msp"'
            ' (did you mean "mps"?)',
        ),
        ({"sharing": ["mps"]}, "sharing", None),
        ({"factors": {"sharing": "mps"}}, "factors.sharing", 'must be a list, not text "mps"'),
        (
            {"factors": {"power_limit_watts": [300, 300.0]}},
            "factors.power_limit_watts",
            "holds 300 more than once (remove the others)",
        ),
        (
            {"sharing": "mps", "factors": {"sharing": ["mps", "mig"]}},
            "factors.sharing",
            "this and experiments[0].sharing both give it (remove one)",
        ),
        (
            {"factors": {key: [*range(1, 201)] for key in ("sm_clock_mhz", "memory_clock_mhz")}},
            "sharing",
            "with its other factors makes 40000 conditions of the GPUs, and 10000 are the most"
            " (list fewer levels)",
        ),
        (MPS, "background.mps", "must not be empty"),
    ],
)
def test_what_is_wrong_in_an_entry(
    tmp_path: Path, given: dict[str, Any], path: str, message: str | None
) -> None:
    [(where, found)] = errors(tmp_path, PAIR | given)
    assert where == f"experiments[0].{path}"
    assert message in (None, found)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"active_thread_percentage": 0}, "must be more than 0, not 0"),
        ({"active_thread_percentage": 100.5}, "must be at most 100, not 100.5"),
        (
            {"pinned_device_mem_limit": "4G"},
            '"4G" cannot be read (write a GPU\'s number and its limit in G or M: "0=4G")',
        ),
        ({"pinned_device_mem_limit": "0=0G"}, None),
        ({"pinned_device_mem_limit": "0=4T"}, None),
        ({"active_threads": 50}, None),
    ],
)
def test_what_is_wrong_for_mps(tmp_path: Path, given: dict[str, Any], message: str | None) -> None:
    load = PAIR["background"] | {"mps": given}
    [(where, found)] = errors(tmp_path, PAIR | {"background": load, "sharing": "mps"})
    assert where == f"experiments[0].background.mps.{next(iter(given))}"
    assert message in (None, found)
    if "pinned_device_mem_limit" in given:
        assert found.endswith('(write a GPU\'s number and its limit in G or M: "0=4G")')
    if "active_threads" in given:
        assert 'did you mean "active_thread_percentage"?' in found


def test_a_limit_of_mps_that_stands_beside_mps_is_shown_its_place(tmp_path: Path) -> None:
    load = PAIR["background"] | {"active_thread_percentage": 50}
    [(where, found)] = errors(tmp_path, PAIR | {"background": load})
    assert where == "experiments[0].background.active_thread_percentage"
    assert found == 'cannot stand in a background (move it into "mps")'


def test_sharing_without_a_background_is_an_error_and_power_is_none(tmp_path: Path) -> None:
    message = "no effect: there is no background (remove it, or add one)"
    assert errors(tmp_path, FRONT | {"sharing": "mps"}) == [("experiments[0].sharing", message)]
    factors = {"sharing": ["mps", None], "power_limit_watts": [200, 300]}
    where = "experiments[0].factors.sharing"
    assert errors(tmp_path, FRONT | {"factors": factors}) == [(where, message)]
    assert errors(tmp_path, FRONT, sharing="mps") == [("sharing", message)]
    assert len(designs(tmp_path, FRONT, factors={"power_limit_watts": [200, 300]})) == 1


def test_what_no_entry_takes_from_the_top_is_an_error(tmp_path: Path) -> None:
    message = "no effect: every entry has its own (remove it)"
    own = PAIR | {"factors": {"sharing": ["mps", "time_slicing"]}}
    assert errors(tmp_path, own, sharing="mps") == [("sharing", message)]
    factors = {"power_limit_watts": [200, 300]}
    single = PAIR | {"power_limit_watts": None}
    where = "factors.power_limit_watts"
    assert errors(tmp_path, single, factors=factors) == [(where, message)]


def test_exclude_can_name_conditions(tmp_path: Path) -> None:
    excluded = [{"sharing": "mps", "power_limit_watts": None}]
    factors = {"sharing": ["time_slicing", "mps"], "power_limit_watts": [None, 300]}
    [design] = designs(tmp_path, PAIR | {"factors": factors, "exclude": excluded})
    assert design.exclude == tuple(excluded)
    [(_, message)] = errors(tmp_path, PAIR | {"factors": factors, "exclude": [{}]})
    assert message == (
        'leaves nothing out (name "foreground", "background", "intensity", "sharing",'
        ' "power_limit_watts")'
    )


# -- version 1 -------------------------------------------------------------------------


def test_version_1_has_one_setup_an_entry(tmp_path: Path) -> None:
    load = PAIR["background"] | {"mps": {"active_thread_percentage": 50, "comment": "half"}}
    given = OLD | {"background": load, "power_limit_watts": 300}
    read, problems = entry(tmp_path, given, sharing="mps", power_limit_watts=200, counters="gpm")
    assert problems == []
    assert read.gpu_setup == GpuSetup("mps", 300.0, counters="gpm")
    assert read.backgrounds[0].training.mps == {"active_thread_percentage": 50}


def test_version_1_warns_of_what_has_no_effect(tmp_path: Path) -> None:
    load = PAIR["background"] | {"mps": {"active_thread_percentage": 50}}
    read, problems = entry(tmp_path, OLD | {"background": load, "sharing": "time_slicing"})
    message = 'no effect without MPS (add "sharing": "mps" to the entry, or remove this)'
    assert problems == [("warning", "experiments[0].background.mps", message)]
    assert read.gpu_setup == GpuSetup("time_slicing")

    read, problems = entry(tmp_path, ALONE | {"sharing": "mps"})
    no_load = "no effect: there is no background"
    assert problems == [("warning", "experiments[0].sharing", no_load)]
    assert read.gpu_setup == GpuSetup()
    _, problems = entry(tmp_path, ALONE, sharing="mps")
    assert problems == [("warning", "sharing", no_load)]

    mps = {"mps": {"active_thread_percentage": 50}}
    _, problems = entry(tmp_path, OLD | mps, sharing="mps")
    beside = 'no effect beside a foreground (move it into "foreground")'
    assert problems == [("warning", "experiments[0].mps", beside)]


def test_version_1_refuses_what_version_2_refuses(tmp_path: Path) -> None:
    _, problems = said(tmp_path, experiments=[OLD | {"sm_clock_mhz": 0}])
    assert problems == [("error", "experiments[0].sm_clock_mhz", "must be at least 1, not 0")]
