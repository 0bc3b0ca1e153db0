"""A stage for fault tests: repositories of rude trainings, the real driver, and who is alive."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.processes.census import environment
from tandem.processes.proc import alive, stat
from tandem.processes.tree import send

from support import ROOT

PATTERNS = {"accuracy": "Test Accuracy: ([0-9.]+)"}
WORKER = Path(__file__).with_name("worker.py")
DEADLINE_S = 120.0  # a hang guard, not a figure: those are in bench/
GRACE_S = 0.5


def wait_for(what: str, condition: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
    """Return the first true answer; fail, saying what did not happen, when there is none."""
    begin_s = time.monotonic()
    while (look_s := time.monotonic()) < begin_s + deadline_s:
        answer = condition()
        if answer:
            return answer
        time.sleep(max(0.005, time.monotonic() - look_s))  # looking takes half a core at most
    raise AssertionError(f"not within {deadline_s:g} s: {what}")


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    wait_for("it stops", lambda: stat(pid)[:1] == ["T"])


def stop_when(what: str, pid: int, condition: Callable[[], bool]) -> None:
    """Stop a process in a moment in which a condition holds, which then cannot change it."""

    def is_stopped_there() -> bool:
        stop(pid)
        if condition():
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    wait_for(what, is_stopped_there)


def processes(word: str) -> dict[int, str]:
    """Return the living processes with a word in their command line, as pid: command line."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            words = command_line(int(entry))
            if word in words and alive(int(entry)):
                found[int(entry)] = words
    return found


def command_line(pid: int) -> str:
    """Return the words of a process; there are none in the middle of execve(2), so wait for it."""
    file = Path(f"/proc/{pid}/cmdline")
    try:
        words = file.read_bytes()
        if not words:
            environment(pid)
            words = file.read_bytes()
    except OSError:
        return ""
    return words.decode(errors="replace").replace("\0", " ")


def training_line(command: Sequence[str]) -> str:
    """Return the Bash line of a training that is another program."""
    return f"exec {shlex.join(command)}"


def numbered(name: str, lines: Sequence[str]) -> dict[str, str]:
    return {f"{name}_{number}": line for number, line in enumerate(lines, start=1)}


