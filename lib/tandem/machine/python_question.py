"""Asked in a training's own Python, as its -c: which Python is it, and what is installed in it?

Prints a line: a mark and a JSON object. Imports nothing of the training's, and no package: the
training's folder, whose modules may have any name, is off the path while this imports its own.
Runs in Python 3.7 and newer; one without importlib.metadata (before 3.8) has no packages to name.
"""

from __future__ import annotations

import sys

_is_folder_first = sys.path[:1] == [""]
if _is_folder_first:
    del sys.path[0]

import importlib.util  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

try:
    from importlib import metadata
except ImportError:
    metadata = None  # type: ignore[assignment]

if _is_folder_first:
    sys.path.insert(0, "")


def packages() -> tuple[dict[str, str], str | None]:
    """Return the version of each package by its name, and what is missing.

    Of one that is there twice, the first on the path. An installation that was cut off leaves
    folders without a name.
    """
    found: dict[str, tuple[str, str]] = {}
    nameless = 0
    for each in metadata.distributions():
        try:
            name, version = each.metadata["Name"], each.metadata["Version"]
            key = re.sub("[-_.]+", "-", name).lower()
        except Exception:
            nameless += 1
            continue
        found.setdefault(key, (name, version))
    why = f"{nameless} without a name in their metadata" if nameless else None
    return dict(sorted(found.values(), key=lambda pair: pair[0].lower())), why


def torch_says() -> dict[str, str] | None:
    """Return what PyTorch's version.py says; None without PyTorch."""
    spec = importlib.util.find_spec("torch")
    for folder in (spec and spec.submodule_search_locations) or ():
        with open(os.path.join(folder, "version.py"), encoding="utf-8") as file:
            text = file.read()
        line = r"^(__version__|cuda|hip)\b[^=\n]*=\s*['\"]([^'\"\n]*)['\"]"
        return dict(re.findall(line, text, re.MULTILINE))
    return None


def tried(function: Callable[[], Any]) -> tuple[Any, str | None]:
    """Return what a function returns and None, or None and why it failed."""
    try:
        return function(), None
    except Exception as error:
        return None, type(error).__name__ + ": " + str(error)


print(
    "\ntandem: "
    + json.dumps(
        {
            "executable": sys.executable,
            "version": sys.version.split()[0],
            "prefix": sys.prefix,
            "packages": packages() if metadata else (None, "no importlib.metadata"),
            "torch": tried(torch_says),
            "path": [folder for folder in sys.path if folder],
        }
    )
)
