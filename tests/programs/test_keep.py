"""lib/keep.py as a program: what a command leaves behind is ended, and told exactly.

Nearly every process here holds the write end of a pipe that only this test reads: its end of file
is the kernel's word that nobody is left.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.stage import stop, wait_for
from tandem.base.paths import ROOT
from tandem.base.variables import COOKIE
from tandem.processes import census
from tandem.processes.control import NO_SUSPENSION
from tandem.processes.cookie import cookie
from tandem.processes.keeper import LINGER_S
from tandem.processes.proc import children, stat
from tandem.processes.reports import read_report

KEEP = [sys.executable, "-S", "-E", str(ROOT / "lib" / "keep.py")]
PYTHON = [sys.executable, "-S", "-E", "-c"]
DEADLINE_S = 120.0  # a hang guard, not a figure
FOREVER = "import signal\nwhile True: signal.pause()\n"


@dataclass
class Stage:
    """A folder for a keeper's files, and the keepers started in it."""

    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    life: tuple[int, int] = field(default_factory=os.pipe)

    def start(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        """Start a program in the folder; it and whoever it starts hold the pipe."""
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(self.life[1], *more.pop("pass_fds", ())),
            text=True,
            **more,
        )
        self.started.append(process)
        return process

    def keep(self, options: str, *command: str, **more: Any) -> subprocess.Popen[str]:
        return self.start(*KEEP, "--report", "report", *options.split(), "--", *command, **more)

    def run(self, options: str, *command: str, **more: Any) -> subprocess.CompletedProcess[str]:
        process = self.keep(options, *command, **more)
        output, messages = process.communicate(timeout=DEADLINE_S)
        return subprocess.CompletedProcess(command, process.returncode, output, messages)

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.folder / "report").read_text())
        return report

    def nobody_is_left(self) -> bool:
        """Wait until every process that was started here has ended."""
        reading, writing = self.life
        os.close(writing)
        ready = select.select([reading], [], [], DEADLINE_S)[0]
        self.life = (reading, os.open(os.devnull, os.O_WRONLY))
        return bool(ready)

    def survivors(self) -> list[int]:
        """Return who still holds the pipe."""
        pipe = os.readlink(f"/proc/self/fd/{self.life[0]}")
        everybody = set(census.process_ids()) - {os.getpid()}
        return [pid for pid in everybody if pipe in census.open_files(pid)]

    def clean_up(self) -> None:
        """End what a failed test left, each by its id."""
        while left := self.survivors():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in self.started:
                process.poll()
        for process in self.started:
            process.communicate()
        for fd in self.life:
            os.close(fd)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.clean_up()


def catches(pid: int, signum: int) -> bool:
    """Whether a process has a handler for a signal."""
    caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(caught and int(caught[1], 16) >> (signum - 1) & 1)


def first_line(process: subprocess.Popen[str]) -> str:
    """Wait for a line of a program's output."""
    assert process.stdout
    return process.stdout.readline().strip()


# -- how it ends ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code", "exit_code", "signum"),
    [
        ("exit 0", 0, 0, None),
        ("exit 7", 7, 7, None),
        ("exit 255", 255, 255, None),
        ("kill -KILL $$", 137, None, 9),
        ("kill -TERM $$", 143, None, 15),
        ("kill -SEGV $$", 139, None, 11),
    ],
)
def test_ends_as_the_command_does(
    stage: Stage, line: str, code: int, exit_code: int | None, signum: int | None
) -> None:
    done = stage.run("", "bash", "-c", f"ulimit -c 0; echo out; echo err >&2; {line}")
    assert (done.returncode, done.stdout, done.stderr) == (code, "out\n", "err\n")
    report = stage.report()
    assert (report["exit_code"], report["signal"]) == (exit_code, signum)
    assert (report["reason"], report["error"]) == ("ended", None)


