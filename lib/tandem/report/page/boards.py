"""Whether pairs are each of one board, where a run had several: only that makes them comparable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tandem.base.text import counted, some_of
from tandem.interference.compare.cells import board_of
from tandem.results.record import Record

_MOST_NAMED = 5


Place = tuple[str, str]  # a host, and the UUIDs of the boards there; "" where they are not known


@dataclass
class PairsOnBoards:
    """Where experiments ran; `twins` are those of pairs."""

    places: dict[str, Place] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)

    def note(self, record: Record) -> None:
        name, host = record["experiment_id"], record["environment"]["hostname"]
        board = board_of(record)
        self.places[name] = host, "" if board == host else board
        if record["valid"] and record["background"] and (twin := record["twin"]):
            self.twins[name] = twin

    def texts(self) -> Iterator[str]:
        """Yield what is to be said of a run that had several boards or hosts."""
        hosts = {host for host, _ in self.places.values()}
        boards = {place for place in self.places.values() if place[1]}
        pairs = {name: twin for name, twin in self.twins.items() if twin in self.places}
        if not pairs or max(len(hosts), len(boards)) < 2:
            return
        across = [name for name, twin in pairs.items() if self._is_across(name, twin)]
        what = counted(len(pairs), "pair")
        if across:
            why = "ran on another than their control, and boards differ by themselves"
            yield f"{len(across)} of {what} not: {some_of(across, _MOST_NAMED)} {why}"
            return
        where = counted(len(hosts), "host")
        where = f"{counted(len(boards), 'board')} of {where}" if boards else where
        yield f"{what} on {where}, each pair on one of them"

    def _is_across(self, name: str, twin: str) -> bool:
        (host, board), (other_host, other) = self.places[name], self.places[twin]
        return host != other_host or bool(board and other and board != other)
