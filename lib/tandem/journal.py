"""journal.jsonl: what a run has begun and ended, a line an event, each on the disk at once.

Whoever has it open holds its lock, which the kernel releases whatever is killed: one at a time
works in the folder of a run.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tandem.errors import LockedError
from tandem.locks import holder

NAME = "journal.jsonl"


class Journal:
    """The journal of a run, open and locked; `events` are those so far, oldest first."""

    def __init__(self, folder: Path) -> None:
        """Open the journal in a run's folder, and make it if there is none.

        LockedError: another process has it. OSError: it cannot be opened.
        """
        path = folder / NAME
        self.file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = holder(self.file)
            os.close(self.file)
            raise LockedError(
                f"another process works on {folder}: {who} (wait for it with --wait-lock SECONDS)"
            ) from None
        self.events = list(self.whole_lines())

    def whole_lines(self) -> Iterator[dict[str, Any]]:
        """Yield the events; what a power cut tore off is cut away, so that new lines stay whole."""
        with open(self.file, "rb", closefd=False) as stream:
            text = stream.read()
        end = text.rfind(b"\n") + 1
        if end != len(text):
            os.ftruncate(self.file, end)
        for line in text[:end].splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and "event" in event:
                yield event

    def ended(self) -> Iterator[tuple[str, float]]:
        """Yield the id of each experiment that has ended, and how many seconds it took."""
        for event in self.events:
            name, duration_s = event.get("experiment"), event.get("duration_s")
            if event["event"] == "ended" and isinstance(name, str):
                yield name, float(duration_s) if isinstance(duration_s, int | float) else 0.0

    def add(self, event: str, **facts: Any) -> None:
        """Add a line and have it on the disk; OSError: it could not be written whole."""
        utc = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        whole = {"event": event, "utc": utc, **facts}
        line = f"{json.dumps(whole, ensure_ascii=False)}\n".encode(errors="backslashreplace")
        size_bytes = os.fstat(self.file).st_size
        if os.write(self.file, line) != len(line):
            os.ftruncate(self.file, size_bytes)
            raise OSError(None, "no space left for a whole line", NAME)
        os.fsync(self.file)
        self.events.append(whole)

    def close(self) -> None:
        os.close(self.file)
