"""The files of a registry: those that are named, and those that they extend, in the order to read.

Of two entries of one name the later file's counts, whole. Paths in a file begin at that file's own
root, so that a file means the same alone, behind others, and extended by another.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem.base.text import printable, quote
from tandem.config.expansion import expanded
from tandem.config.jsonfile import JsonFile, read_json
from tandem.config.problems import Problem, ProblemsError
from tandem.config.program import of_tandem

EXTENDS = "extends"


def read_files(paths: Iterable[Path]) -> list[JsonFile]:
    """Read the files, each behind the one that it extends, and each once.

    A file that is named stands where it is named last; one that others only extend, before them.
    ProblemsError: a file cannot be read, or extends itself.
    """
    found: dict[str, JsonFile] = {}
    for path in paths:
        *extended, named = reversed(_chain(path))
        for file in extended:
            found.setdefault(_identity(file.path), file)
        found.pop(_identity(named.path), None)
        found[_identity(named.path)] = named
    return list(found.values())


def _chain(path: Path) -> list[JsonFile]:
    """Return a file, the one that it extends, the one that this one extends, and so on."""
    chain = [read_json(path)]
    while base := _extended(chain[-1]):
        known = [_identity(file.path) for file in chain]
        if _identity(base) in known:
            circle = [file.path for file in chain[known.index(_identity(base)) :]]
            names = " extends ".join(printable(str(each)) for each in (*circle, base))
            raise _refusal(chain[-1], f"goes round in a circle: {names} (remove one of them)")
        if not os.path.lexists(base):
            raise _refusal(chain[-1], f"{quote(str(base), 500)} does not exist (fix the path)")
        chain.append(read_json(base))
    return chain


def _extended(file: JsonFile) -> Path | None:
    """Return the file that a file extends; what is no path, the schema refuses."""
    given = file.value.get(EXTENDS) if isinstance(file.value, dict) else None
    if not isinstance(given, str) or not given:
        return None
    return Path(os.path.abspath(file.path.parent / of_tandem(expanded(given))))


def _identity(path: Path) -> str:
    return os.path.realpath(path)


def _refusal(file: JsonFile, message: str) -> ProblemsError:
    return ProblemsError([Problem("error", EXTENDS, message, str(file.path))])


def copy_of(files: Sequence[JsonFile], paths: Mapping[str, Path]) -> bytes:
    """Return what a run's folder keeps of a registry: one file as it was read, several as one.

    That one has the entries that count, and of each the whole path (`paths`, by its name).
    """
    if len(files) == 1:
        return files[0].data
    models: dict[str, Any] = {}
    for file in files:
        models |= file.value["models"]
    whole = {
        name: raw | {"path": str(paths[name])} if name in paths else raw
        for name, raw in models.items()
    }
    merged = {"_files": [str(file.path) for file in files], "models": whole}
    return f"{json.dumps(merged, ensure_ascii=False, indent=2)}\n".encode()
