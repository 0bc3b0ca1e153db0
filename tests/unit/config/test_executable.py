"""What the kernel cannot start is known beforehand, and what it can is not accused."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest
from tandem.config.executable import interpreter_of, start_flaw


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "train.sh"


def flaw(script: Path, text: str | bytes, path: str | None = None) -> str:
    script.write_bytes(text if isinstance(text, bytes) else text.encode())
    script.chmod(0o755)
    return start_flaw(script, script.parent, path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("echo accuracy: 0.9\n", "has no interpreter line"),
        ("", "has no interpreter line"),
        ("#!\necho\n", "names no interpreter in its first line"),
        ("#!\r\necho\r\n", "names no interpreter in its first line"),
        ("\ufeff#!/bin/sh\n", "begins with a byte order mark"),
        ("#!/bin/sh\r\necho\r\n", 'needs the interpreter "/bin/sh\\r", which does not exist'),
        ("#!/bin/sh -e\r\necho\r\n", 'gives its interpreter the argument "-e\\r"'),
        (
            "#!/usr/bin/env python3\r\n",
            '"python3\\r", which is not on',
        ),
        ("#!/no/such/python\n", '"/no/such/python", which does not exist (install it'),
        ("#!/etc/passwd\n", '"/etc/passwd", which is not executable'),
        ("#! /usr/bin/env  no-such-python\n", '"no-such-python", which is not on'),
        ("#!/usr/bin/env no-such-python -u\n", "as one word for env (write #!/usr/bin/env -S"),
        ("#!/usr/bin/env sh -e\n", '"sh -e" as one word for env'),
        ("#!/usr/bin/env -S A=1 no-such -u\n", '"no-such", which is not on'),
        ("#!/usr/bin/env ./no-such\n", '"./no-such", which does not exist'),
        (f"#!/{'x' * 300}\n", "a first line longer than the 256 bytes"),
    ],
)
def test_what_cannot_start(script: Path, text: str, sentence: str) -> None:
    assert sentence in flaw(script, text)


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\n",
        "#! /bin/sh -e\n",
        "#!\t/bin/sh\t-e\n",
        "#!/bin/sh",
        f"#!/bin/sh {'x' * 300}\n",  # the kernel cuts the argument
        "#!/usr/bin/env sh\n",
        "#!/usr/bin/env -S sh -e\n",
        "#!/usr/bin/env -S A=1 sh -e\n",
        "#!/usr/bin/env -i sh\n",  # more of env than is known here
        "#!/usr/bin/env -S sh -c 'exit 0'\n",
        b"\0\1\2",  # a format of its own
        b"#!/bin/sh\n\xff\xfe",
    ],
)
def test_what_can_start(script: Path, text: str | bytes) -> None:
    assert flaw(script, text) == ""


def test_env_looks_in_the_trainings_own_path(script: Path) -> None:
    text = "#!/usr/bin/env mine\n"
    (script.parent / "bin").mkdir()
    mine = script.parent / "bin" / "mine"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    assert "not on the training's PATH" in flaw(script, text)
    assert flaw(script, text, str(mine.parent)) == ""


def test_an_interpreter_that_is_a_script_is_looked_at_too(script: Path) -> None:
    inner = script.parent / "inner"
    inner.write_text("#!/no/such\n")
    inner.chmod(0o755)
    assert flaw(script, f"#!{inner}\n") == (
        f'needs the interpreter "{inner}", which needs the interpreter "/no/such",'
        " which does not exist (install it, or change the first line)"
    )
    inner.write_text(f"#!{inner}\n")  # the kernel gives up at some depth; so does this
    assert flaw(script, f"#!{inner}\n") == ""


def test_a_relative_interpreter_lies_in_the_working_folder(script: Path) -> None:
    assert "does not exist" in flaw(script, "#!bin/sh\n")
    (script.parent / "bin").mkdir()
    (script.parent / "bin" / "sh").symlink_to("/bin/sh")
    assert flaw(script, "#!bin/sh\n") == ""


def test_programs_of_this_machine_and_of_others(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(os.path.realpath(sys.executable)).read_bytes()
    monkeypatch.setattr("tandem.config.executable._is_emulated", lambda: False)
    assert flaw(script, own) == ""
    foreign = struct.pack("<H", 0xF3 if own[18] != 0xF3 else 0x3E)  # RISC-V, or x86-64
    assert "another kind of processor" in flaw(script, own[:18] + foreign + own[20:])
    monkeypatch.setattr("tandem.config.executable._is_emulated", lambda: True)
    assert flaw(script, own[:18] + foreign + own[20:]) == ""
    assert flaw(script, own[:40]) == ""  # cut off: not for this to judge


def test_a_program_whose_loader_is_not_there(script: Path) -> None:
    own = Path(os.path.realpath(sys.executable)).read_bytes()
    start = own.index(b"/ld-linux")
    changed = own[:start] + b"/no-linux" + own[start + 9 :]
    assert "which does not exist (it is of another system)" in flaw(script, changed)


def test_a_script_that_cannot_be_read_is_not_judged(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.write_text("echo\n")

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("builtins.open", refuse)
    assert start_flaw(script, script.parent, None) == ""


@pytest.mark.parametrize(
    ("text", "interpreter"),
    [
        ("#!/usr/bin/python3 -u\n", "/usr/bin/python3"),
        ("#!/usr/bin/env -S mine -u\n", "mine"),
        ("#!/usr/bin/env mine\n", "mine"),
        ("#!/usr/bin/env other\n", None),
        ("#!/usr/bin/env bin/mine\n", "bin/mine"),
        ("echo\n", None),
    ],
)
def test_the_interpreter_of_a_script(script: Path, text: str, interpreter: str | None) -> None:
    mine = script.parent / "mine"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    script.write_text(text)
    found = interpreter_of(script, str(script.parent))
    assert found == (str(mine) if interpreter == "mine" else interpreter)
