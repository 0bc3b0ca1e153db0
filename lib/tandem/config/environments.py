"""The Python environment that an entry of the registry names: a venv, or one of conda's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.text import quote, quote_path
from tandem.config.expansion import expanded

_VARIABLES = {"venv": "VIRTUAL_ENV", "conda": "CONDA_PREFIX"}
_ROOTS = ("miniconda3", "miniforge3", "mambaforge", "anaconda3", "micromamba", ".conda")


def environment_of(
    python: Mapping[str, str], own: Mapping[str, str], folder: Path
) -> dict[str, str]:
    """The variables of a training in a folder, `own` those that the registry gives it.

    Those of the environment that `python` names are among them, its programs first in PATH: what
    its activation would set, without a shell or `conda run` in between. UsageError: there is none.
    """
    if not python:
        return dict(own)
    [(kind, given)] = python.items()
    prefix = _venv(given, folder) if kind == "venv" else _conda(given, folder)
    if not os.access(prefix / "bin" / "python", os.X_OK):
        what = "venv" if kind == "venv" else "conda environment"
        hint = "make it, or fix the registry"
        raise UsageError(f"its {what} {quote_path(prefix)} has no bin/python ({hint})")
    names = {_VARIABLES[kind]: str(prefix)}
    if kind == "conda":
        names["CONDA_DEFAULT_ENV"] = _name(given, prefix)
    if os.environ.get("PYTHONHOME"):
        names["PYTHONHOME"] = ""  # it would have that Python look for its library elsewhere
    path = own.get("PATH", os.environ.get("PATH", os.defpath))
    return {**names, **own, "PATH": f"{prefix / 'bin'}:{path}"}


def environment_flaw(variables: Mapping[str, str]) -> str:
    """Why the environment of a planned training is none any more, or "".

    Without it a script of that training would go on in another Python.
    """
    programs = Path(variables.get("PATH", "").partition(":")[0])
    prefixes = [variables[name] for name in _VARIABLES.values() if name in variables]
    if str(programs.parent) not in prefixes or os.path.isdir(programs):
        return ""
    return f"its environment {quote_path(programs.parent)} is not there any more (put it back)"


def _venv(given: str, folder: Path) -> Path:
    return Path(os.path.abspath(folder / expanded(given)))


def _name(given: str, prefix: Path) -> str:
    """What conda calls it: its name, or the path of one that lies elsewhere."""
    if "/" not in expanded(given):
        return given
    return prefix.name if prefix.parent.name == "envs" else str(prefix)


def _conda(given: str, folder: Path) -> Path:
    if "/" in expanded(given):
        return _venv(given, folder)
    found = dict.fromkeys(path for path in _candidates(given) if os.path.isdir(path / "conda-meta"))
    real = {os.path.realpath(path): path for path in reversed(found)}
    if not real:
        raise UsageError(f"there is no conda environment {quote(given)} (write its whole path)")
    if len(real) > 1:
        places = ", ".join(quote_path(path) for path in found)
        raise UsageError(f"conda environment {quote(given)} is not one: {places} (write the path)")
    return next(iter(real.values()))


def _candidates(name: str) -> Iterator[Path]:
    """Yield where an environment of a name may lie, by what conda says and where it usually is."""
    home = Path(os.path.expanduser("~"))
    roots = [Path(root) for root in _given_roots()] + [home / root for root in _ROOTS]
    if name == "base":
        yield from roots
        return
    for folders in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"):
        yield from (Path(each) / name for each in os.environ.get(folders, "").split(":") if each)
    yield from (root / "envs" / name for root in roots)
    try:
        known = (home / ".conda" / "environments.txt").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return
    yield from (Path(line) for line in known if Path(line).name == name)


def _given_roots() -> Iterator[str]:
    if program := os.environ.get("CONDA_EXE"):
        yield os.path.dirname(os.path.dirname(program))
    if root := os.environ.get("MAMBA_ROOT_PREFIX"):
        yield root