@pytest.mark.parametrize(
    ("options", "command", "code", "error"),
    [
        ("", "./nowhere", 127, "No such file or directory: './nowhere'"),
        ("", "no-such-program", 127, "No such file or directory: 'no-such-program'"),
        ("", "", 126, "cannot be empty"),
        ("", "./plain", 126, "Permission denied: './plain'"),
        ("", "./odd", 126, "Exec format error: './odd'"),
        ("", "./orphan", 127, "No such file or directory: './orphan'"),
        ("--directory nowhere", "true", 127, "No such file or directory: 'nowhere'"),
        ("--directory plain", "true", 126, "Not a directory: 'plain'"),
        ("--log nowhere/log", "true", 127, "No such file or directory: 'nowhere/log'"),
    ],
)
def test_a_command_that_cannot_start(
    stage: Stage, options: str, command: str, code: int, error: str
) -> None:
    for name, text in (("plain", "exit 0"), ("odd", "exit 0"), ("orphan", "#!/no/such/shell\n")):
        (stage.folder / name).write_text(text)
        (stage.folder / name).chmod(0o644 if name == "plain" else 0o755)
    done = stage.run(f"--events events --name me {options}", command)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("me: error: cannot start the command: ")
    assert error in done.stderr
    assert done.stderr.count("\n") == 1
    report = stage.report()
    assert error in report["error"]
    assert (report["reason"], report["exit_code"], report["signal"]) == ("not started", code, None)
    started, ended = (stage.folder / "events").read_text().splitlines()
    assert re.fullmatch(r"start\t1\t\d+\.\d{3}", started)
    assert re.fullmatch(rf"end\t1\t\d+\.\d{{3}}\t{code}\tnot started", ended)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no command after --"),
        (["--"], "no command after --"),
        (["true"], "unrecognized arguments: true"),
        (["--grace", "soon", "--", "true"], "invalid float value: 'soon'"),
        (["--colour", "--", "true"], "unrecognized arguments: --colour"),
    ],
)
def test_wrong_usage(stage: Stage, arguments: list[str], complaint: str) -> None:
    process = stage.start(*KEEP, *arguments)
    output, messages = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, output) == (2, "")
    assert complaint in messages.splitlines()[-1]
    assert "Traceback" not in messages


def test_help_is_the_header(stage: Stage) -> None:
    process = stage.start(*KEEP, "--help")
    output, messages = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, messages) == (0, "")
    assert output.startswith("Keep a process tree: ")
    for option in ("--directory", "--grace", "--timeout", "--owner", "--log", "--report"):
        assert f"\n  {option} " in output


def test_words_after_the_dashes_are_the_commands(stage: Stage) -> None:
    done = stage.run("", "printf", "%s|", "--", "--grace", "", "-x")
    assert done.stdout == "--|--grace||-x|"


# -- timeout and stop ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trap", "signum", "is_killed"), [("-", 15, False), ("''", 9, True)], ids=["obeys", "ignores"]
)
def test_a_timeout(stage: Stage, trap: str, signum: int, is_killed: bool) -> None:
    done = stage.run(
        "--timeout 0.2 --grace 0.2 --events events",
        *("bash", "-c", f"trap {trap} TERM; echo $$; exec sleep 1000"),
    )
    assert done.returncode == 124
    assert stage.nobody_is_left()
    report = stage.report()
    assert (report["reason"], report["exit_code"], report["signal"]) == ("timeout", None, signum)
    stop = report["stop"]
    assert [person["pid"] for person in stop["terminated"]] == [int(done.stdout)]
    assert stop["killed"] == [] or is_killed
    assert stop["left"] == []
    assert report["duration_s"] >= 0.2
    assert stop["duration_s"] >= (0.2 if is_killed else 0)
    assert f"\t{128 + signum}\ttimeout\n" in (stage.folder / "events").read_text()


def test_a_timeout_of_a_strict_keeper(stage: Stage) -> None:
    done = stage.run("--strict --timeout 0.1", "sleep", "1000")
    assert done.returncode == 124


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_stops_everything(stage: Stage, signum: signal.Signals) -> None:
    keeper = stage.keep("--verbose", "bash", "-c", "ulimit -c 0; echo ready; exec sleep 1000")
    assert first_line(keeper) == "ready"
    keeper.send_signal(signum)
    _, messages = keeper.communicate(timeout=DEADLINE_S)
    assert keeper.returncode == -signum
    assert stage.nobody_is_left()
    assert stage.report()["reason"] == f"signal {signum.name}"
    assert stage.report()["signal"] == signal.SIGTERM
    assert f"stopped (signal {signum.name})" in messages


