"""RAPL zones in a folder of powercap's shape: which count, wraps, and what goes wrong."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.person import not_root
from tandem.measure.sampling.rapl import STILL_S, Rapl, RaplError, Zone

RANGE_UJ = 262_143_328_850
LONGEST_S = RANGE_UJ / 1e6 / 1000

Warnings = list[tuple[str, str, str]]


def make_zone(folder: Path, name: str, energy_uj: int = 0, range_uj: int = RANGE_UJ) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    return folder


def found(powercap: Path) -> tuple[Rapl, Warnings]:
    warnings: Warnings = []
    return Rapl(str(powercap), 100.0, lambda *words: warnings.append(words)), warnings


def totals(rapl: Rapl) -> dict[str, int | None]:
    return {zone.column: zone.total_uj for zone in rapl.zones}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may look into, which tmp_path is not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_packages_and_their_memory_count_once(tmp_path: Path) -> None:
    make_zone(tmp_path / "intel-rapl:0", "package-0")
    make_zone(tmp_path / "intel-rapl:0:0", "core")
    make_zone(tmp_path / "intel-rapl:0:1", "uncore")
    make_zone(tmp_path / "intel-rapl:0:2", "dram")
    make_zone(tmp_path / "intel-rapl:0" / "intel-rapl:0:2", "dram")  # the same, as sysfs has it
    make_zone(tmp_path / "intel-rapl:1", "package-1-die-1")
    make_zone(tmp_path / "intel-rapl:1" / "intel-rapl:1:0", "dram")
    make_zone(tmp_path / "intel-rapl:2", "psys")
    make_zone(tmp_path / "intel-rapl-mmio:0", "package-0")
    make_zone(tmp_path / "intel-rapl:3", "package-0")  # seen twice
    (tmp_path / "intel-rapl" / "enabled").mkdir(parents=True)
    rapl, warnings = found(tmp_path)
    columns = [zone.column for zone in rapl.zones]
    assert columns == ["package_0", "dram_0", "package_1_die_1", "dram_1_die_1"]
    assert not warnings
    facts = rapl.facts()
    assert facts["reason"] is None
    assert facts["zones"][1] == {
        "column": "dram_0_uj",
        "name": "dram",
        "folder": str(tmp_path / "intel-rapl:0:2"),
    }


def test_a_wrap_before_the_first_sample_and_between_any_two_is_exact(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "intel-rapl:0", "package-0", RANGE_UJ - 5)
    rapl, _ = found(tmp_path)
    for at_s, counter_uj, total_uj in (
        (101.0, RANGE_UJ - 2, 3),
        (102.0, 7, 12),
        (103.0, 7, 12),
        (203.0, 90 * 10**9, 90 * 10**9 + 5),
        (303.0, 180 * 10**9, 180 * 10**9 + 5),
        (403.0, RANGE_UJ - 1, RANGE_UJ + 4),
        (404.0, 0, RANGE_UJ + 5),
    ):
        (zone / "energy_uj").write_text(f"{counter_uj}\n")
        rapl.read(at_s)
        assert totals(rapl) == {"package_0": total_uj}


@given(
    first_uj=st.integers(0, RANGE_UJ - 1),
    steps=st.lists(
        st.tuples(st.floats(0.001, LONGEST_S - 0.01), st.floats(0.0, 1.0)), min_size=1, max_size=20
    ),
)
def test_any_use_below_1000_w_adds_up(
    tmp_path_factory: pytest.TempPathFactory, first_uj: int, steps: list[tuple[float, float]]
) -> None:
    folder = make_zone(tmp_path_factory.getbasetemp() / "zone", "package-0", first_uj)
    zone = Zone("package-0", str(folder), "package_0", RANGE_UJ, first_uj, 0.0)
    at_s, used_uj = 0.0, 0
    for length_s, share in steps:
        at_s += length_s
        used_uj += max(1, int(length_s * share * 1e9))
        (folder / "energy_uj").write_text(str((first_uj + used_uj) % RANGE_UJ))
        zone.read(at_s)
        assert zone.total_uj == used_uj


def test_a_reading_that_may_have_missed_a_wrap_ends_the_column(tmp_path: Path) -> None:
    package = make_zone(tmp_path / "intel-rapl:0", "package-0")
    make_zone(tmp_path / "intel-rapl:0:0", "dram", range_uj=RANGE_UJ // 4)
    rapl, warnings = found(tmp_path)
    assert rapl.period_s < LONGEST_S / 4 / 2
    for share, used_uj in ((0.5, 3), (1.0, 7)):
        (package / "energy_uj").write_text(str(used_uj))
        rapl.read(100 + LONGEST_S * share)
        assert totals(rapl) == {"package_0": used_uj, "dram_0": None}
    assert [sensor for sensor, _, _ in warnings] == ["rapl dram_0"]
    assert "not read for 131 s" in warnings[0][1]
    assert "dram_0" in (rapl.reason or "")


@pytest.mark.parametrize(("before_uj", "after_uj"), [(10**9, 5 * 10**7), (200 * 10**9, 0)])
def test_a_counter_that_begins_again_is_no_wrap(
    tmp_path: Path, before_uj: int, after_uj: int
) -> None:
    zone = make_zone(tmp_path / "intel-rapl:0", "package-0", before_uj)
    rapl, warnings = found(tmp_path)
    (zone / "energy_uj").write_text(str(before_uj + 5))
    rapl.read(101.0)
    assert totals(rapl) == {"package_0": 5}
    for at_s in (102.0, 103.0):
        (zone / "energy_uj").write_text(str(after_uj))
        rapl.read(at_s)
        assert totals(rapl) == {"package_0": None}
    assert [sensor for sensor, _, _ in warnings] == ["rapl package_0"]
    assert rapl.reason == "package_0: the counter has begun again, and not by a wrap"


def test_two_readings_right_after_each_other_see_what_a_late_one_used(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "intel-rapl:0", "package-0", RANGE_UJ - 5)
    rapl, _ = found(tmp_path)
    (zone / "energy_uj").write_text("200000000")  # 200 W for a second
    rapl.read(100.001)
    assert totals(rapl) == {"package_0": 200_000_005}


def known(rapl: Rapl) -> dict[str, int | None]:
    return {zone.column: zone.known_uj for zone in rapl.zones}


def test_a_counter_that_never_moves_is_never_a_zero(tmp_path: Path) -> None:
    package = make_zone(tmp_path / "intel-rapl:0", "package-0", 77)
    make_zone(tmp_path / "intel-rapl:0:0", "dram", 77)
    rapl, warnings = found(tmp_path)
    assert known(rapl) == {"package_0": 0, "dram_0": 0}  # that is where both begin
    for after_s in range(1, 6):
        (package / "energy_uj").write_text(str(77 + after_s))
        rapl.read(100.0 + after_s)
        assert known(rapl) == {"package_0": after_s, "dram_0": None}
        assert len(warnings) == (after_s >= STILL_S)
    assert rapl.reason == "dram_0: the counter has stood still for 3.0 s"


def test_a_counter_that_stops_is_known_up_to_there(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "intel-rapl:0", "package-0")
    rapl, warnings = found(tmp_path)
    (zone / "energy_uj").write_text("9")
    cells = []
    for at_s in (101.0, 101.05, 102.0, 103.9):
        rapl.read(at_s)
        cells.append(known(rapl)["package_0"])
    assert cells == [9, 9, None, None]
    assert not warnings
    rapl.read(104.1)
    assert rapl.reason == "package_0: the counter has stood still for 3.1 s"
    (zone / "energy_uj").write_text("11")
    rapl.read(105.0)
    assert known(rapl) == {"package_0": None}


def test_a_counter_that_rests_for_a_moment_goes_on(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "intel-rapl:0", "package-0")
    rapl, warnings = found(tmp_path)
    for at_s, counter_uj, known_uj in ((101.0, 5, 5), (103.0, 5, None), (104.5, 8, 8)):
        (zone / "energy_uj").write_text(str(counter_uj))
        rapl.read(at_s)
        assert known(rapl) == {"package_0": known_uj}
    assert not warnings


@pytest.mark.parametrize("spoil", ["gone", "garbage", "empty"])
def test_a_zone_that_fails_in_the_middle_costs_its_own_column(tmp_path: Path, spoil: str) -> None:
    zone = make_zone(tmp_path / "intel-rapl:0", "package-0")
    other = make_zone(tmp_path / "intel-rapl:1", "package-1")
    rapl, warnings = found(tmp_path)
    if spoil == "gone":
        (zone / "energy_uj").unlink()
    else:
        (zone / "energy_uj").write_text("no number" if spoil == "garbage" else "")
    rapl.read(101.0)
    make_zone(tmp_path / "intel-rapl:0", "package-0", 9)
    (other / "energy_uj").write_text("5")
    rapl.read(102.0)
    assert totals(rapl) == {"package_0": None, "package_1": 5}
    assert [sensor for sensor, _, _ in warnings] == ["rapl package_0"]
    assert str(zone / "energy_uj") in warnings[0][1]


def test_what_this_user_may_not_read_comes_with_the_command_that_opens_it(
    open_folder: Path,
) -> None:
    make_zone(open_folder / "intel-rapl:0", "package-0")
    make_zone(open_folder / "intel-rapl:0" / "intel-rapl:0:0", "dram")
    for path in open_folder.rglob("energy_uj"):
        path.chmod(0o400 if os.geteuid() == 0 else 0o000)
    with not_root():
        rapl, warnings = found(open_folder)
    assert not rapl.zones
    assert rapl.reason == f"{open_folder}/intel-rapl:0/energy_uj: Permission denied"
    ((sensor, message, hint),) = warnings
    assert (sensor, message) == ("rapl", rapl.reason)
    assert "until the next reboot" in hint
    command = hint.partition(": ")[2]
    assert command == (
        f"sudo chmod a+r {open_folder}/intel-rapl:*/energy_uj"
        f" {open_folder}/intel-rapl:*/intel-rapl:*/energy_uj"
    )
    for pattern in command.removeprefix("sudo chmod a+r ").split():
        for file in glob(pattern):
            Path(file).chmod(0o444)
    assert all(path.stat().st_mode & 0o004 for path in open_folder.rglob("energy_uj"))


def test_a_machine_without_rapl_says_so(tmp_path: Path) -> None:
    rapl, warnings = found(tmp_path / "nowhere")
    assert rapl.facts() == {"zones": [], "reason": f"no package in {tmp_path}/nowhere"}
    assert len(warnings) == 1
    rapl.read(101.0)


def test_a_zone_without_a_range_is_none(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "intel-rapl:0", "package-0")
    (zone / "max_energy_range_uj").unlink()
    rapl, warnings = found(tmp_path)
    assert not rapl.zones
    assert "max_energy_range_uj" in (rapl.reason or "")
    assert warnings


@pytest.mark.parametrize("lost", ["energy_uj", "max_energy_range_uj", "name"])
def test_a_zone_that_cannot_be_read_is_named_beside_those_that_can(
    tmp_path: Path, lost: str
) -> None:
    make_zone(tmp_path / "intel-rapl:0", "package-0")
    zone = make_zone(tmp_path / "intel-rapl:1", "package-1")
    (zone / lost).unlink()
    rapl, warnings = found(tmp_path)
    assert [zone.column for zone in rapl.zones] == ["package_0"]
    column = "package_intel-rapl_1_uj" if lost == "name" else "package_1_uj"
    (unread,) = (each for each in rapl.facts()["zones"] if "reason" in each)
    assert unread["column"] == column
    assert lost in unread["reason"]
    assert len(warnings) == 1


def test_a_range_of_nothing_is_none(tmp_path: Path) -> None:
    make_zone(tmp_path / "intel-rapl:0", "package-0", range_uj=0)
    rapl, _ = found(tmp_path)
    assert rapl.facts()["zones"][0]["reason"].endswith("max_energy_range_uj is 0")


def used(rapl: Rapl, folder: Path, *steps: tuple[float, int]) -> list[int | None]:
    """Return what is known after each reading; steps are its moment and the counter."""
    cells = []
    for at_s, counter_uj in steps:
        (folder / "energy_uj").write_text(str(counter_uj))
        rapl.read(at_s)
        cells.append(known(rapl)["package_0"])
    return cells


def test_a_counter_that_begins_again_near_its_range_is_no_wrap(tmp_path: Path) -> None:
    """It used 50 W; a wrap would mean that it used 500 W for once."""
    begin_uj = RANGE_UJ - 550 * 10**6
    zone = make_zone(tmp_path / "intel-rapl:0", "package-0", begin_uj)
    rapl, warnings = found(tmp_path)
    steps = [(101.0, begin_uj + 50 * 10**6), (102.0, 10**6), (103.0, 51 * 10**6)]
    assert used(rapl, zone, *steps) == [50 * 10**6, None, None]
    assert "begun again near its range" in warnings[0][1]


def test_a_wrap_when_a_training_begins_is_one(tmp_path: Path) -> None:
    begin_uj = RANGE_UJ - 90 * 10**6
    zone = make_zone(tmp_path / "intel-rapl:0", "package-0", begin_uj)
    rapl, _ = found(tmp_path)
    steps = [(101.0, begin_uj + 50 * 10**6), (102.0, 100 * 10**6)]
    assert used(rapl, zone, *steps) == [50 * 10**6, 190 * 10**6]


def test_a_suspended_machine_uses_nothing(tmp_path: Path) -> None:
    """In ten minutes a counter may wrap twice, but not in the second in which it was awake."""
    zone = make_zone(tmp_path / "intel-rapl:0", "package-0", 10**9)
    rapl, _ = found(tmp_path)
    (zone / "energy_uj").write_text(str(10**9 + 7))
    rapl.read(701.0, 600.0)
    assert totals(rapl) == {"package_0": 7}
    (zone / "energy_uj").write_text("0")
    rapl.read(1302.0, 1200.0)
    assert totals(rapl) == {"package_0": None}


def test_a_reading_that_fails_once_costs_its_own_time_only(tmp_path: Path) -> None:
    zone = make_zone(tmp_path / "intel-rapl:0", "package-0")
    rapl, warnings = found(tmp_path)
    assert used(rapl, zone, (101.0, 5)) == [5]
    (zone / "energy_uj").write_text("")
    rapl.read(102.0)
    assert known(rapl) == {"package_0": None}
    assert used(rapl, zone, (103.0, 8), (105.1, 11)) == [None, 11]
    assert len(warnings) == 1


def test_reading_a_zone_that_has_ended_does_nothing(tmp_path: Path) -> None:
    folder = make_zone(tmp_path, "package-0")
    zone = Zone("package-0", str(folder), "package_0", RANGE_UJ, 0, 0.0)
    with pytest.raises(RaplError):
        zone.read(LONGEST_S + 1)
    zone.read(LONGEST_S + 2)
    assert zone.total_uj is None
