"""What the boards of a run are called: by their number, with their host where there are several."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tandem.results.record_window import WindowGpu

_UUID_CHARACTERS = len("GPU-5f0e6a2c")

Board = tuple[str, str]  # its host and its UUID


@dataclass
class BoardNames:
    """The boards that records name; in a job of a cluster each may see its own as GPU 0."""

    indices: dict[Board, int] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)

    def note(self, host: str, gpu: WindowGpu) -> Board:
        board = host, gpu["uuid"]
        self.indices.setdefault(board, gpu["index"])
        self.hosts[host] = None
        return board

    def names(self) -> dict[Board, str]:
        """Return what each is called."""
        same = Counter((host, index) for (host, _), index in self.indices.items())
        found = dict[Board, str]()
        for (host, uuid), index in self.indices.items():
            own = f"GPU {index}" if same[host, index] == 1 else uuid[:_UUID_CHARACTERS]
            found[host, uuid] = f"{own} of {host}" if len(self.hosts) > 1 else own
        return found
