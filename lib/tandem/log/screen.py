"""What a terminal would show of a line with control sequences in it."""

from __future__ import annotations

import re

_CSI = r"(?:\x1b\[|\x9b)"
_TEXT = r"[^\x07\x1b\x9c\n\r]*(?:\x07|\x9c|\x1b\\)?"
# Colours, titles and links, charsets, bells: whatever neither moves the cursor nor erases. (Each
# begins with one character, which is what the re module finds fast.)
_INVISIBLE = re.compile(rf"\x1b(?:\[[0-9;:]*m|[\]PX^_]{_TEXT}|[ -/]+[0-~]?)")
_INVISIBLE_WIDE = re.compile(rf"\x9b[0-9;:]*m|[\x90\x98\x9d-\x9f]{_TEXT}")
_SILENT = re.compile("[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f\ufeff\u200b-\u200f\u2060]+")
CONTROLS = re.compile(r"[\x08\x0b\x0c\x1b\x9b]")
_CONTROL = re.compile(
    rf"(?P<back>\x08+)|(?P<return>\r)|(?P<down>[\x0b\x0c])"
    rf"|{_CSI}(?P<parameters>[0-?]*)[ -/]*(?P<final>[@-~])?|\x1b(?P<other>[0-~])?"
)
# The usual ones by the thousand, as Screen would obey them.
_BACK = re.compile(r"\x08+(?=[\r\n])")
_RETURNS = re.compile(rf"{_CSI}[01]?G")
_LEAVES = re.compile(rf"{_CSI}\d*[ABEF]|{_CSI}\d*(?:;\d*)?[Hf]")
_ERASED = re.compile(rf"{_CSI}2K(?=\r)|(?<=[\r\n])(?:{_CSI}[02]?[KJ])+")
_UNFINISHED = re.compile(rf"(?:{_CSI}[0-?]*[ -/]*|\x1b[ -/]*)\Z")
_OPEN_STRING = re.compile(r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n\r]*\Z")
_MOST_COLUMNS = 4096  # of a jump to the right; a terminal has fewer
_MOST_ESCAPE = 64  # characters of a sequence of which there is no end yet


def without_invisible(text: str) -> str:
    """Return a text without what a terminal shows nothing of, and that leaves its cursor there."""
    text = _INVISIBLE.sub("", text)
    if not text.isascii():
        text = _INVISIBLE_WIDE.sub("", text)
    text = _SILENT.sub("", text)
    if CONTROLS.search(text):
        text = _RETURNS.sub("\r", _BACK.sub("", text))
        text = _ERASED.sub("\n", _LEAVES.sub("\n", text))
    return text


def left_on_screen(text: str) -> list[str]:
    """Return the lines that stand there in the end: of a bar that was drawn anew only the last."""
    text = _SILENT.sub("", _INVISIBLE_WIDE.sub("", _INVISIBLE.sub("", text)))
    lines, screen = [], Screen()
    for line in _LEAVES.sub("\n", text).split("\n"):
        screen.show(line)
        written_over = screen.before
        lines.append(screen.end() or written_over)
    return lines


def split_unfinished(text: str) -> tuple[str, str]:
    """Split off the begin of a control sequence of which the text does not have the end yet."""
    at = max(text.rfind("\x1b"), text.rfind("\x9b"), text.rfind("\x9d"), text.rfind("\x90"))
    if at < 0:
        return text, ""
    if _OPEN_STRING.match(text, at):
        return text[:at], text[at : at + 2]  # the rest of it says nothing
    if found := _UNFINISHED.match(text, at):
        return text[:at], found[0][:_MOST_ESCAPE]
    return text, ""


class Screen:
    """One line of a terminal: what is written, where the cursor stands.

    Whatever is written over or erased has been shown, so that each state of a line counts as a
    line of its own, in the order written: a bar that is drawn anew, a text that is taken back. Only
    a backspace corrects what stands there. A move to another line begins a new one.
    """

    def __init__(self) -> None:
        self.cells = ""
        self.cursor = 0
        self.before = ""  # what stood here before the last carriage return
        self.states: list[str] = []

    def show(self, text: str) -> list[str]:
        """Write a text without line feeds; return the states that are over."""
        self.states = []
        at = 0
        for found in _CONTROL.finditer(text):
            self._write(text[at : found.start()])
            at = found.end()
            self._obey(found)
        self._write(text[at:])
        return self.states

    def end(self) -> str:
        """Return what stands there and begin an empty line."""
        text = self.cells
        self.cells, self.cursor, self.before = "", 0, ""
        return text

    def _write(self, text: str) -> None:
        end = self.cursor + len(text)
        self.cells = self.cells[: self.cursor] + text + self.cells[end:]
        self.cursor = end

    def _obey(self, control: re.Match[str]) -> None:
        if control["back"]:
            self.cursor = max(0, self.cursor - len(control[0]))
        elif control["return"]:
            self._return()
        elif control["down"] or control["other"] in tuple("DEM8c"):
            self._leave()
        elif control["final"]:
            self._csi(control["final"], control["parameters"])

    def _return(self) -> None:
        if self.cells:
            self._keep()
            self.before = self.cells
        self.cells, self.cursor = "", 0

    def _leave(self) -> None:
        self._keep()
        self.end()

    def _keep(self) -> None:
        self.states.append(self.cells)

    def _csi(self, final: str, parameters: str) -> None:
        number = int(parameters) if parameters.isdecimal() and len(parameters) < 6 else 0
        count = min(max(number, 1), _MOST_COLUMNS)
        if final == "C":
            self._forward(count)
        elif final == "D":
            self.cursor = max(0, self.cursor - count)
        elif final in "G`":
            self._column(count - 1)
        elif final in "KJ":
            self._erase(number)
        elif final in "PX@":
            self._change(final, count)
        elif final in "ABEFHfdSTLMsu":
            self._leave()

    def _column(self, column: int) -> None:
        if column == 0:
            self._return()
        elif column < self.cursor:
            self.cursor = column
        else:
            self._forward(column - self.cursor)

    def _forward(self, count: int) -> None:
        """Move to the right, over what a carriage return has left there."""
        self.cursor += count
        missing = self.cursor - len(self.cells)
        if missing > 0:
            left = self.before[len(self.cells) : self.cursor]
            self.cells += left.ljust(missing)

    def _erase(self, which: int) -> None:
        if self.cells[self.cursor :] if which == 0 else self.cells.strip():
            self._keep()
        if which != 0:
            self.cells = " " * self.cursor + self.cells[self.cursor :]
        if which != 1:
            self.cells, self.before = self.cells[: self.cursor], ""

    def _change(self, final: str, count: int) -> None:
        """Delete characters (P), erase them (X), or put spaces before them (@)."""
        self._keep()
        begin, rest = self.cells[: self.cursor], self.cells[self.cursor :]
        if final != "@":
            rest, gone = rest[count:], len(rest[:count])
            count = gone if final == "X" else 0
        self.cells = begin + " " * count + rest