def test_hup_under_nohup_stops_nothing(stage: Stage) -> None:
    """Of the two signals only the second one is the reason."""
    nohup = ["bash", "-c", "trap '' HUP; exec \"$@\"", "bash"]
    keeper = stage.start(
        *nohup, *KEEP, "--report", "report", "--", "bash", "-c", "echo; sleep 1000"
    )
    first_line(keeper)
    keeper.send_signal(signal.SIGHUP)
    pending = Path(f"/proc/{keeper.pid}/status")
    wait_for("HUP has come", lambda: f"ShdPnd:\t{0:016x}" in pending.read_text())
    keeper.send_signal(signal.SIGTERM)
    keeper.communicate(timeout=DEADLINE_S)
    assert keeper.returncode == -signal.SIGTERM
    assert stage.report()["reason"] == "signal SIGTERM"


def test_a_stopped_command_goes_on_to_end(stage: Stage) -> None:
    """SIGSTOP holds back a TERM until a CONT comes."""
    line = "trap 'echo bye; exit 3' TERM; echo ready; kill -STOP $$; while true; do :; done"
    keeper = stage.keep("", "bash", "-c", line)
    assert first_line(keeper) == "ready"
    (command,) = children(keeper.pid)
    wait_for("it is stopped", lambda: stat(command)[0] == "T")
    keeper.terminate()
    output, _ = keeper.communicate(timeout=DEADLINE_S)
    assert output == "bye\n"
    assert stage.report()["exit_code"] == 3
    assert stage.report()["stop"]["killed"] == []


COUNTS_TERMS = f"""
import os, signal
def tell(*_): os.write(2, b"TERM\\n")
signal.signal(signal.SIGTERM, tell)
os.write(1, b"ready\\n")
{FOREVER}"""


@pytest.mark.parametrize("prefix", ["", "setsid "], ids=["in the group", "of its own session"])
def test_term_comes_once(stage: Stage, prefix: str) -> None:
    """The shell dies at once; the training below it saves, and a second TERM would end that.

    It stays until it is killed, so it would have seen every TERM of the grace period.
    """
    script = stage.folder / "train.py"
    script.write_text(COUNTS_TERMS)
    python = " ".join(KEEP[:3])
    keeper = stage.keep("--grace 0.5", "bash", "-c", f"{prefix}{python} train.py & wait")
    assert first_line(keeper) == "ready"
    keeper.terminate()
    _, messages = keeper.communicate(timeout=DEADLINE_S)
    assert messages == "TERM\n"
    assert stage.nobody_is_left()
    stop = stage.report()["stop"]
    assert len(stop["terminated"]) == 2
    assert stop["duration_s"] >= 0.5


# -- nobody stays --------------------------------------------------------------------------

DAEMON = f"""
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
{FOREVER}"""
FORK_CHAIN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.setsid() if os.fork() == 0 else os._exit(0)
os.write(1, b"ready\\n")
while True:
    if os.fork():
        os._exit(0)
    time.sleep(0.001)
"""
SPREADS = f"""
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(50):
    if os.fork() == 0:
        os.setsid()
        {FOREVER.replace(chr(10), chr(10) + "        ")}
"""


@pytest.mark.parametrize(
    ("code", "killed"),
    [
        pytest.param(DAEMON, 1, id="daemon"),
        pytest.param(SPREADS, 50, id="50 sessions"),
        pytest.param(SPREADS.replace("os.setsid()", ""), 50, id="a group of 50"),
    ],
)
def test_what_the_command_leaves_is_ended(stage: Stage, code: str, killed: int) -> None:
    """The exit code stays the command's, and the report names everybody."""
    done = stage.run("--grace 0.1", *PYTHON, code)
    assert done.returncode == 0, done.stderr
    assert stage.nobody_is_left()
    stop = stage.report()["stop"]
    assert len(stop["killed"]) == killed
    assert stop["left"] == []
    assert stage.report()["reason"] == "ended"


def test_a_chain_of_forks_is_ended(stage: Stage) -> None:
    """Whoever changes its pid every millisecond still has the keeper as its last parent."""
    keeper = stage.keep("--grace 0.1", "bash", "-c", '"$@" & sleep 1000', "-", *PYTHON, FORK_CHAIN)
    assert first_line(keeper) == "ready"
    keeper.terminate()
    keeper.communicate(timeout=DEADLINE_S)
    assert stage.nobody_is_left()
    assert stage.report()["stop"]["left"] == []


