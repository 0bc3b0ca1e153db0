"""Which devices CUDA shows to a process of the simulated machine."""

from __future__ import annotations

from collections.abc import Sequence

from simgpu_state import State

Place = tuple[int, int]  # the device, and the MIG instance or -1


def visible(state: State, chosen: str | None, among: Sequence[Place] | None = None) -> list[Place]:
    """Return the places that CUDA would show for a CUDA_VISIBLE_DEVICES.

    `among`: those of the MPS server whose client the process is. Numbers count among these.
    """
    everything: list[Place] = []
    names: dict[str, Place] = {}
    for index in range(state.layout.device_count):
        board = state.layout.devices[index]
        uuid = board.uuid.decode()
        instances = range(len(board.profiles())) if board.mig else (-1,)
        places = [(index, mig) for mig in instances]
        names |= {name: place for place in places[:1] for name in (str(index), uuid)}
        names |= {f"MIG-{uuid[4:-1]}{mig}": (index, mig) for _, mig in places if mig >= 0}
        everything += places
    if among is not None:
        everything = list(among)
        names = {name: place for name, place in names.items() if place in among}
        names = {name: place for name, place in names.items() if not name.isdigit()}
        names |= {str(number): place for number, place in enumerate(among)}
    if chosen is None:
        return everything
    found: list[Place] = []
    for word in chosen.split(","):
        matches = {place for name, place in names.items() if word and name.startswith(word)}
        if len(matches) != 1:
            break
        found += matches
    return found
