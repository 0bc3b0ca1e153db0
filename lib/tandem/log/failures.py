"""Lines of a log that tell of a failure: a traceback, an error of CUDA, a killed process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tandem.base.text import printable
from tandem.log.expressions import compiled, relaxed
from tandem.log.lines import Block

TRACEBACK = "traceback"
SHOWN_CHARACTERS = 200
# How shells and make say it of a program of theirs: "./train.sh: line 3:  123 Killed   python3 ..."
_OF_A_SHELL = (
    r"^\s*(?:\S.*: line \d+: +\d+ +|\[\d+\][-+]? +(?:\d+ +)?|make(?:\[\d+\])?: \*\*\* \[.*\] )?"
)
_THEN = r"(?:: \d+)?(?: +\(core dumped\))?(?:\s{2,}\S.*)?\s*$"
BUILT_IN: Mapping[str, str] = {
    TRACEBACK: r"Traceback \(most recent call last\)",
    "cuda_error": (
        r"^(?!.*(?:warning|\bno cuda error|CUDA_ERROR_NO_DEVICE))"
        r".*(?:\bCUDA (?:runtime )?error\b|\bCUDA out of memory\b|\bCUDA_ERROR_[A-Z]"
        r"|\bcudaError[A-Z(]|\bcuDNN error\b)"
    ),
    "killed": rf"{_OF_A_SHELL}Killed{_THEN}",
    "segmentation_fault": rf"{_OF_A_SHELL}(?:Fatal Python error: )?Segmentation fault{_THEN}",
    "aborted": (
        rf"{_OF_A_SHELL}(?:Fatal Python error: )?"
        rf"(?:Aborted(?= +\(core dumped\))|Bus error|Illegal instruction|Floating point exception)"
        rf"{_THEN}"
    ),
}
_WORDS = {  # each line has one of them, in lower case
    "cuda_error": ("cuda", "cudnn"),
    "killed": ("killed",),
    "segmentation_fault": ("segmentation fault",),
    "aborted": ("aborted", "bus error", "illegal instruction", "floating point exception"),
}
_TRACEBACK_WORD = "traceback (most recent call last)"
# What Python says above an exception that ends nothing; below 3.13 that of a function at exit, too.
_IGNORED = re.compile(r"Exception ignored\b|Error in atexit\._run_exitfuncs:|--- Logging error ---")
_CHAINED = re.compile(r"(?:During handling of|The above exception was) .*exception\b")
_BOX = ("\u2502", "\u2570")  # the sides of one, as rich draws them around a traceback
_EXCEPTION = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*(?::|\s*$)")


@dataclass(frozen=True)
class Failure:
    """A line that tells of a failure: which pattern found it, where it begins, its text."""

    name: str
    at: int
    line: str


class Failures:
    """Finds the newest failure of a log; `more` is the registry's `failure_patterns`."""

    def __init__(self, more: Mapping[str, str | None]) -> None:
        chosen = {name: more.get(name, pattern) for name, pattern in {**BUILT_IN, **more}.items()}
        self._finds_tracebacks = chosen.get(TRACEBACK) == BUILT_IN[TRACEBACK]
        self._finders = [
            _Finder(name, pattern, name not in more)
            for name, pattern in chosen.items()
            if pattern is not None and not (name == TRACEBACK and self._finds_tracebacks)
        ]
        self._tracebacks = _Tracebacks()
        self.newest: Failure | None = None

    def look(self, block: Block) -> Block:
        """Look at the next block; return it without tracebacks, whose lines report nothing else."""
        ignored, others = self._tracebacks.look(block)
        visible = block.without(ignored)
        found = [each for finder in self._finders if (each := finder.newest(visible))]
        if self._finds_tracebacks and self._tracebacks.newest:
            found.append(self._tracebacks.newest)
        for failure in found:
            if self.newest is None or failure.at >= self.newest.at:
                self.newest = failure
        return visible.without(others)


class _Finder:
    def __init__(self, name: str, pattern: str, is_built_in: bool) -> None:
        self._name = name
        self._pattern = compiled(pattern)
        own = max(relaxed(pattern).words, key=len, default="")
        self._words = _WORDS[name] if is_built_in else (own,)

    def newest(self, block: Block) -> Failure | None:
        found = filter(None, (self._newest_with(block, word) for word in self._words))
        return max(found, key=lambda failure: failure.at, default=None)

    def _newest_with(self, block: Block, word: str) -> Failure | None:
        last = block.last_line(word, self._pattern.search)
        return Failure(self._name, block.base + last[0], _shown(last[1])) if last else None


class _Tracebacks:
    """Follows tracebacks, and tells those that Python says it ignores."""

    def __init__(self) -> None:
        self.newest: Failure | None = None
        self._is_ignored = False
        self._before = ""  # the last line of the block before that is not empty
        self._open: str | None = None  # what each line of a traceback begins with that has no end

    def look(self, block: Block) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the stretches of a block that ignored tracebacks take, and the others'."""
        ignored: list[tuple[int, int]] = []
        others: list[tuple[int, int]] = []
        end = 0
        if self._open is not None:
            end = self._follow(block, 0)
            (ignored if self._is_ignored else others).append((0, end))
        for begin, line in block.lines(_TRACEBACK_WORD):
            if begin < end:
                continue
            before = _line_before(block.text, begin) or self._before
            if not _CHAINED.search(before):
                self._is_ignored = bool(_IGNORED.search(before))
            if not self._is_ignored:
                self.newest = Failure(TRACEBACK, block.base + begin, _shown(line))
            self._open = line[: line.lower().index(_TRACEBACK_WORD)]
            end = self._follow(block, begin + len(line) + 1)
            (ignored if self._is_ignored else others).append((begin, end))
        self._before = _line_before(block.text, len(block.text) + 1) or self._before
        return ignored, others

    def _follow(self, block: Block, at: int) -> int:
        """Follow a traceback's lines from a place; return where it ends, or the block does."""
        prefix = self._open or ""
        while at < len(block.text):
            end = block.text.find("\n", at)
            end = len(block.text) if end < 0 else end
            line = block.text[at:end]
            if _is_indented(line):
                prefix = self._open = ""  # only the first line has one
            says = line.removeprefix(prefix)
            if not (line.startswith(prefix) and _is_indented(says)):
                self._open = None
                if not (line.startswith(prefix) and _EXCEPTION.match(says)):
                    return at
                if self.newest and not self._is_ignored:
                    self.newest = Failure(TRACEBACK, block.base + at, _shown(line))
                return end
            at = end + 1
        return len(block.text)


def _is_indented(line: str) -> bool:
    return line[:1].isspace() or line.startswith(_BOX)


def _line_before(text: str, at: int) -> str:
    """Return the last line before a place that is not empty, "" if there is none."""
    end = at - 1
    while end > 0:
        begin = text.rfind("\n", 0, end) + 1
        if line := text[begin:end].strip():
            return line
        end = begin - 1
    return ""


def _shown(line: str) -> str:
    return printable(line.strip()[:SHOWN_CHARACTERS])