def test_who_is_stopped_goes_on_to_end(stage: Stage) -> None:
    """Also a child in a session of its own, for which a parent that was told to end waits."""
    code = (
        "import os, signal, time\n"
        "if (child := os.fork()) == 0:\n"
        "    os.setsid()\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(1000)\n"
        "def stop(*_):\n"
        "    os.kill(child, signal.SIGTERM)\n"
        "    os.waitpid(child, 0)\n"
        "    os._exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "time.sleep(1000)\n"
    )
    keeper = stage.keep("--grace 40", *PYTHON, code)
    child = int(first_line(keeper))
    os.kill(child, signal.SIGSTOP)
    while stat(child)[0] != "T":
        time.sleep(0.001)
    keeper.terminate()
    keeper.communicate(timeout=DEADLINE_S)
    assert stage.nobody_is_left()
    assert stage.report()["stop"]["killed"] == []


def test_a_strict_keeper_kills_strays_while_the_command_runs(stage: Stage) -> None:
    """The command itself waits for the end of what it let go."""
    line = '(setsid sleep 1000 & echo $! >stray); exec tail -s 0.02 --pid="$(<stray)" -f /dev/null'
    done = stage.run("--strict", "bash", "-c", line)
    assert done.returncode == 0
    stop = stage.report()["stop"]
    stray = int((stage.folder / "stray").read_text())
    assert stop["killed"] == [{"pid": stray, "name": "sleep"}]
    assert stop["terminated"] == []


# -- what a command leaves when it has ended by itself -------------------------------------

LEAVE = "import os, sys\nif os.fork(): sys.exit(7)\n"  # the code that follows is the child's
WAIT = LEAVE + "open('go')\n"


def ended(stage: Stage) -> Any:
    """Wait until the command itself has ended."""
    events = stage.folder / "events"
    return wait_for("it ends", lambda: events.exists() and "end" in events.read_text())


def test_who_ends_within_the_patience_is_not_ended(stage: Stage) -> None:
    os.mkfifo(stage.folder / "go")
    keeper = stage.keep("--patience 1000 --events events", *PYTHON, WAIT)
    ended(stage)
    time.sleep(LINGER_S)  # for so long at least it is there
    (stage.folder / "go").write_text("")
    assert keeper.wait(DEADLINE_S) == 7
    report, stop = stage.report(), stage.report()["stop"]
    assert (report["reason"], stop["went_on"], stop["terminated"]) == ("ended", [], [])
    assert stop["lingered_s"] >= LINGER_S
    assert report["duration_s"] < report["all_ended_s"] - report["started_s"] - LINGER_S / 2


def test_who_goes_on_is_named_and_ended(stage: Stage) -> None:
    line = "exec -a 'wandb-service(2-7)' sleep 1000 & exit 0"
    assert stage.run("--patience 0.3", "bash", "-c", line).returncode == 0
    stop = stage.report()["stop"]
    ((pid, names),) = [each.values() for each in stop["went_on"]]
    assert names == ["sleep", "wandb-service(2-7)", "wandb-service"]
    assert stop["lingered"] == stop["went_on"]
    assert [each["pid"] for each in stop["terminated"]] == [pid]
    assert stage.nobody_is_left()


def test_a_signal_cuts_the_patience_short_and_the_command_had_ended(stage: Stage) -> None:
    keeper = stage.keep("--patience 1000 --events events", *PYTHON, LEAVE + FOREVER)
    ended(stage)
    keeper.terminate()
    assert keeper.wait(DEADLINE_S) == 7
    report = stage.report()
    assert (report["reason"], report["exit_code"]) == ("ended", 7)
    assert (report["stop"]["went_on"], len(report["stop"]["terminated"])) == ([], 1)


def test_nobody_waits_for_nobody(stage: Stage) -> None:
    """Nor where the command did not end by itself."""
    assert stage.run("--patience 1000", "true").returncode == 0
    line = "import os\nos.fork()\nprint(flush=True)\n"
    keeper = stage.keep("--patience 1000", *PYTHON, line + FOREVER)
    first_line(keeper)
    keeper.terminate()
    assert keeper.wait(DEADLINE_S) == -signal.SIGTERM


