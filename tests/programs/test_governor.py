"""The CPU frequency governor in a folder made like sysfs: real runs, killed ones, two users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.cpufreq import BEFORE, FOREIGN, LEFT, SET, Machine, used_here
from support.stage import Stage
from tandem.base.paths import ROOT
from tandem.base.variables import LOCKS, VISIBLE

DEADLINE_S = 120.0  # a hang guard, not a figure
NOBODY = 65534

# One run: it has the governor, says so, and ends with its input; argv: lib, governor, folder, uid.
RUN = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tandem.machine.governor import governor
if sys.argv[4]:
    os.setgroups([])
    os.setresuid(*[int(sys.argv[4])] * 3)
os.umask(0o000)
say = lambda text: print(text, flush=True)
with governor(sys.argv[2] or None, Path(sys.argv[3]), say, has_machine=True):
    print("entered", flush=True)
    sys.stdin.readline()
print("left", flush=True)
"""


class Run:
    """A process that runs under a governor until it is told to end, or killed."""

    def __init__(self, machine: Machine, wanted: str | None, user: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, ROOT / "lib", wanted or "", machine.folder, user],
            env={**os.environ, LOCKS: str(machine.locks)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = self.until("entered")

    def until(self, word: str) -> list[str]:
        assert self.process.stdout
        lines: list[str] = []
        while (line := self.process.stdout.readline().rstrip("\n")) != word:
            assert line, lines
            lines.append(line)
        return lines

    def end(self) -> list[str]:
        """Let it end, and return what it says then."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        said = self.until("left")
        assert self.process.wait(DEADLINE_S) == 0
        return said

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_S)


Start = Callable[..., Run]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path, *BEFORE)
    monkeypatch.setenv(LOCKS, str(made.locks))
    return made


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Run] = []

    def begin(machine: Machine, wanted: str | None, user: str = "") -> Run:
        started.append(Run(machine, wanted, user))
        return started[-1]

    yield begin
    for run in started:
        run.process.kill()
        run.process.communicate(timeout=DEADLINE_S)


# -- killed runs ---------------------------------------------------------------------------


def test_the_next_run_puts_back(machine: Machine, start: Start) -> None:
    start(machine, "performance").kill()
    assert machine.names() == SET
    assert used_here(machine, "performance") == (SET, [LEFT])
    assert machine.names() == BEFORE


def test_a_run_that_wants_none_puts_back(machine: Machine, start: Start) -> None:
    start(machine, "performance").kill()
    assert used_here(machine, None) == (BEFORE, [LEFT])
    assert not machine.state.exists()


def test_a_run_that_cannot_set_puts_back(machine: Machine, start: Start) -> None:
    start(machine, "performance").kill()
    names, said = used_here(machine, "turbo")
    assert names == BEFORE
    assert said[0] == LEFT


def test_killed_again_and_again(machine: Machine, start: Start) -> None:
    """What there was at first is never lost."""
    for _ in range(3):
        start(machine, "performance").kill()
    used_here(machine, None)
    assert machine.names() == BEFORE


def test_killed_at_any_instant(machine: Machine) -> None:
    """Python takes some 50 ms to start; the rest is over in a few."""
    for trial in range(20):
        run = subprocess.Popen(
            [sys.executable, "-c", RUN, ROOT / "lib", "performance", machine.folder, ""],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        time.sleep(0.03 + 0.005 * trial)
        run.kill()
        run.wait(DEADLINE_S)
        names, said = used_here(machine, None)
        assert (names, said) in ((BEFORE, []), (BEFORE, [LEFT])), trial
        assert not machine.state.exists()


# -- a run that does not have the whole machine --------------------------------------------


def test_beside_other_runs_what_a_killed_run_left_stays(machine: Machine, start: Start) -> None:
    """It goes with the next run that has the whole machine."""
    start(machine, "performance").kill()
    assert used_here(machine, None, has_machine=False) == (SET, [])
    names, [text] = used_here(machine, "performance", has_machine=False)
    assert (names, text.rpartition("; ")[2]) == (SET, "the CPUs have performance")
    assert used_here(machine, None) == (BEFORE, [LEFT])


@pytest.mark.parametrize("devices", [None, "0"])
def test_the_driver_sets_it_only_with_the_whole_machine(
    stage: Stage, machine: Machine, devices: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VISIBLE, raising=False)
    if devices is not None:
        monkeypatch.setenv(VISIBLE, devices)
    stage.build(f"cat {machine.file(0)}; echo Test Accuracy: 1", None, governor="performance")
    done = stage.run("--cpufreq", str(machine.folder))
    assert done.returncode == 0, done.stdout
    record = stage.record()
    during = (stage.experiment / record["attempts"][0]["log"]).read_text().split("\n")[0]
    said = "governor: performance not set: with CUDA_VISIBLE_DEVICES this run does not have"
    if devices is None:
        assert (during, record["environment"]["cpu_governor"]) == ("performance", "performance")
        assert "governor:" not in done.stdout
    else:
        names = "performance, powersave"
        assert (during, record["environment"]["cpu_governor"]) == ("powersave", names)
        assert done.stdout.count(said) == 1
    assert machine.names() == BEFORE


# -- what hinders --------------------------------------------------------------------------


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine that another user may look at, with a folder like /tmp."""
    if os.geteuid() != 0:
        pytest.skip("only root can be two users")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        machine = Machine(Path(folder), *BEFORE)
        machine.locks.chmod(0o1777)
        monkeypatch.setenv(LOCKS, str(machine.locks))
        yield machine


@pytest.mark.parametrize("writable", [[], [0]])
def test_without_the_right(public: Machine, start: Start, writable: list[int]) -> None:
    """Nothing stays half set."""
    for number in writable:
        public.file(number).chmod(0o666)
    run = start(public, "performance", str(NOBODY))
    files = public.folder / "cpu*" / "cpufreq" / "scaling_governor"
    assert run.said == [
        f"warning: governor: performance not set: {public.file(len(writable))}: Permission denied"
        f" (by hand: echo performance | sudo tee {files})"
    ]
    assert public.names() == BEFORE
    assert not public.state.exists()
    assert run.end() == []


def test_without_the_right_but_set_already(public: Machine, start: Start) -> None:
    for number in range(3):
        public.file(number).write_text("performance\n")
    run = start(public, "performance", str(NOBODY))
    assert run.said == []
    assert run.end() == []


@pytest.mark.parametrize("wanted", ["performance", None])
def test_without_the_right_to_put_back(public: Machine, start: Start, wanted: str | None) -> None:
    """It stays saved for a run that may."""
    start(public, "performance").kill()
    run = start(public, wanted, str(NOBODY))
    assert run.said == [
        f"warning: governor: not put back: {public.file(1)}: Permission denied (the next run on"
        f" the whole machine that is allowed to does it; {public.state} has what each CPU had"
        " before)"
    ]
    assert run.end() == []
    assert used_here(public, None) == (BEFORE, [LEFT])


# -- state files that somebody put there ---------------------------------------------------


@pytest.mark.parametrize("wanted", ["performance", None])
def test_a_state_file_of_another_user(public: Machine, wanted: str | None) -> None:
    public.state.write_text(json.dumps(FOREIGN))
    os.chown(public.state, NOBODY, NOBODY)
    assert used_here(public, wanted) == (
        BEFORE,
        [
            f"warning: governor: {public.state} is not trusted: user {NOBODY} may have changed it"
            " (a run of that user puts back what it says; or remove it)"
        ],
    )
    assert public.names() == BEFORE
    assert json.loads(public.state.read_text()) == FOREIGN


def test_a_state_file_of_root_is_believed(public: Machine, start: Start) -> None:
    start(public, "performance").kill()
    for number in range(3):
        public.file(number).chmod(0o666)
    public.locks.chmod(0o777)
    assert start(public, None, str(NOBODY)).said == [LEFT]
    assert public.names() == BEFORE


# -- for the record ------------------------------------------------------------------------
