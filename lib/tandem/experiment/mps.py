"""An experiment under MPS: a daemon for each attempt, whose clients its trainings are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.background.loop import Loop
from tandem.base.variables import VISIBLE
from tandem.config.options import MPS
from tandem.machine.mps.daemon import Daemon, DaemonError
from tandem.machine.mps.folder import MpsFolder, NoFolderError, make_folder, without_choice
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened
from tandem.plan.model import Experiment, Training
from tandem.processes.namespace import Isolation, off
from tandem.processes.proc import descendants
from tandem.processes.scripts import Script
from tandem.processes.watch import Watch

FOLDER = "mps"
FILES = ("control.log", "server.log", "keeper.json")
_NO_NAMESPACE = "MPS: that a client works through a PID namespace is not known"


def is_under_mps(experiment: Experiment) -> bool:
    return experiment.gpu_setup.sharing == MPS


def isolation_of(experiment: Experiment, isolation: Isolation) -> Isolation:
    """Return how the backgrounds of an experiment are kept, where others can be kept so."""
    has_any = is_under_mps(experiment) and experiment.backgrounds
    return off(_NO_NAMESPACE) if has_any else isolation


def variables_of(experiment: Experiment, training: Training) -> Mapping[str, str]:
    """Return the variables that a training is started with: a client of MPS chooses no GPU."""
    given = training.environment
    return without_choice(given) if is_under_mps(experiment) else given


@dataclass
class Mps:
    """The daemons of one experiment; `base` is the environment of all that it starts."""

    folder: MpsFolder
    results: Path
    devices: str
    base: Mapping[str, str]
    daemons: list[Daemon] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its clients."""
        return self.folder.client_environment(self.base)

    @property
    def context_environment(self) -> dict[str, str]:
        """The environment of who uses these GPUs while none serves, and meets nobody else's."""
        return {**self.environment, VISIBLE: self.devices}

    @property
    def scripts(self) -> list[Script]:
        return [each.script for each in self.daemons[-1:] if each.script]

    def begin(self, attempt: int, watch: Watch, tick: Callable[[], None]) -> None:
        """Have the daemon of an attempt serve; DaemonError: it does not."""
        environment = self.folder.daemon_environment(self.base, self.devices)
        kept = self.results / FOLDER / str(attempt)
        self.daemons.append(Daemon(attempt, self.folder, self.devices, environment, kept))
        self.daemons[-1].start()
        self.daemons[-1].wait_ready(watch, tick)

    def why_lost(self) -> str:
        """Say what of the newest daemon has ended while it was to serve, "" for nothing."""
        return next((each.why_lost() for each in self.daemons[-1:] if each.script), "")

    def check(self) -> None:
        """Raise DaemonError where a daemon that is to serve does not."""
        if lost := self.why_lost():
            raise DaemonError(lost)

    def let_go(self, loops: Iterable[Loop]) -> None:
        """Have the server let go of all clients that are below some loops."""
        daemon = self.daemons[-1] if self.daemons else None
        if daemon and daemon.can_let_go():
            going = [loop for loop in loops if loop.script]
            for loop in going:
                loop.note_let_go()
            daemon.let_go(set(descendants(*(loop.script.pid for loop in going if loop.script))))

    def end(self) -> None:
        """End the newest daemon; its clients have ended."""
        for daemon in self.daemons[-1:]:
            daemon.stop()

    def close(self) -> list[str]:
        """Leave nothing of any daemon; return what went wrong with an end."""
        try:
            self.end()
        finally:
            self.folder.remove()
        return [f"MPS: {each}" for daemon in self.daemons for each in daemon.troubles]

    def facts(self) -> list[Any]:
        return [daemon.facts() for daemon in self.daemons]


def mps_of(experiment: Experiment, results: Path, base: Mapping[str, str]) -> Mps | None:
    """Return what an experiment needs for MPS; None: it does without. DaemonError: it cannot be."""
    if not is_under_mps(experiment):
        return None
    try:
        devices = devices_of(experiment)
        return Mps(make_folder(), results, devices, base)
    except NvmlError as error:
        raise DaemonError(f"no GPU can be seen: {error}") from None
    except NoFolderError as error:
        raise DaemonError(f"no folder for the sockets of MPS: {error}") from None


def devices_of(experiment: Experiment) -> str:
    """Return the UUIDs of the GPUs that the foreground is given; NvmlError: they are not known."""
    chosen = experiment.foreground.environment.get(VISIBLE, os.environ.get(VISIBLE))
    with opened():
        return ",".join(device.uuid for device in nvml.visible(chosen))