def test_a_command_that_was_stopped_says_so(stage: Stage) -> None:
    keeper = stage.keep("", *PYTHON, "print(flush=True)\n" + FOREVER)
    first_line(keeper)
    (command,) = children(keeper.pid)
    stop(command)
    os.kill(command, signal.SIGCONT)
    wait_for("it goes on", lambda: stat(command)[:1] != ["T"])
    keeper.terminate()
    keeper.wait(DEADLINE_S)
    report = stage.report()
    assert report["pauses"] == 1
    # None where the keeper was too slow to see it stopped.
    assert report["paused_s"] is None or 0 < report["paused_s"] < report["duration_s"]


def test_a_keeper_refuses_ctrl_z(stage: Stage) -> None:
    keeper = stage.keep("", *PYTHON, "print(flush=True)\n" + FOREVER)
    first_line(keeper)
    keeper.send_signal(signal.SIGTSTP)
    assert keeper.stderr
    assert select.select([keeper.stderr], [], [], DEADLINE_S)[0]
    assert keeper.stderr.readline() == f"keep: warning: {NO_SUSPENSION}\n"
    (command,) = children(keeper.pid)
    assert "T" not in (stat(command)[0], stat(keeper.pid)[0])
    keeper.terminate()
    keeper.wait(DEADLINE_S)


@pytest.mark.parametrize(
    "signum",
    [
        pytest.param(0, id="by their keeper"),
        pytest.param(signal.SIGKILL, id="when it is killed", marks=pytest.mark.long),
    ],
)
def test_a_keeper_of_keepers_names_whom_others_killed(stage: Stage, signum: int) -> None:
    """And only trainings, not the keepers that had to go with them."""
    deaf = "import os, signal\nsignal.signal(15, signal.SIG_IGN)\n"
    two = deaf + "if os.fork() == 0: print(flush=True)\n" + FOREVER
    inner = [*KEEP, "--grace", "0.1", "--killed", "killed", "--", *PYTHON, two]
    keeper = stage.keep("--strict --killed killed --grace 0.1", *inner)
    first_line(keeper)
    (below,) = children(keeper.pid)
    (training,) = children(below)
    (child,) = children(training)
    if signum:
        os.kill(below, signum)  # the training itself dies with it
    else:
        keeper.terminate()
    keeper.wait(DEADLINE_S)
    report = stage.report()["stop"]
    killed, told = ([each["pid"] for each in report[key]] for key in ("killed", "terminated"))
    assert killed == ([child] if signum else sorted([training, child]))
    assert child in told
    assert below not in told
    assert not (stage.folder / "killed").exists()


# -- the owner -----------------------------------------------------------------------------


def test_the_end_of_the_lifeline_is_the_end(stage: Stage) -> None:
    """The command has nothing of it: neither the pipe nor the variable."""
    ours, lifeline = os.pipe()[::-1]
    inode = os.readlink(f"/proc/self/fd/{lifeline}")
    line = 'echo "${TANDEM_LIFELINE_FD-none}"; readlink /proc/$$/fd/*; echo ready; exec sleep 1000'
    keeper = stage.keep(
        "--owner 0",
        *("bash", "-c", line),
        pass_fds=(lifeline,),
        env={**os.environ, "TANDEM_LIFELINE_FD": str(lifeline)},
    )
    os.close(lifeline)
    assert first_line(keeper) == "none"
    files = list(iter(lambda: first_line(keeper), "ready"))
    assert len(files) >= 3
    assert inode not in files
    assert keeper.poll() is None
    os.close(ours)
    keeper.communicate(timeout=DEADLINE_S)
    assert keeper.returncode == 1
    assert stage.nobody_is_left()
    assert stage.report()["reason"] == "owner gone"


def test_the_monitor_is_asked_for_a_row_at_both_edges(stage: Stage) -> None:
    """Once before it ends, once when it has; it has nothing of the monitor itself."""
    line = (
        "import signal, time\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
        "print('ready', flush=True)\n"
        "while signal.sigwait([signal.SIGUSR1]):\n"
        "    print(time.clock_gettime(time.CLOCK_BOOTTIME), flush=True)\n"
    )
    os.mkfifo(stage.folder / "go_on")
    monitor = subprocess.Popen([*PYTHON, line], stdout=subprocess.PIPE, text=True)
    try:
        assert first_line(monitor) == "ready"
        pidfd = os.pidfd_open(monitor.pid)
        os.set_inheritable(pidfd, True)
        keeper = stage.keep(
            "--owner 0",
            *("bash", "-c", 'echo "${TANDEM_MONITOR_FD-none}"; read -r <go_on'),
            pass_fds=(pidfd,),
            env={**os.environ, "TANDEM_MONITOR_FD": str(pidfd)},
        )
        assert first_line(keeper) == "none"
        start_s = float(first_line(monitor))
        (stage.folder / "go_on").write_text("\n")
        end_s = float(first_line(monitor))
        keeper.communicate(timeout=DEADLINE_S)
        report = stage.report()
        assert start_s < report["ended_s"] <= end_s
    finally:
        monitor.kill()
        tail, _ = monitor.communicate(timeout=DEADLINE_S)
    assert tail == ""


