"""The frequency governor of the CPUs: set for a run that has the whole machine, and put back.

A run that was killed leaves the governor that it set, and a file with what was there before: the
next run that has the whole machine puts that back first. The file lies where all users meet, so
one that somebody else may have written is not believed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tandem.base.text import quote
from tandem.base.variables import VISIBLE
from tandem.machine.trusted_file import (
    NotTrustedError,
    read_trusted,
    unsound,
    write_trusted,
)
from tandem.processes.cookie import lock_folder

_CPU, _NAME = re.compile("cpu[0-9]+"), re.compile("[a-z_]+")

Say = Callable[[str], None]


@contextmanager
def governor(wanted: str | None, folder: Path, say: Say, *, has_machine: bool) -> Iterator[None]:
    """Have a governor on all CPUs below a folder of sysfs as long as this lasts; None: any.

    `has_machine` is true for the run that holds the lock of the whole machine: beside other runs
    nothing is changed. Whatever hinders it is said, and stops nothing.
    """
    if not has_machine:
        if wanted is not None:
            present = governors_now(folder) or "none"
            text = f"{wanted} not set: with {VISIBLE} this run does not have the whole machine"
            say(f"governor: {text}; the CPUs have {present}")
        yield
        return
    state = None
    try:
        with _warned(say):
            _put_back_left(folder, say)
            if wanted is not None:
                state = _set(folder, wanted, say)
        yield
    finally:
        if state is not None:
            with _warned(say):
                _put_back(folder, state, say)


def governors_now(folder: Path) -> str | None:
    """Return the CPUs' governors, "performance, powersave" where they differ; None without any."""
    return ", ".join(sorted(set(_governors(folder).values()))) or None


class _GovernorError(Exception):
    """What hinders; the text is for a person."""


@dataclass(frozen=True)
class _State:
    """What the state file says: a run set `wanted` where there was `before`, by CPU."""

    wanted: str
    before: Mapping[str, str]

    def is_sound(self) -> bool:
        """Whether it can be acted upon: nothing but plain names."""
        return all(
            isinstance(text, str) and pattern.fullmatch(text)
            for pattern, texts in (
                (_CPU, self.before),
                (_NAME, [self.wanted, *self.before.values()]),
            )
            for text in texts
        )


def _set(folder: Path, wanted: str, say: Say) -> _State:
    """Save what there is, and only then change it; nothing stays half set."""
    state = _State(wanted, _governors(folder))
    if not state.before:
        raise _GovernorError(f"{wanted} not set: no CPU below {folder} has one")
    _check_available(folder, wanted, state.before)
    if not state.is_sound():
        raise _GovernorError(f"{wanted} not set: the present one has no plain name")
    write_trusted(_state_path(), asdict(state))
    try:
        for cpu, name in state.before.items():
            if name != wanted:
                _write(folder, cpu, wanted)
    except OSError as error:
        _put_back(folder, state, say)
        files = folder / "cpu*" / "cpufreq" / "scaling_governor"
        raise _GovernorError(
            f"{wanted} not set: {_text(error)} (by hand: echo {wanted} | sudo tee {files})"
        ) from None
    return state


def _check_available(folder: Path, wanted: str, cpus: Iterable[str]) -> None:
    if not _NAME.fullmatch(wanted):
        raise _GovernorError(f"{quote(wanted)} not set: no governor has such a name")
    for cpu in cpus:
        names = _read(folder / cpu / "cpufreq" / "scaling_available_governors")
        if names is not None and wanted not in names.split():
            raise _GovernorError(f"{wanted} not set: {cpu} has {names}")


def _put_back_left(folder: Path, say: Say) -> None:
    """Put back what a killed run left."""
    state = _saved()
    if state is not None and _put_back(folder, state, say):
        say(f"governor: put back; an earlier run had left {state.wanted}")


def _put_back(folder: Path, state: _State, say: Say) -> bool:
    """Put back what there was, CPU by CPU, where nobody else has changed it since.

    Return whether that changed anything. _GovernorError: it stays saved for the next run.
    """
    failed, others, has_changed = None, set(), False
    for cpu, name in state.before.items():
        current = _read(_file(folder, cpu))
        if current in (None, name):  # offline, or as it was
            continue
        if current != state.wanted:
            others.add(current)
            continue
        try:
            _write(folder, cpu, name)
            has_changed = True
        except OSError as error:
            failed = error
    if others:
        say(f"governor: {', '.join(sorted(others))}, set by somebody else, left alone")
    if failed:
        raise _GovernorError(
            f"not put back: {_text(failed)} (the next run on the whole machine that is allowed to"
            f" does it; {_state_path()} has what each CPU had before)"
        )
    _state_path().unlink(missing_ok=True)
    return has_changed


# -- the state file ------------------------------------------------------------------------


def _state_path() -> Path:
    return Path(lock_folder()) / "tandem-governor.json"


def _saved() -> _State | None:
    """Return what is saved; NotTrustedError, OSError."""
    path = _state_path()
    found = read_trusted(path)
    if found is None:
        return None
    with contextlib.suppress(TypeError, AttributeError):
        state = _State(**found)
        if state.is_sound():
            return state
    raise unsound(path)


# -- telling, and the files of sysfs -------------------------------------------------------


@contextmanager
def _warned(say: Say) -> Iterator[None]:
    try:
        yield
    except (_GovernorError, NotTrustedError, OSError) as error:
        say(f"warning: governor: {_text(error)}")


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _file(folder: Path, cpu: str) -> Path:
    return folder / cpu / "cpufreq" / "scaling_governor"


def _governors(folder: Path) -> dict[str, str]:
    """Return each CPU's governor; none for those that are offline or have none."""
    try:
        cpus = sorted(filter(_CPU.fullmatch, os.listdir(folder)), key=lambda cpu: int(cpu[3:]))
    except OSError:
        return {}
    return {cpu: name for cpu in cpus if (name := _read(_file(folder, cpu)))}


def _read(path: Path) -> str | None:
    try:
        return path.read_text().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        return None


def _write(folder: Path, cpu: str, name: str) -> None:
    """Write a governor, at one stroke; OSError, which names the file: the kernel refuses it."""
    path = _file(folder, cpu)
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, f"{name}\n".encode())
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(file)
