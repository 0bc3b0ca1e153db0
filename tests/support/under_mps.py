"""Who of MPS lives and what lies about: of a stage's runs, and of another user beside them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mps.use import Mps
from simgpu import SimGpu
from tandem.machine.mps.folder import NAME, PIPE, places
from tandem.processes.census import environment
from tandem.processes.cookie import circle
from tandem.processes.proc import alive, name, stat

from support.stage import wait_for

DAEMON, SERVER = "control daemon", "server"


def programs() -> dict[int, str]:
    """Return the programs of MPS that this test's runs have started and that live, by pid."""
    every = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    mine = [pid for pid in every if name(pid).startswith("nvidia-cuda-mps") and is_ours(pid)]
    return {pid: SERVER if parent_of(pid) in mine else DAEMON for pid in mine if alive(pid)}


def is_ours(pid: int) -> bool:
    words = [word for word in environment(pid).split(b"\0") if word.startswith(PIPE.encode())]
    return any(f"{NAME}." in word and f".{circle()}/" in word for word in map(os.fsdecode, words))


def parent_of(pid: int) -> int:
    words = stat(pid)
    return int(words[1]) if len(words) > 1 else 0


def folders() -> list[Path]:
    """Return the folders of sockets that this test's runs have made, and not removed."""
    return [path for place in places() for path in Path(place).glob(f"{NAME}.*.{circle()}")]


@dataclass
class Neighbour:
    """Another user's daemon on the default path, with its server and a client of it."""

    mps: Mps
    daemon: subprocess.Popen[str]
    client: subprocess.Popen[str]
    server: str

    def is_untouched(self) -> bool:
        """Whether all three live, and serve each other."""
        lists = {"get_server_list": self.server}
        lists[f"get_client_list {self.server}"] = str(self.client.pid)
        answers = {command: self.mps.ask(command) for command in lists}
        alive_both = self.daemon.poll() is None and self.client.poll() is None
        return alive_both and answers == {key: (0, text) for key, text in lists.items()}


@contextmanager
def neighbour_on(gpu: SimGpu, mps: Mps, board: str) -> Iterator[Neighbour]:
    """Have such a neighbour on a board of its own."""
    daemon = mps.start(CUDA_VISIBLE_DEVICES=board)
    client = subprocess.Popen(
        gpu.command(seconds=3600), env=mps.environment(), stdout=subprocess.DEVNULL, text=True
    )
    try:
        server = wait_for("its server", lambda: mps.ask("get_server_list")[1])
        neighbour = Neighbour(mps, daemon, client, server)
        wait_for("its client", neighbour.is_untouched)
        yield neighbour
    finally:
        client.kill()
        client.wait()