def test_a_monitor_that_has_died_harms_nothing(stage: Stage) -> None:
    monitor = subprocess.Popen(["true"])
    pidfd = os.pidfd_open(monitor.pid)
    os.set_inheritable(pidfd, True)
    monitor.wait(timeout=DEADLINE_S)
    keeper = stage.keep(
        "--owner 0",
        "true",
        pass_fds=(pidfd,),
        env={**os.environ, "TANDEM_MONITOR_FD": str(pidfd)},
    )
    keeper.communicate(timeout=DEADLINE_S)
    assert keeper.returncode == 0


@pytest.mark.parametrize("option", ["", '--owner "$$"'], ids=["unnamed", "named"])
def test_the_death_of_the_parent_is_the_end(stage: Stage, option: str) -> None:
    """It is not even collected yet: a zombie owner is a dead one."""
    line = f'"$@" {option} --report report -- bash -c "echo ready; exec sleep 1000" & wait'
    owner = stage.start("bash", "-c", line, "bash", *KEEP)
    assert first_line(owner) == "ready"
    owner.kill()
    assert stage.nobody_is_left()
    assert stage.report()["reason"] == "owner gone"


def test_the_death_of_the_parents_parent_is_the_end(stage: Stage) -> None:
    """Where it is named as well: the parent itself lives on."""
    line = '"$@" --owner "$$,$PPID" --report report -- bash -c "echo ready; exec sleep 1000" & wait'
    line += "; echo $? >after"
    first = stage.start("bash", "-c", '"$@" & wait', "bash", "bash", "-c", line, "bash", *KEEP)
    assert first_line(first) == "ready"
    first.kill()
    assert stage.nobody_is_left()
    assert stage.report()["reason"] == "owner gone"
    assert (stage.folder / "after").read_text() == "0\n"


def test_a_parent_whose_own_parent_is_another_by_now(stage: Stage) -> None:
    line = '"$@" --owner "$$,$$" -- touch started & wait "$!"'
    parent = stage.start("bash", "-c", line, "bash", *KEEP)
    _, messages = parent.communicate(timeout=DEADLINE_S)
    assert parent.returncode == 1
    assert messages == "keep: error: whoever started this has ended already\n"
    assert not (stage.folder / "started").exists()


def test_an_owner_that_is_dead_already(stage: Stage) -> None:
    """Whoever adopted the keeper meanwhile is not its owner."""
    owner = stage.start("true")
    owner.communicate()
    done = stage.run(f"--owner {owner.pid}", "touch", "started")
    assert done.returncode == 1
    assert done.stderr == "keep: error: whoever started this has ended already\n"
    assert not (stage.folder / "started").exists()


def test_nobodys_keeper_outlives_its_parent(stage: Stage) -> None:
    os.mkfifo(stage.folder / "fifo")
    line = "echo ready; read -r _ <fifo; exit 4"
    words = [*KEEP, "--report", "report", "--owner", "0", "--", "bash", "-c", line]
    parent = stage.start("bash", "-c", '"$@" & wait', "bash", *words)
    assert first_line(parent) == "ready"
    parent.kill()
    parent.wait()
    (stage.folder / "fifo").write_text("go on\n")
    assert stage.nobody_is_left()
    assert (stage.report()["reason"], stage.report()["exit_code"]) == ("ended", 4)


# -- what the command gets -----------------------------------------------------------------


