"""The levels of a settings file: which value counts, and what is said of keys where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from tandem.base.text import nearest, quote, suggestion
from tandem.config.jsonfile import is_annotation
from tandem.config.keys import ALIASES, EXCLUSIVE, KEYS, MEANT, NOT_APPLIED
from tandem.config.problems import join
from tandem.config.schema import schema

INNER = ("controls", "validity")
"""Objects inside a level, with few enough keys to name them all."""

OF_VERSION_2 = 'it works in a file with "settings_version": 2'
"""What is said of something that only settings of version 2 can say."""
_SHAPES = {"top level": "version_1"}


class Note(NamedTuple):
    """What a warning says, and where; see `Problem`."""

    path: str
    message: str
    is_ignored: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Level:
    """One object of the file.

    `kind` is "top level", "entry", "foreground", "background", "controls" or "validity".
    """

    kind: str
    path: str
    values: Mapping[str, Any]

    def place(self, key: str) -> str:
        """Return where the key stands."""
        return join(self.path, key)

    def below(self, kind: str) -> Level:
        """Return the object that stands under the key `kind`; an empty one where none does."""
        return Level(kind, self.place(kind), self.values.get(kind, {}))

    def backgrounds(self) -> list[Level]:
        """Return the objects that stand under "background": one, or a list of them."""
        place, value = self.place("background"), self.values["background"]
        if isinstance(value, dict):
            return [Level("background", place, value)]
        return [Level("background", join(place, index), it) for index, it in enumerate(value)]


def known_keys(kind: str) -> Mapping[str, Any]:
    """Return the keys with a meaning in that kind of level, each with its schema."""
    shapes = schema("settings")["$defs"]
    properties: Mapping[str, Any] = shapes[_SHAPES.get(kind, kind)]["properties"]
    return properties


def find(key: str, levels: Sequence[Level]) -> tuple[Any, str] | None:
    """Return the value that counts and its place: the first level's, an alias after all others."""
    for name in (key, KEYS[key].alias if key in KEYS else key):
        for level in levels:
            if name in level.values:
                return level.values[name], level.place(name)
    return None


def as_they_count(levels: Sequence[Level]) -> list[dict[str, Any]]:
    """Return the values of the levels by their real keys, the first that counts first.

    An alias counts after all real keys, and a key only at a level at which it has a meaning.
    """
    meant = [
        {key: value for key, value in level.values.items() if key in known_keys(level.kind)}
        for level in levels
    ]
    aliased = [
        {ALIASES[key]: value for key, value in values.items() if key in ALIASES} for values in meant
    ]
    return meant + aliased


def is_separator(level: Level) -> bool:
    """Whether the entry has no key that is known or that looks like a known one mistyped."""
    known = known_keys(level.kind)
    return not any(
        key in known or (not is_annotation(key) and nearest(key, known)) for key in level.values
    )


def unknown_notes(level: Level, mode: str | None = None) -> Iterator[Note]:
    """Yield a warning for each key that has no meaning where it stands.

    `mode` is the one that counts there, if that is known.
    """
    known = known_keys(level.kind)
    for key in level.values:
        if key in known:
            if key in INNER:
                yield from unknown_notes(level.below(key))
        elif not is_annotation(key):
            hint = OF_VERSION_2 if level.kind not in INNER and key in _design_keys() else ""
            yield Note(level.place(key), _unknown(key, level, mode), is_ignored=True, hint=hint)


def _design_keys() -> Set[str]:
    """Return the keys that only settings of version 2 have."""
    keys: Mapping[str, Any] = schema("settings")["$defs"]["design"]["properties"]
    return keys.keys() - known_keys("top level")


def _unknown(key: str, level: Level, mode: str | None) -> str:
    """Return what is said of a key without a meaning in the level."""
    for holder in INNER:
        if key in known_keys(holder):
            return f"no effect in this place, ignored (move it into {quote(holder)})"
    if any(key in known_keys(other) for other in ("top level", "entry", "foreground")):
        return f"no effect in this place ({level.kind}), ignored"
    if key in MEANT:
        counts = f': the mode is "{mode}"' if mode and MEANT[key] == "mode" else ""
        return f"unknown key, ignored{counts} (did you mean {quote(MEANT[key])}?)"
    known = known_keys(level.kind)
    value = level.values[key]
    inside = [name for name in value if name in known] if isinstance(value, dict) else []
    lost = [quote(name) for name in inside if not is_annotation(name)]
    if lost:
        return f"unknown key, ignored with all that is in it (move {', '.join(lost)} out of it)"
    # Nobody meant a key that is given already or does nothing.
    real = [name for name in known if name not in {*ALIASES, *NOT_APPLIED, *level.values}]
    near = suggestion(key, real) if level.kind in INNER or nearest(key, real) else ""
    return f"unknown key, ignored{near}"


def exclusive_notes(background: Level) -> Iterator[Note]:
    """Yield what is wrong with a background that says one thing in two ways."""
    for one, other in EXCLUSIVE:
        if one in background.values and other in background.values:
            message = f"one of {quote(one)} and {quote(other)} can count (remove the other)"
            yield Note(background.path, message)


def effect_notes(level: Level, part: str | None, levels: Sequence[Level] = ()) -> Iterator[Note]:
    """Yield a warning for each key that is an alias, has no effect, or an odd value.

    `part` is what the level is, in the words of `Key.idle`; None where that cannot be said, and
    then nothing is said of what hangs on it. `levels` are those that give the values which may also
    stand at the top level.
    """
    outer = known_keys("top level")
    for name, value in level.values.items():
        key = ALIASES.get(name, name)
        if key not in KEYS or name not in known_keys(level.kind):
            continue
        about, place = KEYS[key], level.place(name)
        if about.idle and part is None:
            continue
        counts, there = value, place
        if name != key:
            counts, there = find(key, levels if key in outer else [level]) or (value, place)
        idle = about.idle.get(part or "")
        is_ignored = idle is not None or there != place
        if idle is not None:
            message = idle if about.asks(value) else ""
        elif name != key:
            message = about.effect(counts)
        elif message := about.lost(value, level.values):
            is_ignored = True
        else:
            message = about.odd(value, level.values)
        if message and name != key:
            how = "read as {}" if there == place else "not read, because {} is given"
            message = f"{how.format(quote(key))}: {message}"
        if message:
            yield Note(place, message, is_ignored)
