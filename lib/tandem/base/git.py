"""The state of a folder in git. Only reads."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TypedDict

# A caller's own repository (a git hook that starts a run) must not answer for the folder.
_ELSEWHERE = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
)


class GitState(TypedDict):
    """What git says of a folder; `reason` says why one of the others is None."""

    commit: str | None
    dirty: bool | None
    reason: str | None


def git_state(folder: Path, timeout_s: float = 5.0) -> GitState:
    """The commit that `folder` is at, and whether anything inside it differs from that commit.

    Returns {"commit", "dirty", "reason"}: dirty when a tracked file in the folder is changed or a
    file in it is neither tracked nor ignored. Where git cannot say, `commit` or both are None and
    `reason` says why; a folder that the repository above it ignores is not described by that
    repository's commit.
    """
    command = [
        *("git", "--no-pager", "-C", str(folder)),
        # A repository's own monitor is a program that status would start.
        *("-c", "core.fsmonitor=false", "-c", "status.relativePaths=true"),
        *("status", "--porcelain=v2", "--branch", "--untracked-files=normal"),
        *("--ignored=matching", "--", "."),
    ]
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env=git_environment(),
        )
    except FileNotFoundError:
        return _unknown("git is not installed")
    except subprocess.TimeoutExpired:
        return _unknown(f"git did not answer within {timeout_s:g} s")
    except OSError as error:
        return _unknown(f"git cannot be started: {error.strerror}")
    if answer.returncode != 0:
        complaint = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        first = complaint[0].removeprefix("fatal: ") if complaint else ""
        return _unknown(first or f"git ended with status {answer.returncode}")
    return _state(answer.stdout.decode("utf-8", "replace").splitlines())


def git_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _state(lines: list[str]) -> GitState:
    if any(line == "! ./" or line.startswith("! ../") for line in lines):
        return _unknown("the repository above ignores this folder")
    dirty = any(not line.startswith(("#", "!")) for line in lines)
    commit = next(
        (line.split()[2] for line in lines if line.startswith("# branch.oid ")), "(initial)"
    )
    if commit == "(initial)":
        return {"commit": None, "dirty": dirty, "reason": "the repository has no commit yet"}
    return {"commit": commit, "dirty": dirty, "reason": None}


def _unknown(reason: str) -> GitState:
    return {"commit": None, "dirty": None, "reason": reason}
