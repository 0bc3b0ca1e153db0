"""The CPU frequency governor in a folder made like sysfs: set, and put back, whatever happens."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.cpufreq import BEFORE, FOREIGN, LEFT, SET, Machine, used_here
from tandem.base.variables import LOCKS
from tandem.machine.governor import _write, governor, governors_now


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path, *BEFORE)
    monkeypatch.setenv(LOCKS, str(made.locks))
    return made


def test_set_and_put_back(machine: Machine) -> None:
    assert used_here(machine, "performance") == (SET, [])
    assert machine.names() == BEFORE
    assert not machine.state.exists()


def test_nothing_is_wanted(machine: Machine) -> None:
    assert used_here(machine, None) == (BEFORE, [])
    assert list(machine.locks.iterdir()) == []


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_put_back_after_an_exception(machine: Machine, kind: type[BaseException]) -> None:
    with (
        pytest.raises(kind),
        governor("performance", machine.folder, lambda _: None, has_machine=True),
    ):
        assert machine.names() == SET
        raise kind
    assert machine.names() == BEFORE
    assert not machine.state.exists()


def test_the_state_is_saved_before_anything_is_changed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[object] = []

    def write(folder: Path, cpu: str, name: str) -> None:
        saved.append(json.loads(machine.state.read_text())["before"])
        _write(folder, cpu, name)

    monkeypatch.setattr("tandem.machine.governor._write", write)
    used_here(machine, "performance")
    before = {f"cpu{number}": name for number, name in enumerate(BEFORE)}
    assert saved == [before] * 4  # two CPUs set, and put back
    assert machine.names() == BEFORE


def test_others_changed_it_meanwhile(machine: Machine) -> None:
    said: list[str] = []
    with governor("performance", machine.folder, said.append, has_machine=True):
        machine.file(0).write_text("ondemand\n")
    assert machine.names() == ["ondemand", "powersave", "performance"]
    assert said == ["governor: ondemand, set by somebody else, left alone"]
    assert not machine.state.exists()


def test_a_cpu_that_went_offline(machine: Machine) -> None:
    said: list[str] = []
    with governor("performance", machine.folder, said.append, has_machine=True):
        machine.file(0).unlink()
    assert machine.names() == ["powersave", "performance"]
    assert said == []
    assert not machine.state.exists()


def test_killed_before_it_had_set_all(machine: Machine) -> None:
    before = {f"cpu{number}": name for number, name in enumerate(BEFORE)}
    machine.state.write_text(json.dumps({"wanted": "performance", "before": before}))
    machine.file(1).write_text("performance\n")
    assert used_here(machine, None) == (BEFORE, [LEFT])
    assert not machine.state.exists()


def test_beside_other_runs_nothing_is_changed(machine: Machine) -> None:
    assert used_here(machine, "performance", has_machine=False) == (
        BEFORE,
        [
            "governor: performance not set: with CUDA_VISIBLE_DEVICES this run does not have the"
            " whole machine; the CPUs have performance, powersave"
        ],
    )
    assert list(machine.locks.iterdir()) == []
    assert used_here(machine, None, has_machine=False) == (BEFORE, [])


def test_no_cpufreq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path)
    monkeypatch.setenv(LOCKS, str(machine.locks))
    said = used_here(machine, "performance")[1]
    assert said == [
        f"warning: governor: performance not set: no CPU below {machine.folder} has one"
    ]
    assert not machine.state.exists()


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("turbo", "turbo not set: cpu0 has performance powersave"),
        ("Performance", '"Performance" not set: no governor has such a name'),
        ("a\nb", '"a\\nb" not set: no governor has such a name'),
        ("", '"" not set: no governor has such a name'),
    ],
)
def test_a_name_that_is_not_there(machine: Machine, wanted: str, text: str) -> None:
    assert used_here(machine, wanted) == (BEFORE, [f"warning: governor: {text}"])
    assert not machine.state.exists()


def test_not_told_what_there_is(machine: Machine) -> None:
    for file in machine.folder.rglob("scaling_available_governors"):
        file.unlink()
    assert used_here(machine, "performance") == (SET, [])


def test_no_folder_for_locks(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCKS, str(machine.locks / "nowhere"))
    names, said = used_here(machine, "performance")
    assert names == BEFORE
    [text] = said
    assert text.startswith(f"warning: governor: {machine.locks / 'nowhere'}/")
    assert text.endswith(": No such file or directory")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "for all to write"])
def test_no_ordinary_state_file(machine: Machine, tmp_path: Path, kind: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    if kind == "link":
        elsewhere.write_text(json.dumps(FOREIGN))
        machine.state.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(machine.state)
    elif kind == "folder":
        machine.state.mkdir()
    else:
        machine.state.write_text(json.dumps(FOREIGN))
        machine.state.chmod(0o666)
    names, said = used_here(machine, "performance")
    assert names == machine.names() == BEFORE
    assert len(said) == 1
    assert said[0].startswith(f"warning: governor: {machine.state}")


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "1", '{"wanted": "powersave"}', "\xff"),
        pytest.param("[" * 100_000, id="deep"),
        '{"wanted": "powersave", "before": []}',
        '{"wanted": "powersave", "before": {"cpu0": 1}}',
        '{"wanted": "powersave", "before": {"cpu0": "performance\\n"}}',
        '{"wanted": "powersave", "before": {"../cpu0": "performance"}}',
        '{"wanted": "powersave", "before": {"cpu0": "performance"}, "more": 1}',
        '{"wanted": "Power", "before": {"cpu0": "performance"}}',
    ],
)
def test_a_state_file_that_no_run_wrote(machine: Machine, text: str) -> None:
    machine.state.write_text(text, encoding="latin-1")
    expected = [f"warning: governor: {machine.state} is not what a run writes (remove it)"]
    assert used_here(machine, "performance") == (BEFORE, expected)
    assert machine.names() == BEFORE


def test_a_cpu_in_the_state_that_is_not_there(machine: Machine) -> None:
    machine.state.write_text(json.dumps({**FOREIGN, "before": {"cpu99": "performance"}}))
    assert used_here(machine, None) == (BEFORE, [])
    assert not machine.state.exists()


def test_governors_now(machine: Machine, tmp_path: Path) -> None:
    assert governors_now(machine.folder) == "performance, powersave"
    for number in (0, 1):
        machine.file(number).write_text("performance")
    assert governors_now(machine.folder) == "performance"
    assert governors_now(tmp_path / "nowhere") is None
    assert governors_now(machine.locks) is None
