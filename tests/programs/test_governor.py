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
from support.stage import Stage
from tandem.base.paths import ROOT
from tandem.base.variables import LOCKS, VISIBLE
from tandem.machine.governor import _write, governor, governors_now

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


class Machine:
    """A folder like /sys/devices/system/cpu, with one like /tmp for locks.

    Only the first line of a file counts: in sysfs nothing of an older and longer one stays.
    """

    def __init__(self, path: Path, *names: str, available: str = "performance powersave") -> None:
        self.folder, self.locks = path / "cpu", path / "locks"
        self.locks.mkdir()
        for number, name in enumerate(names):
            cpufreq = self.folder / f"cpu{number}" / "cpufreq"
            cpufreq.mkdir(parents=True)
            (cpufreq / "scaling_available_governors").write_text(f"{available} \n")
            (cpufreq / "scaling_governor").write_text(f"{name}\n")
        (self.folder / "cpuidle").mkdir(parents=True)

    @property
    def state(self) -> Path:
        return self.locks / "tandem-governor.json"

    def file(self, number: int) -> Path:
        return self.folder / f"cpu{number}" / "cpufreq" / "scaling_governor"

    def names(self) -> list[str]:
        count = len(list(self.folder.glob("cpu[0-9]*")))
        files = [self.file(number) for number in range(count)]
        return [file.read_text().splitlines()[0] for file in files if file.exists()]


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
    made = Machine(tmp_path, "powersave", "powersave", "performance")
    monkeypatch.setenv(LOCKS, str(made.locks))
    return made


BEFORE = ["powersave", "powersave", "performance"]
SET = ["performance"] * 3


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


def used_here(
    machine: Machine, wanted: str | None, *, has_machine: bool = True
) -> tuple[list[str], list[str]]:
    """Return the governors meanwhile, and what was said."""
    said: list[str] = []
    with governor(wanted, machine.folder, said.append, has_machine=has_machine):
        names = machine.names()
    return names, said


# -- one run -------------------------------------------------------------------------------


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


# -- killed runs ---------------------------------------------------------------------------

LEFT = "governor: put back; an earlier run had left performance"


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


def test_killed_before_it_had_set_all(machine: Machine) -> None:
    before = {f"cpu{number}": name for number, name in enumerate(BEFORE)}
    machine.state.write_text(json.dumps({"wanted": "performance", "before": before}))
    machine.file(1).write_text("performance\n")
    assert used_here(machine, None) == (BEFORE, [LEFT])
    assert not machine.state.exists()


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

FOREIGN = {"wanted": "powersave", "before": {"cpu0": "performance"}}


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


# -- for the record ------------------------------------------------------------------------


def test_governors_now(machine: Machine, tmp_path: Path) -> None:
    assert governors_now(machine.folder) == "performance, powersave"
    for number in (0, 1):
        machine.file(number).write_text("performance")
    assert governors_now(machine.folder) == "performance"
    assert governors_now(tmp_path / "nowhere") is None
    assert governors_now(machine.locks) is None
