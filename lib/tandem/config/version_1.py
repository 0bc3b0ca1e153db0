"""The entries of settings of version 1: a lenient dialect, each oddity of which is warned of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tandem.base.text import quote
from tandem.config.dialect import (
    Level,
    Note,
    as_they_count,
    effect_notes,
    exclusive_notes,
    find,
    is_separator,
    unknown_notes,
)
from tandem.config.entries import BackgroundEntry, Entry, TrainingEntry
from tandem.config.jsonfile import is_annotation
from tandem.config.keys import gpu_flaw, mps_of, names_to_draw, visible_gpus
from tandem.config.options import MPS, Controls, Dose, GpuSetup, Limits, Validity, read_options
from tandem.config.problems import Problem, has_errors, join
from tandem.config.schema import MUTATION_MODES

PARTS = ("foreground", "background")
SHARING = "sharing"


def read_entries(
    value: Mapping[str, Any], written: Mapping[str, Any], file: str, problems: Sequence[Problem]
) -> tuple[tuple[Entry, ...], Sequence[Problem]]:
    """Return the entries of a file, and all that is to be said of it.

    `value` is what fits the schema of the file as it is `written`; `problems` says what does not.
    """
    reader = Reader(file, problems)
    top = Level("top level", "", value)
    reader.read_top(top)
    read = [
        reader.read_entry(Level("entry", join("experiments", index), raw), top, source)
        for index, (raw, source) in enumerate(
            zip(value["experiments"], written["experiments"], strict=True)
        )
    ]
    entries = tuple(entry for entry in read if entry)
    reader.read_end(top, entries)
    return entries, reader.problems


def _parts(entry: Level) -> list[str]:
    return [part for part in PARTS if part in entry.values]


def _idle_mps(entry: Entry) -> Iterator[Note]:
    """Yield a note on what a training says for MPS alone, where it does not run under MPS."""
    for training in (entry.foreground, *(each.training for each in entry.backgrounds)):
        if training.mps and entry.gpu_setup.sharing != MPS:
            message = 'no effect without MPS (add "sharing": "mps" to the entry, or remove this)'
            yield Note(join(training.path, "mps"), message, is_ignored=True)


class Reader:
    """Reads the levels of one file and collects the problems on the way."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = list(problems)
        self._wrong = {problem.path for problem in problems}
        self._told: set[Note] = set()

    def read_top(self, top: Level) -> None:
        self._warn(unknown_notes(top))
        self._warn(effect_notes(top, "top level", [top]))

    def read_end(self, top: Level, entries: Sequence[Entry]) -> None:
        """Say what the top level asks for in vain, where it is sure that no entry needs it."""
        if not has_errors(self.problems) and not any(entry.backgrounds for entry in entries):
            shared = {key: value for key, value in top.values.items() if key == SHARING}
            for level in (Level(top.kind, top.path, shared), top.below("controls")):
                self._warn(effect_notes(level, "alone"))

    def read_entry(self, entry: Level, top: Level, source: Mapping[str, Any]) -> Entry | None:
        if is_separator(entry):
            self._warn(unknown_notes(entry))
            if not all(map(is_annotation, entry.values)):
                message = "has no known key: a separator, nothing runs for it"
                self._warn([Note(entry.path, message, is_ignored=True)])
            return None
        mode = self._mode(entry, top)
        if mode is None and len(_parts(entry)) == 2:
            mode = "parallel"  # no other is right beside the two
        self._warn(unknown_notes(entry, mode))
        if self._misfits(entry, mode):
            return None
        levels: list[Level] = [entry, top]
        backgrounds: tuple[BackgroundEntry, ...] = ()
        if mode == "parallel":
            levels = [entry, entry.below("foreground"), top]
            foreground, backgrounds = self._parts(entry, levels)
        else:
            foreground = self._training(entry, mode)
        self._warn(effect_notes(entry, mode, levels))
        self._warn(effect_notes(entry.below("controls"), mode))
        read = self._entry(levels, source, foreground, backgrounds)
        if mode is not None:
            self._warn(_idle_mps(read))
        return read

    def _mode(self, *levels: Level) -> str | None:
        """Return the mode of the first level that has one, in one of three words, or "mutation".

        None where what the level says is wrong, so that nothing can be said of what hangs on it.
        """
        for level in levels:
            place = level.place("mode")
            if place in self._wrong:
                return None
            if "mode" in level.values:
                mode: str = level.values["mode"]
                if mode not in MUTATION_MODES:
                    return mode
                self._warn_once(place, f'{quote(mode)} is read as "mutation": values are drawn')
                break
        return "mutation"

    def _misfits(self, entry: Level, mode: str | None) -> bool:
        """Whether the mode and the parts that are there do not go together; say so."""
        parts = _parts(entry)
        if mode == "parallel" and len(parts) == 2:
            return False
        if mode == "parallel" and "mode" not in entry.values:
            self._fail_without_parts(entry)
        elif mode not in (None, "parallel") and parts:
            message = (
                f'has a {" and a ".join(parts)}, but its mode is "{mode}"'
                ' (set "mode": "parallel", or remove them)'
            )
            self._fail(entry, message, "mode")
        # Where the entry itself says that it is parallel, the schema has named what is missing.
        return mode == "parallel" or bool(parts)

    def _fail_without_parts(self, entry: Level) -> None:
        wrong = {part for part in PARTS if entry.place(part) in self._wrong}
        missing = [part for part in PARTS if part not in {*_parts(entry), *wrong}]
        if missing:
            message = (
                f'the top level\'s mode is "parallel", but this has no {" and no ".join(missing)}'
                f' (add {"it" if len(missing) == 1 else "them"}, or give it a "mode" of its own)'
            )
            self._fail(entry, message)

    def _parts(
        self, entry: Level, levels: list[Level]
    ) -> tuple[TrainingEntry, tuple[BackgroundEntry, ...]]:
        foreground, backgrounds = entry.below("foreground"), entry.backgrounds()
        mode = self._mode(foreground)
        self._warn(unknown_notes(foreground, mode))
        self._warn(effect_notes(foreground, mode, levels))
        read = tuple(self._background(each, levels) for each in backgrounds)
        return self._training(foreground, mode), read

    def _background(self, background: Level, levels: list[Level]) -> BackgroundEntry:
        self._warn(unknown_notes(background))
        self._warn(effect_notes(background, "background"))
        for note in exclusive_notes(background):
            self._fail(background, note.message)
        dose = read_options(Dose, *as_they_count([background, *levels]))
        return BackgroundEntry(self._training(background, "background"), dose)

    def _training(self, level: Level, mode: str | None) -> TrainingEntry:
        keys = ("repo", "model", "mutate", "hyperparameters")
        given = {key: find(key, [level]) or (None, level.place(key)) for key in keys}
        for key, what in (("repo", "repository"), ("model", "model")):
            if given[key][0] is None:
                message = f"{quote(key)} is missing (name a {what} of the registry)"
                self._fail(level, message, key, what)
        if mode is None:
            given["hyperparameters"] = None, ""  # whether they count, only the mode says
        gpus = visible_gpus(level.values.get("gpus"))
        if flaw := gpu_flaw(gpus):
            self.problems.append(Problem("error", level.place("gpus"), flaw, self.file))
        names, place = given["mutate"]
        mutate, draws_all = names_to_draw(names or (), place)
        return TrainingEntry(
            path=level.path,
            mode="mutation" if mode == "mutation" else "default",
            repo=given["repo"][0],
            model=given["model"][0],
            mutate=mutate,
            draws_all=draws_all,
            hyperparameters=given["hyperparameters"][0] or {},
            places={key: place for key, (_, place) in given.items()},
            gpus=gpus,
            mps=mps_of(level.values),
        )

    def _entry(
        self,
        levels: list[Level],
        source: Mapping[str, Any],
        foreground: TrainingEntry,
        backgrounds: tuple[BackgroundEntry, ...],
    ) -> Entry:
        runs, place = find("runs_per_config", levels) or (1, "")
        if runs == 0:
            self._warn([Note(levels[0].path, f"nothing runs for it: {place} is 0")])
        given = as_they_count(levels)
        setup = read_options(GpuSetup, *given)
        return Entry(
            path=levels[0].path,
            source=source,
            foreground=foreground,
            backgrounds=backgrounds,
            runs=int(runs),
            limits=read_options(Limits, *given),
            controls=read_options(Controls, *(it.get("controls", {}) for it in given)),
            validity=read_options(Validity, *(it.get("validity", {}) for it in given)),
            gpu_setup=setup if backgrounds else replace(setup, sharing=None),
        )

    def _warn(self, notes: Iterable[Note]) -> None:
        for note in notes:
            flags = note.is_ignored, note.hint
            self.problems.append(Problem("warning", note.path, note.message, self.file, *flags))

    def _warn_once(self, path: str, message: str) -> None:
        note = Note(path, message)
        if note not in self._told:
            self._told.add(note)
            self._warn([note])

    def _fail(self, level: Level, message: str, *keys: str) -> None:
        """Add an error about the level, unless it or one of the keys was wrong already."""
        if self._wrong.isdisjoint((level.path, *map(level.place, keys))):
            self.problems.append(Problem("error", level.path, message, self.file))
