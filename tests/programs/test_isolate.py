"""Whether a background may have a PID namespace: the probe's answers, and what they are worth."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from tandem.base.paths import ROOT
from tandem.base.variables import COOKIE
from tandem.processes import census, namespace
from tandem.processes.namespace import first_error, off, output, probe, unshare_command

PROGRAM = [sys.executable, "-S", "-E", str(ROOT / "lib" / "isolate.py")]
DEADLINE_S = 120.0  # a hang guard, not a figure


@pytest.fixture
def permitted() -> tuple[str, ...]:
    """The words before a command, on a machine that permits a namespace."""
    isolation = probe()
    if not isolation.command:
        pytest.skip(f"no PID namespace here: {isolation.reason}")
    return isolation.command


def cuda_that_prints(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the machine's CUDA be a program: the one edge that not every machine has."""
    (folder / "cuda.py").write_text(f"import os\n{code}\n")
    monkeypatch.setattr(namespace, "has_cuda", lambda: True)
    monkeypatch.setattr(namespace, "CUDA_PROBE", folder / "cuda.py")


def program(path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        PROGRAM,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        timeout=DEADLINE_S,
    )


# -- the probe -----------------------------------------------------------------------------


def test_a_probe_says_why() -> None:
    isolation = probe()
    assert isolation.reason
    if isolation.command:
        assert isolation == namespace.Isolation("pid namespace", "permitted", unshare_command())
    else:
        assert isolation.mode == "keepers only"


def test_off_is_no_namespace() -> None:
    assert off("switched off") == namespace.Isolation("keepers only", "switched off", ())


def test_no_root_no_unshare_without_a_user_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "--user" not in unshare_command()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert unshare_command()[1:3] == ("--user", "--map-current-user")
    assert unshare_command()[-1] == "--"


def test_a_machine_without_unshare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    isolation = probe()
    assert (isolation.mode, isolation.command) == ("keepers only", ())
    assert isolation.reason.startswith("not permitted: ")
    assert "'unshare'" in isolation.reason


def test_a_machine_that_forbids_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first line of what unshare says is the reason."""
    fake = tmp_path / "unshare"
    fake.write_text("#!/bin/sh\nprintf 'unshare: not \\377 here\\nmore\\n' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert probe() == off("not permitted: unshare: not \N{REPLACEMENT CHARACTER} here")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (("true",), ""),
        (("sh", "-c", "echo first >&2; echo second >&2; exit 3"), "first"),
        (("sh", "-c", "exit 3"), "exit code 3"),
        (("sh", "-c", "echo a remark >&2"), ""),
    ],
)
def test_why_a_command_fails(command: tuple[str, ...], error: str) -> None:
    assert first_error(command) == error


def test_a_probe_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace, "PROBE_TIMEOUT_S", 0.05)
    assert "timed out" in first_error(("sleep", "1000"))
    assert "timed out" in output(("sleep", "1000"))


def test_what_a_command_prints() -> None:
    assert output(("echo", " some text ")) == "some text"
    assert output(("sh", "-c", "exit 4")) == "exit code 4"
    assert "no-such-program" in output(("no-such-program",))


# -- CUDA in it ----------------------------------------------------------------------------


def test_cuda_that_comes_up_as_outside(
    permitted: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda_that_prints(tmp_path, "print('cuInit 0, devices 2')", monkeypatch)
    assert probe().command == permitted


@pytest.mark.parametrize(
    "code",
    # Nobody inside is the parent of the first process.
    ["print('cuInit', 0 if os.getppid() else 304)", "os.getppid() or os._exit(3)"],
    ids=["another answer", "a crash"],
)
def test_cuda_that_does_not(
    permitted: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """Both answers are told: nvidia-smi working is no proof."""
    assert permitted
    cuda_that_prints(tmp_path, code, monkeypatch)
    isolation = probe()
    assert isolation.command == ()
    assert isolation.reason.startswith("CUDA comes up differently inside: ")
    assert ("cuInit 304" in isolation.reason) or ("exit code 3" in isolation.reason)


# -- the namespace itself ------------------------------------------------------------------


def test_inside_is_a_world_of_its_own(permitted: tuple[str, ...]) -> None:
    """Its first process is the command; /proc shows who is inside, and nobody else."""
    line = "echo $$; echo /proc/[0-9]*; readlink /proc/self/ns/pid; exec id -u"
    pid, processes, inside, user = output((*permitted, "bash", "-c", line)).splitlines()
    assert pid == "1"
    assert processes == "/proc/1"
    assert inside != os.readlink("/proc/self/ns/pid")
    assert user == str(os.geteuid())


def test_nobody_outlives_its_start(permitted: tuple[str, ...]) -> None:
    """A daemon that ignores TERM, and unshare itself is killed: the pipe is closed at once."""
    reading, writing = os.pipe()
    mark = f"a cookie of {uuid.uuid4()}"
    line = "trap '' TERM; (setsid sleep 1000 &); echo ready; exec sleep 1000"
    started = subprocess.Popen(
        [*permitted, "bash", "-c", line],
        stdout=subprocess.PIPE,
        pass_fds=(writing,),
        env={**os.environ, COOKIE: mark},
        text=True,
    )
    os.close(writing)
    try:
        assert started.stdout
        assert started.stdout.readline() == "ready\n"
        started.kill()
        assert select.select([reading], [], [], DEADLINE_S)[0]
        assert os.read(reading, 1) == b""
    finally:
        census.remove_all(mark)
        started.communicate()
        os.close(reading)


# -- the program ---------------------------------------------------------------------------


def test_the_program_prints_the_words(permitted: tuple[str, ...]) -> None:
    done = program(os.environ["PATH"])
    assert (done.returncode, done.stderr) == (0, "")
    assert tuple(done.stdout.splitlines()) == permitted


def test_the_program_prints_nothing_without_a_namespace(tmp_path: Path) -> None:
    """That is no error: the reason is told, and the background goes without."""
    done = program(str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("bgrun: info: no PID namespace: not permitted: ")
    assert done.stderr.count("\n") == 1
