"""One private control daemon, from its start to the end of its last process.

It runs in the foreground below a keeper, which ends with this process however that ends. That
keeper is not a strict one: a server that leaves the daemon must not be killed while it is in use.
The server is started before any client, so that no training waits for it while it is measured.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.base.clock import boottime_s
from tandem.base.files import last_lines
from tandem.base.paths import ROOT
from tandem.machine.mps.control import PROGRAM, Control, ControlError
from tandem.machine.mps.folder import LOGS, MpsFolder
from tandem.machine.mps.leftovers import end_programs
from tandem.processes.proc import children
from tandem.processes.reports import read_report
from tandem.processes.scripts import HURRY, Script, end_script, start
from tandem.processes.watch import Watch

READY_S = 30.0
LET_GO_S = 3.0  # for all clients together
QUIT_S = 5.0
GRACE_S = 2.0  # of the keeper, from TERM to KILL
LOOK_S = 0.05
FAULT = re.compile(r"fatal\b.*\b(exception|error|fault)", re.IGNORECASE)
LINES_READ, MOST_FAULTS = 1000, 5
KEEPER = ROOT / "lib" / "keep.py"
ITSELF, BY_QUIT, BY_TERM, BY_KILL = "itself", "quit", "TERM", "KILL"


class DaemonError(Exception):
    """The daemon or its server did not start, or has ended; the message says which."""


@dataclass
class Daemon:
    """The daemon of one attempt; `kept` is its folder beside the results.

    `watched` are the pidfds of what must live while it serves, by name. `stopped_by` is "itself"
    where that had ended before it was to. `faults` are those while it served, `troubles` those of
    its end, which no training has met.
    """

    attempt: int
    folder: MpsFolder
    devices: str
    environment: Mapping[str, str]
    kept: Path
    script: Script | None = None
    server: int = 0
    version: str | None = None
    started_s: float = 0.0
    stopped_by: str | None = None
    duration_s: float | None = None
    clients_terminated: int = 0
    killed: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    watched: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.control = Control(self.environment)

    # -- starting ----------------------------------------------------------------------

    def start(self) -> None:
        """Start it below its keeper; DaemonError: its sockets have no folder. OSError: its logs."""
        try:
            self.folder.clear()
        except OSError as error:  # /tmp is full, or was cleaned by somebody
            self.fail(f"no folder for the sockets of MPS: {error.filename}: {error.strerror}")
        self.kept.mkdir(parents=True)
        self.started_s = boottime_s()
        arguments = [
            *("-X", "utf8", "-S", "-E", str(KEEPER), "--name", "mps", "--verbose"),
            *("--owner", str(os.getpid()), "--grace", str(GRACE_S)),
            *("--report", str(self.kept / "keeper.json"), "--", PROGRAM, "-f"),
        ]
        log = self.kept / "daemon.log"
        self.script = start(Path(sys.executable), arguments, log, self.environment)

    def wait_ready(self, watch: Watch, tick: Callable[[], None]) -> None:
        """Return once its server has started; DaemonError: it has not in time."""
        until_s = time.monotonic() + READY_S

        def wait(condition: Callable[[], bool]) -> None:
            def is_true() -> bool:
                tick()
                return condition()

            assert self.script
            watch.wait([self.script], until_s, is_true, LOOK_S)
            if self.script.ended():
                self.fail("the MPS control daemon ended at once")

        try:
            wait((self.folder.pipe / "control").exists)
            self.control.start_server(os.geteuid())
            wait(self.has_server)
        except ControlError as error:
            self.fail(f"the MPS control daemon does not serve: {error}")
        if not self.server:
            self.fail(f"no MPS server within {READY_S:g} s")
        assert self.script
        self.version = self.control.version()
        self.watch_over({"control daemon": next(iter(children(self.script.pid)), 0)})
        self.watch_over({"server": self.server})

    def has_server(self) -> bool:
        """Whether there is a server that takes clients."""
        self.server = next(iter(self.control.servers()), 0)
        return bool(self.server)

    def watch_over(self, processes: Mapping[str, int]) -> None:
        for what, pid in processes.items():
            try:
                self.watched[what] = os.pidfd_open(pid)
            except OSError:
                self.fail(f"the MPS {what} has ended")

    def fail(self, text: str) -> None:
        """Raise DaemonError with the last words of the logs; the fault is the record's too."""
        logs = [*(self.folder.log / name for name in LOGS), self.kept / "daemon.log"]
        words = next((lines[0] for log in reversed(logs) if (lines := last_lines(log, 1))), "")
        self.faults.append(f"{text} ({words})" if words else text)
        raise DaemonError(self.faults[-1])

    # -- while it serves ---------------------------------------------------------------

    def why_lost(self) -> str:
        """Say what of it has ended, "" while it serves."""
        files = list(self.watched.values())
        ended = set(select.select(files, [], [], 0)[0])
        lost = [f"the MPS {what} ended" for what, fd in self.watched.items() if fd in ended]
        return " and ".join(lost)

    def can_let_go(self) -> bool:
        return bool(self.watched) and not self.why_lost() and not HURRY.is_on

    def let_go(self, processes: Collection[int]) -> None:
        """Have the server end the contexts of clients, before their processes get any signal.

        An end by a signal alone may leave the server in a state that nobody has defined.
        """
        until_s = time.monotonic() + LET_GO_S
        try:
            for client in self.control.clients(self.server):
                if client in processes:
                    self.control.terminate(
                        self.server, client, max(0.1, until_s - time.monotonic())
                    )
                    self.clients_terminated += 1
        except ControlError as error:
            self.troubles.append(f"clients were not let go: {error}")

    # -- stopping ----------------------------------------------------------------------

    def stop(self) -> None:
        """End it: by quit, else by its keeper; keep its logs."""
        if not self.script:
            return
        begin_s = time.monotonic()
        self.note_faults()
        if lost := self.why_lost():
            self.stopped_by = ITSELF
            self.faults.append(lost)
        elif self.watched and not HURRY.is_on:
            self.quit()
        end_script(self.script, GRACE_S)
        self.script = None
        for fd in self.watched.values():
            os.close(fd)
        self.watched.clear()
        self.note_end()
        self.duration_s = round(time.monotonic() - begin_s, 3)
        for name in LOGS:
            self.keep(self.folder.log / name)

    def quit(self) -> None:
        try:
            self.control.quit(self.has_ended, QUIT_S)
            self.stopped_by = BY_QUIT
        except ControlError as error:
            self.troubles.append(str(error))

    def note_faults(self) -> None:
        """Note what the server's log says of faults on the GPU, which reach its clients."""
        lines = last_lines(self.folder.log / LOGS[1], LINES_READ)
        self.faults += [line for line in lines if FAULT.search(line)][:MOST_FAULTS]

    def has_ended(self, limit_s: float) -> bool:
        """Whether the daemon and all below it end within a time; a hurry ends the wait."""
        assert self.script
        until_s = time.monotonic() + limit_s
        while not self.script.ended():
            if HURRY.is_on or time.monotonic() >= until_s:
                return False
            select.select([self.script.pidfd], [], [], LOOK_S)
        return True

    def note_end(self) -> None:
        """Note how its keeper ended it, and end what a killed keeper has left."""
        report = read_report(self.kept, self.started_s)
        rest, left = end_programs(self.folder)
        self.killed = [*report["stop"]["killed"]] if report else []
        self.killed += [{"pid": each.pid, "name": each.name} for each in rest]
        self.troubles += [f"process {each.pid} ({each.name}) cannot be ended" for each in left]
        if report is None:
            self.troubles.append("no report from its keeper, which was killed")
        if self.stopped_by is None:
            self.stopped_by = BY_KILL if self.killed else BY_TERM

    def keep(self, log: Path) -> None:
        try:
            shutil.copyfile(log, self.kept / log.name)
        except FileNotFoundError:
            pass  # it wrote none
        except OSError as error:
            self.troubles.append(f"{log.name} could not be kept: {error.strerror}")

    def facts(self) -> dict[str, Any]:
        """Return what the record says of it."""
        return {
            "attempt": self.attempt,
            "version": self.version,
            "devices": self.devices,
            "pipe_folder": str(self.folder.pipe),
            "log": f"{self.kept.parent.name}/{self.kept.name}/{LOGS[0]}",
            "stopped_by": self.stopped_by,
            "duration_seconds": self.duration_s,
            "killed": self.killed,
            "clients_terminated": self.clients_terminated,
            "faults": self.faults,
        }
