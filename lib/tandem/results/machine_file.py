"""machine.json: what describes the machine of a run. Where it changes, machine_2.json follows.

Each record names the one that was true when its experiment began, with its digest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tandem.base.files import sha256_of, write_whole
from tandem.base.json_object import json_object
from tandem.results.record import MachineFile
from tandem.results.record_file import json_bytes

VERSION = 1
_NAME = re.compile(r"machine(?:_([0-9]{1,6}))?\.json")
# An idle board makes its link slower, and laptops move power between their CPU and their board.
_VARYING = frozenset({"described", "pcie_generation", "power_limit_enforced_watts"})
_MOST_SHOWN = 3


def newest(run: Path) -> Path | None:
    """Return the newest description in a run's folder, None without any."""
    found = [path for path in run.iterdir() if _NAME.fullmatch(path.name)]
    return max(found, key=_number, default=None)


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match[1] or 1) if match else 0


def store(
    run: Path, own: Path, facts: Mapping[str, Any], described: str
) -> tuple[MachineFile, list[str]]:
    """Return the file that says this of the machine, by its path in the run, and what is new in it.

    It is written where the newest one in the folder `own`, the run's or a worker's, says something
    else; `described` is when that is, in ISO 8601. OSError: it cannot be written.
    """
    value = {"machine_version": VERSION, "described": described, **facts}
    last = newest(own)
    before = json_object(last) if last else None
    changed = list(changes(before, json.loads(json_bytes(value))))
    if last is None or before is None or changed:
        number = 1 + (_number(last) if last else 0)
        last = own / ("machine.json" if number == 1 else f"machine_{number}.json")
        write_whole(str(last), json_bytes(value))
    return {
        "file": str(last.relative_to(run)),
        "sha256": sha256_of(last),
    }, changed if before else []


def flaws(run: Path, file: MachineFile) -> Iterator[str]:
    """Yield what is wrong with a description in a run's folder, nothing if it is as written."""
    try:
        if sha256_of(run / file["file"]) != file["sha256"]:
            yield "has changed since the record was made"
    except FileNotFoundError:
        yield "is missing"
    except OSError as error:
        yield f"cannot be read: {error.strerror}"


def changes(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """Yield the places in which two descriptions differ, but for what varies by itself."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*before, *now]):
            if name not in _VARYING and name != "reasons":
                inner = f"{place}.{name}" if place else name
                yield from changes(before.get(name), now.get(name), inner)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, pair in enumerate(zip(before, now, strict=True)):
            yield from changes(*pair, f"{place}[{number}]")
    elif before != now:
        yield place


def text_of_changes(file: str, changed: list[str]) -> str:
    """Return for a person what has changed."""
    more = f" and {len(changed) - _MOST_SHOWN} more" if len(changed) > _MOST_SHOWN else ""
    return f"the machine has changed: {', '.join(changed[:_MOST_SHOWN])}{more} ({file})"