def test_signals_are_as_a_program_expects_them(stage: Stage) -> None:
    """Whatever is ignored or blocked where the keeper was started."""
    shell = "trap '' INT QUIT PIPE HUP TERM USR1; exec \"$@\""
    block = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, 10});"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
    keeper = stage.start("bash", "-c", shell, "bash", *PYTHON, block, *KEEP, "--", *command)
    output, messages = keeper.communicate(timeout=DEADLINE_S)
    assert (keeper.returncode, messages) == (0, "")
    blocked, ignored = (int(mask, 16) for mask in output.split()[1::2])
    of_the_c_library = 1 << 31 | 1 << 32  # signals 32 and 33, which no program can set
    assert (blocked, ignored & ~of_the_c_library) == (0, 0)


def test_input_is_empty(stage: Stage) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"not for the training\n")
    done = stage.run("", "cat", stdin=reading)
    os.close(reading)
    os.close(writing)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_command_leads_a_session_in_its_folder(stage: Stage) -> None:
    (stage.folder / "below").mkdir()
    line = 'pwd; read -r pid _ _ _ group session _ </proc/$$/stat; echo "$pid $group $session"'
    done = stage.run("--directory below", "bash", "-c", line)
    where, ids = done.stdout.splitlines()
    assert where == str(stage.folder / "below")
    assert len(set(ids.split())) == 1


def test_a_log_is_appended_to_and_has_its_owner_beside(stage: Stage) -> None:
    """As long as there is anybody whom the census might have to find."""
    (stage.folder / "log").write_text("earlier\n")
    line = "echo out; echo err >&2; echo $PPID; cat owner"
    done = stage.run("--log log", "bash", "-c", line)
    assert (done.stdout, done.stderr) == ("", "")
    *output, pid, owner = (stage.folder / "log").read_text().splitlines()
    assert output == ["earlier", "out", "err"]
    assert owner.split("/")[-2] == pid
    assert not (stage.folder / "owner").exists()


def test_a_command_that_cannot_start_has_no_owner_beside_its_log(stage: Stage) -> None:
    assert stage.run("--log log", "./nowhere").returncode == 127
    assert not (stage.folder / "owner").exists()


def test_the_cookie_names_the_keeper(stage: Stage) -> None:
    """Everybody below it has the cookie, and only while it lives is somebody theirs."""
    environment = {name: value for name, value in os.environ.items() if name != COOKIE}
    keeper = stage.keep("", "bash", "-c", f"echo ${COOKIE}; exec sleep 1000", env=environment)
    mark = first_line(keeper)
    assert mark == cookie(keeper.pid)
    assert [found.pid for found in census.below(mark)] == children(keeper.pid)
    assert not census.owner_is_gone(mark)
    keeper.terminate()
    keeper.communicate(timeout=DEADLINE_S)
    assert census.owner_is_gone(mark)
    assert census.below(mark) == []


def test_an_owners_cookie_is_handed_on(stage: Stage) -> None:
    line = f'[[ "${COOKIE}" == "$(<owner)" ]] && cat owner'
    done = stage.run("--log log", "bash", "-c", line, env={**os.environ, COOKIE: "the driver's"})
    assert done.returncode == 0
    assert (stage.folder / "log").read_text() == "the driver's"


# -- what is told --------------------------------------------------------------------------


def test_the_report(stage: Stage) -> None:
    """Seconds, bytes and one pair of clocks: 0.2 s of work in 64 MiB."""
    work = "import time\nkept = bytearray(64 << 20)\nwhile time.process_time() < 0.2: pass\n"
    before_s, before_utc_s = time.clock_gettime(time.CLOCK_BOOTTIME), time.time()
    stage.run("", *PYTHON, work)
    after_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    report = stage.report()
    assert [*report] == [
        *("command", "clock", "started_s", "ended_s", "all_ended_s", "start_took_s"),
        *("suspended_s", "duration_s", "pauses", "paused_s", "exit_code", "signal", "reason"),
        "error",
        *("cpu_user_s", "cpu_system_s", "peak_memory_bytes", "stop"),
    ]
    assert report["command"] == [*PYTHON, work]
    moments = [report["clock"]["boottime_s"]]
    moments += [report[key] for key in ("started_s", "ended_s", "all_ended_s")]
    assert [before_s, *moments, after_s] == sorted([before_s, *moments, after_s])
    utc_s = report["clock"]["utc_s"] + after_s - report["clock"]["boottime_s"]
    assert utc_s == pytest.approx(before_utc_s + after_s - before_s, abs=1.0)
    assert 0.2 <= report["duration_s"] <= after_s - before_s
    lasted_s = report["ended_s"] - report["started_s"]
    assert report["suspended_s"] == pytest.approx(0.0, abs=0.01)
    assert report["duration_s"] == pytest.approx(lasted_s - report["suspended_s"], abs=2e-6)
    assert 0 < report["start_took_s"] <= report["started_s"] - before_s
    assert report["cpu_user_s"] + report["cpu_system_s"] >= 0.2
    assert 64 << 20 <= report["peak_memory_bytes"] <= 256 << 20
    assert report["stop"]["duration_s"] <= after_s - before_s
    assert report["stop"]["terminated"] == report["stop"]["killed"] == report["stop"]["left"] == []
    assert report["stop"]["lingered"] == report["stop"]["went_on"] == []
    assert (report["pauses"], report["paused_s"], report["stop"]["lingered_s"]) == (0, 0.0, 0.0)
    assert read_report(stage.folder.parent, 0.0) is None
    assert not list(stage.folder.glob("*.tmp"))


