"""The frequency governor of the CPUs: set for a run, and put back by whoever is the last to know.

Every run that wants a governor holds a shared lock. Who can get it alone, on the way in or out,
puts back what the state file says was there before: its own, or that of a run that was killed.
The files lie where all users meet, so that a state file of somebody else is not believed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tandem.base.files import write_whole
from tandem.base.text import quote
from tandem.processes.cookie import lock_folder
from tandem.processes.locks import describe, open_shared

_PATIENCE_S = 5.0  # with others that are just setting or putting back
_PERIOD_S = 0.02
_CPU, _NAME = re.compile("cpu[0-9]+"), re.compile("[a-z_]+")
_MOST_BYTES = 1 << 20


@contextmanager
def governor(wanted: str | None, folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Have a governor on all CPUs below a folder of sysfs as long as this lasts; None: any.

    Whatever hinders it is said, and stops nothing.
    """
    keeper = _Keeper(folder, say)
    try:
        keeper.enter(wanted)
        yield
    finally:
        keeper.leave()


def governors_now(folder: Path) -> str | None:
    """Return the CPUs' governors, "performance, powersave" where they differ; None without any."""
    return ", ".join(sorted(set(_governors(folder).values()))) or None


class _GovernorError(Exception):
    """What hinders; the text is for a person."""


@dataclass(frozen=True)
class _State:
    """What the state file says: process `pid` set `wanted` where there was `before`, by CPU."""

    pid: int
    wanted: str
    before: Mapping[str, str]

    def is_sound(self) -> bool:
        """Tell whether it can be acted upon: real numbers, and nothing but plain names."""
        cpus, names = [*self.before], [self.wanted, *self.before.values()]
        return isinstance(self.pid, int) and all(
            isinstance(text, str) and pattern.fullmatch(text)
            for pattern, texts in ((_CPU, cpus), (_NAME, names))
            for text in texts
        )