@dataclass
class Stage:
    """One folder with repositories `front` and `back`, whose trainings can be told to end.

    Of several backgrounds the repositories are `back_1`, `back_2` and so on. `proc` is where the
    CPU time of the machine is; usually nowhere, as the tests beside are nobody's disturbance.
    """

    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    more_settings: dict[str, Any] = field(default_factory=dict)
    more_environment: dict[str, str] = field(default_factory=dict)
    proc: Path | None = None

    @property
    def marker(self) -> str:
        return f"marker-of-{self.folder}"

    def build(
        self,
        front: str,
        back: str | Sequence[str] | None,
        doses: Sequence[Mapping[str, Any]] = (),
        **settings: Any,
    ) -> None:
        """Write repositories whose training is a Bash line each, the registry, the settings.

        A list of backgrounds is one in the settings; `doses` are further keys of the first ones.
        """
        models: dict[str, dict[str, Any]] = {}
        lines = {"back": back} if isinstance(back, str) else numbered("back", back or ())
        for name, line in {"front": front, **lines}.items():
            repository = self.folder / "repos" / name
            repository.mkdir(parents=True)
            script = repository / "train.sh"
            script.write_text(f"#!/bin/bash\n{line}\n")
            script.chmod(0o755)
            models[name] = {
                "path": f"repos/{name}",
                "train_script": "./train.sh",
                "models": ["default"],
                "supported_hyperparams": {},
            }
            if name == "front":  # a background without patterns is ready as soon as it works
                models[name]["performance_metrics"] = {"log_patterns": PATTERNS}
        entry: dict[str, Any] = {"foreground": {"repo": "front", "model": "default"}}
        entry["foreground"]["mode"] = "default"
        if back is None:
            entry = {"mode": "default", "repo": "front", "model": "default"}
        else:
            loads: list[dict[str, Any]] = [{"repo": name, "model": "default"} for name in lines]
            for load, dose in zip(loads, doses, strict=False):
                load.update(dose)
            entry |= {"mode": "parallel", "background": loads[0] if "back" in lines else loads}
        values = {"max_retries": 0, "warmup_seconds": 0.2, **self.more_settings, **settings}
        (self.folder / "registry.json").write_text(json.dumps({"models": models}))
        (self.folder / "settings.json").write_text(json.dumps({**values, "experiments": [entry]}))

    def worker(self, part: str, main: str = "obeys", kinds: str = "none") -> str:
        """Return the Bash line of a rude training that ends when `release(part)` is called."""
        words = [sys.executable, "-S", "-E", WORKER, self.marker, main, kinds, self.folder / part]
        return "exec " + " ".join(f"'{word}'" for word in words)

    def release(self, part: str) -> None:
        (self.folder / part).touch()

    def command(self, *options: str) -> list[str]:
        """Return the command of a run; its report has tests of its own."""
        return [
            *(sys.executable, str(ROOT / "driver.py"), "run", "--no-report", *options),
            *("--registry", str(self.folder / "registry.json"), "--root", str(self.folder)),
            *("--results", str(self.folder / "results"), "--grace", str(GRACE_S)),
            *("--proc", str(self.proc or self.folder / "no_proc")),
            str(self.folder / "settings.json"),
        ]

    @property
    def environment(self) -> dict[str, str]:
        near = self.folder / "near"  # what stands for this machine's own disk
        near.mkdir(exist_ok=True)
        own = {"TANDEM_LOCKS": str(self.folder), "TMPDIR": str(near)}
        return {**os.environ, **own, **self.more_environment}

    def start(self, command: list[str], **more: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            env=self.environment,
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=more.pop("stdout", subprocess.PIPE),
            stderr=more.pop("stderr", subprocess.STDOUT),
            text=True,
            **more,
        )
        self.started.append(process)
        return process

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the driver to its end."""
        return self.run_command(self.command(*options))

    def run_command(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    # -- looking -----------------------------------------------------------------------

    @property
    def experiment(self) -> Path:
        """Return the folder of the only experiment of the newest run."""
        runs = sorted(self.folder.glob("results/run_*"), key=lambda run: run.stat().st_mtime_ns)
        return next(path for path in runs[-1].iterdir() if path.is_dir())

    def record(self) -> dict[str, Any]:
        return self.read("experiment.json")

    def read(self, name: str) -> dict[str, Any]:
        """Return what a JSON file in the folder of the only experiment holds."""
        found: dict[str, Any] = json.loads((self.experiment / name).read_text())
        return found

    def wait_for_foreground(self) -> None:
        log = "results/run_*/*/attempts/*/training.log"
        wait_for(
            "the foreground works",
            lambda: any(path.stat().st_size for path in self.folder.glob(log)),
        )

    def part(self, words: str) -> int:
        """Return the pid of the one process of this stage with these words after its path."""
        mine = {
            pid: line
            for pid, line in processes(str(self.folder)).items()
            if words in line and "driver.py" not in line
        }
        assert len(mine) == 1, f"{words}: {mine}"
        return next(iter(mine))

    def trainings(self) -> dict[int, str]:
        return processes(self.marker)

    def everything(self) -> dict[int, str]:
        """Return all that was started on this stage: trainings, keepers, loops, shells."""
        return processes(str(self.folder))

    def wait_until_nothing_lives(self) -> None:
        """Wait until all have ended; how soon that is, is printed by bench/speed.py."""
        wait_for("all ended", lambda: not self.everything())

    def clean_up(self) -> None:
        """End what a failed test left, each by its id."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        for _ in range(100):
            for pid in self.everything():
                send(pid, signal.SIGKILL)
            if not self.everything():
                return
            time.sleep(0.01)