def test_cpu_seconds_are_those_of_the_whole_tree(stage: Stage) -> None:
    """A grandchild that double-forked is the keeper's in the end."""
    work = "while time.process_time() < 0.2: pass"
    code = f"if os.fork() == 0:\n if os.fork() == 0:\n  {work}\n"
    ignoring = "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    stage.run("", *PYTHON, ignoring + code)
    assert stage.report()["cpu_user_s"] + stage.report()["cpu_system_s"] >= 0.2


def test_events_are_appended(stage: Stage) -> None:
    (stage.folder / "events").write_text("start\t1\t1.000\nend\t1\t2.000\t0\tended\n")
    stage.run("--events events --round 2", "bash", "-c", "exit 5")
    lines = (stage.folder / "events").read_text().splitlines()
    assert len(lines) == 5
    report = stage.report()
    started_s, ended_s = report["started_s"], report["ended_s"]
    cpu_s = report["cpu_user_s"] + report["cpu_system_s"]
    assert lines[2] == f"start\t2\t{started_s:.3f}"
    assert lines[3] == f"end\t2\t{ended_s:.3f}\t5\tended"
    assert lines[4] == f"used\t2\t{report['all_ended_s']:.3f}\t{cpu_s:.3f}"


def test_cpu_time_is_that_of_whoever_was_left_too(stage: Stage) -> None:
    """Of a stopped training the shell ends first, and what that had started did the work."""
    burn = "import time\nwhile time.process_time() < 0.3: pass\nopen('burnt', 'w')\ntime.sleep(99)"
    waits = '"$@" & until [[ -e burnt ]]; do sleep 0.02; done'
    stage.run("--events events", "bash", "-c", waits, "bash", *PYTHON, burn)
    *_, used = (stage.folder / "events").read_text().splitlines()
    assert float(used.split("\t")[3]) >= 0.3


def test_a_pause_counts_from_the_keepers_own_start(stage: Stage) -> None:
    begin_s = time.monotonic()
    stage.run("--pause 0.7", "true")
    assert time.monotonic() - begin_s >= 0.69


def test_a_keeper_that_is_stopped_in_its_pause_starts_nothing(stage: Stage) -> None:
    keeper = stage.keep("--pause 1000 --events events", "touch", "started")
    wait_for("it watches its signals", lambda: catches(keeper.pid, signal.SIGCHLD))
    keeper.terminate()
    assert keeper.wait(DEADLINE_S) == -signal.SIGTERM
    assert not (stage.folder / "started").exists()
    assert not (stage.folder / "events").exists()


@pytest.mark.parametrize("option", ["--report", "--events"])
def test_a_file_that_cannot_be_written_is_said(stage: Stage, option: str) -> None:
    done = stage.run(f"{option} nowhere/file", "bash", "-c", "exit 6")
    assert done.returncode == 6
    messages = set(done.stderr.splitlines())
    assert messages == {"keep: error: nowhere/file: No such file or directory"}


def test_an_argument_that_is_no_utf8(stage: Stage) -> None:
    done = stage.run("--report keeper.json --log log", "printf", "%s", "\udcff")
    assert done.returncode == 0
    assert (stage.folder / "log").read_bytes() == b"\xff"
    report = read_report(stage.folder, 0.0)
    assert report
    assert report["command"] == ["printf", "%s", "\udcff"]