class _Keeper:
    """One run's part in it; `state` is what it set itself, or joined."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self.say = folder, say
        self.lock_path = Path(lock_folder()) / "tandem-governor.lock"
        self.state_path = Path(lock_folder()) / "tandem-governor.json"
        self.lock: int | None = None
        self.state: _State | None = None
        self.warnings: set[str] = set()

    def enter(self, wanted: str | None) -> None:
        """Put back what a killed run left; then set what is wanted, or join those who have it."""
        if wanted is None and not os.path.lexists(self.state_path):
            return
        try:
            self.lock = open_shared(self.lock_path)
            if wanted is not None:
                self.join(wanted)
                return
        except (_GovernorError, OSError) as error:
            self.warn(error)
        self.leave()

    def leave(self) -> None:
        """Give up the lock; the last to do so puts back what was there before."""
        if self.lock is None:
            return
        try:
            self.try_lock(fcntl.LOCK_UN)  # two that leave at once must not hinder each other
            if self.try_lock(fcntl.LOCK_EX):
                self.put_back()
        except (_GovernorError, OSError) as error:
            self.warn(error)
        os.close(self.lock)
        self.lock = None

    def join(self, wanted: str) -> None:
        """Hold the shared lock with the governor set; _GovernorError, OSError: why it is not."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline_s:
            if self.try_lock(fcntl.LOCK_EX):
                self.put_back()
                self.set(wanted)
            # From one lock to the other another run may have put back, or set: look again.
            self.state = None
            if self.try_lock(fcntl.LOCK_SH) and (state := self.read_state()):
                if state.wanted != wanted:
                    raise _GovernorError(
                        f"{wanted} not set: another run has {state.wanted}, {describe(state.pid)}"
                    )
                self.state = state
                return
            self.try_lock(fcntl.LOCK_UN)
            time.sleep(_PERIOD_S)
        raise _GovernorError(f"{wanted} not set: somebody keeps {self.lock_path} locked")

    def try_lock(self, kind: int) -> bool:
        assert self.lock is not None
        try:
            fcntl.flock(self.lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def set(self, wanted: str) -> None:
        """Note what there is, and only then change it. Called by whoever is alone."""
        state = _State(os.getpid(), wanted, _governors(self.folder))
        if not state.before:
            raise _GovernorError(f"{wanted} not set: no CPU below {self.folder} has one")
        self.check_available(wanted, state.before)
        if not state.is_sound():
            raise _GovernorError(f"{wanted} not set: the present one has no plain name")
        self.write_state(state)
        self.state = state
        try:
            for cpu, name in state.before.items():
                if name != wanted:
                    _write(self.folder, cpu, wanted)
        except OSError as error:
            files = self.folder / "cpu*" / "cpufreq" / "scaling_governor"
            raise _GovernorError(
                f"{wanted} not set: {_text(error)} (by hand: echo {wanted} | sudo tee {files})"
            ) from None

    def check_available(self, wanted: str, cpus: Iterable[str]) -> None:
        if not _NAME.fullmatch(wanted):
            raise _GovernorError(f"{quote(wanted)} not set: no governor has such a name")
        for cpu in cpus:
            names = _read(self.folder / cpu / "cpufreq" / "scaling_available_governors")
            if names is not None and wanted not in names.split():
                raise _GovernorError(f"{wanted} not set: {cpu} has {names}")

    def put_back(self) -> None:
        """Put back what the state says, its CPUs being there. Called by whoever is alone."""
        state = self.state or self.read_state()
        if state is None:
            return
        failed, others, changed = None, set(), False
        for cpu, name in state.before.items():
            current = _read(_file(self.folder, cpu))
            if current in (None, name):  # offline, or as it was
                continue
            if current != state.wanted:
                others.add(current)
                continue
            try:
                _write(self.folder, cpu, name)
                changed = True
            except OSError as error:
                failed = error
        if others:
            self.say(f"governor: {', '.join(sorted(others))}, set by somebody else, left alone")
        if failed:
            raise _GovernorError(
                f"not put back: {_text(failed)} (the next run that may do it does; what each CPU"
                f" had before is in {self.state_path})"
            )
        if changed and self.state is None:
            self.say(f"governor: put back; an earlier run had left {state.wanted}")
        self.state_path.unlink(missing_ok=True)
        self.state = None

    def read_state(self) -> _State | None:
        """Return what is saved; _GovernorError where it is not to be trusted, OSError."""
        try:
            file = os.open(self.state_path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        try:
            found = os.fstat(file)
            is_ours = found.st_uid in (0, os.geteuid()) and not found.st_mode & 0o022
            if not is_ours or not stat.S_ISREG(found.st_mode):
                raise _GovernorError(
                    f"{self.state_path} is not trusted: user {found.st_uid} may have changed it"
                    " (a run of that user puts back what it says; or remove it)"
                )
            return _state_of(os.read(file, _MOST_BYTES), self.state_path)
        finally:
            os.close(file)

    def write_state(self, state: _State) -> None:
        for left in self.state_path.parent.glob(f".{self.state_path.name}.*.tmp"):
            left.unlink(missing_ok=True)  # its writer was killed: only one at a time writes
        before = os.umask(0o022)  # all users may read it, nobody else change it
        try:
            write_whole(str(self.state_path), json.dumps(asdict(state)).encode())
        finally:
            os.umask(before)
        if self.read_state() != state:
            raise _GovernorError(f"{state.wanted} not set: somebody else writes {self.state_path}")

    def warn(self, error: Exception) -> None:
        """Say it once, though leaving may meet again what entering has met."""
        text = f"warning: governor: {_text(error)}"
        if text not in self.warnings:
            self.warnings.add(text)
            self.say(text)


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _state_of(data: bytes, path: Path) -> _State:
    with contextlib.suppress(ValueError, TypeError, AttributeError, RecursionError):
        state = _State(**json.loads(data))
        if state.is_sound():
            return state
    raise _GovernorError(f"{path} is not what a run writes (remove it)")


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
