"""Why the kernel cannot start a file: its interpreter line, that interpreter, its machine."""

from __future__ import annotations

import os
import re
import shutil
import struct
from pathlib import Path

from tandem.base.text import quote

_KERNEL_READS = 256  # bytes of a file's beginning, its interpreter line among them
_SHOWN = 300  # characters of a path that nobody could use if it were shortened
_SCRIPTS_DEEP = 5  # an interpreter may be a script itself, so often
_WINDOWS = "remove its Windows line ends: sed -i 's/\\r$//' FILE"
_ENV_SPLITS = re.compile(r"-(?:S|-split-string[= ])\s*(.*)")
_I386, _X86_64 = 3, 62
_UNREADABLE = b"\0unreadable"


def start_flaw(file: Path, folder: Path, path: str | None, depth: int = 0) -> str:
    """Why the kernel cannot start an executable file in a folder, as words behind its name, or "".

    `path` is the PATH that it is started with (None: ours). A file that cannot be read, or of a
    format that only the kernel knows, is taken for one that starts.
    """
    head = _head(file)
    if head.startswith(b"\x7fELF"):
        return _elf_flaw(file, head)
    if head.startswith(b"#!"):
        return "" if depth == _SCRIPTS_DEEP else _script_flaw(head, folder, path, depth)
    if b"\0" in head:
        return ""
    if head.startswith(b"\xef\xbb\xbf#!"):
        return "begins with a byte order mark before its #! (save it as UTF-8 without one)"
    return 'has no interpreter line (begin it with one, such as "#!/bin/bash")'


def interpreter_of(file: Path, path: str | None) -> str | None:
    """Return the program that a script's first line names, by way of env too; None: it has none."""
    head = _head(file)
    if not head.startswith(b"#!"):
        return None
    interpreter, argument = _first_line(head)
    if os.path.basename(interpreter) != "env":
        return interpreter
    name = _name_for_env(argument)
    return name if "/" in name else shutil.which(name, path=path)


def _head(file: Path) -> bytes:
    try:
        with open(file, "rb") as stream:
            return stream.read(_KERNEL_READS)
    except OSError:
        return _UNREADABLE


def _first_line(head: bytes) -> tuple[str, str]:
    """Return the interpreter and its one argument, as the kernel does."""
    words = os.fsdecode(head[2:].partition(b"\n")[0]).strip(" \t").replace("\t", " ")
    interpreter, _, argument = words.partition(" ")
    return interpreter, argument.strip(" ")


def _script_flaw(head: bytes, folder: Path, path: str | None, depth: int) -> str:
    interpreter, argument = _first_line(head)
    if not interpreter.strip("\r"):
        return "names no interpreter in its first line (write #!/bin/bash there, or another)"
    if len(head) == _KERNEL_READS and b"\n" not in head and not argument:
        return f"has a first line longer than the {_KERNEL_READS} bytes that the kernel reads"
    found = folder / interpreter
    if not os.path.isfile(found):
        return _missing(interpreter, "does not exist")
    if not os.access(found, os.X_OK):
        return _missing(interpreter, "is not executable")
    if os.path.basename(interpreter) == "env" and (flaw := _env_flaw(argument, folder, path)):
        return flaw
    if argument.endswith("\r"):
        return f"gives its interpreter the argument {quote(argument)} ({_WINDOWS})"
    flaw = start_flaw(found, folder, path, depth + 1)
    return flaw and f"needs the interpreter {quote(interpreter, _SHOWN)}, which {flaw}"


def _name_for_env(argument: str) -> str:
    """Return the program that env is to find, "" where its options are beyond this."""
    splits = _ENV_SPLITS.fullmatch(argument)
    words = splits[1].split(" ") if splits else [argument]
    name = next((word for word in words if word and "=" not in word), "")
    return "" if name.startswith("-") or any(each in name for each in "'\"\\$") else name


def _env_flaw(argument: str, folder: Path, path: str | None) -> str:
    """Why `env` does not find what a first line names, or ""."""
    name = _name_for_env(argument)
    if "/" in name:
        return "" if os.path.isfile(folder / name) else _missing(name, "does not exist")
    if not name or shutil.which(name, path=path):
        return ""
    if " " in name:
        return f"names {quote(name, _SHOWN)} as one word for env (write #!/usr/bin/env -S {name})"
    return _missing(name, "is not on the training's PATH")


def _missing(interpreter: str, why: str) -> str:
    hint = _WINDOWS if interpreter.endswith("\r") else "install it, or change the first line"
    return f"needs the interpreter {quote(interpreter, _SHOWN)}, which {why} ({hint})"


def _elf_flaw(file: Path, head: bytes) -> str:
    try:
        with open("/proc/self/exe", "rb") as stream:
            machine = _machine(stream.read(_KERNEL_READS))
        theirs, loader = _machine(head), _loader(file, head)
    except (OSError, struct.error, ValueError):
        return ""
    if theirs != machine and (theirs, machine) != (_I386, _X86_64) and not _is_emulated():
        return "is a program for another kind of processor (take that of this machine)"
    if loader and not os.path.exists(loader):
        name = quote(loader, _SHOWN)
        return f"needs the loader {name}, which does not exist (it is of another system)"
    return ""


def _is_emulated() -> bool:
    """Whether programs of other machines, or of other formats, may be started here."""
    try:
        return bool(set(os.listdir("/proc/sys/fs/binfmt_misc")) - {"register", "status"})
    except OSError:
        return False


def _order(head: bytes) -> str:
    return ">" if head[5:6] == b"\2" else "<"


def _machine(head: bytes) -> int:
    number: int
    (number,) = struct.unpack_from(f"{_order(head)}H", head, 18)
    return number


def _loader(file: Path, head: bytes) -> str:
    """Return the loader that an ELF program names, "" where it has none."""
    order, is_64 = _order(head), head[4:5] == b"\2"
    at, kind = (32, "Q") if is_64 else (28, "I")
    (table,) = struct.unpack_from(order + kind, head, at)
    size, count = struct.unpack_from(order + "HH", head, 54 if is_64 else 42)
    with open(file, "rb") as stream:
        for number in range(count):
            stream.seek(table + number * size)
            entry = stream.read(size)
            if struct.unpack_from(order + "I", entry) == (3,):
                (start,) = struct.unpack_from(order + kind, entry, 8 if is_64 else 4)
                (length,) = struct.unpack_from(order + kind, entry, 32 if is_64 else 16)
                stream.seek(start)
                return os.fsdecode(stream.read(min(length, 4096)).rstrip(b"\0"))
    return ""
