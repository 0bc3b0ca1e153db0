"""The words of a settings file: aliases, keys that do nothing, and what is said about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tandem.base.text import nearest, quote, suggestion
from tandem.config.jsonfile import is_annotation
from tandem.config.problems import join
from tandem.config.schema import schema

ALIASES = {
    "mutate_params": "mutate",
    "num_mutations": "runs_per_config",
    "repository": "repo",
    "fixed_hyperparams": "hyperparameters",
    "timeout": "timeout_seconds",
}
_ALIAS_OF = {key: alias for alias, key in ALIASES.items()}
# Keys that stand for something which this version does not do, and what that means.
NOT_APPLIED = {
    "cleanup_gpu_memory": "nothing is cleaned up beyond stopping every process",
    "cleanup_between_experiments": "nothing is cleaned up beyond stopping every process",
}
# No likeness of letters leads from these to what was probably meant.
_MEANT = {"experiment_type": "mode", "mutation_type": "mode", "session_name": "experiment_name"}
# The kernel's; a machine has some of them.
_GOVERNORS = ("performance", "powersave", "userspace", "ondemand", "conservative", "schedutil")
# Objects inside a level, with few enough keys to name them all.
_INNER = ("controls", "validity")

Note = tuple[str, str]  # path, message of a warning


@dataclass(frozen=True)
class Level:
    """One object of the file.

    `kind` is "top level", "entry", "foreground", "background", "controls" or "validity".
    """

    kind: str
    path: str
    values: Mapping[str, Any]

    def place(self, key: str) -> str:
        """Where the key stands."""
        return join(self.path, key)

    def below(self, kind: str) -> Level:
        """The object that stands under the key `kind`."""
        return Level(kind, self.place(kind), self.values[kind])

    def backgrounds(self) -> list[Level]:
        """The objects that stand under "background": one, or a list of them."""
        place, value = self.place("background"), self.values["background"]
        if isinstance(value, dict):
            return [Level("background", place, value)]
        return [Level("background", join(place, index), it) for index, it in enumerate(value)]


def find(key: str, levels: Sequence[Level]) -> tuple[Any, str] | None:
    """The value that counts and its place: the first level's, an alias only after all others."""
    for name in (key, _ALIAS_OF.get(key, key)):
        for level in levels:
            if name in level.values:
                return level.values[name], level.place(name)
    return None


def as_they_count(levels: Sequence[Level]) -> list[dict[str, Any]]:
    """The values of the levels by their real keys, the first that counts first.

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


def gpus_of(level: Level) -> str | None:
    """The GPUs that a training may see, in the words of CUDA_VISIBLE_DEVICES; None: as it comes."""
    gpus = level.values.get("gpus")
    if gpus is None:
        return None
    each = gpus if isinstance(gpus, list) else [gpus]
    return ",".join(str(int(gpu) if isinstance(gpu, float) else gpu) for gpu in each)


def names_to_draw(value: Any, place: str) -> tuple[dict[str, str], bool]:
    """The names that `mutate` gives, each with its place; and whether every supported one is meant.

    The names beside "all" are given too: they may be mistyped.
    """
    if isinstance(value, dict):
        places = {name: join(place, name) for name in value if not is_annotation(name)}
    else:
        places = {name: join(place, index) for index, name in enumerate(value)}
    draws_all = not places or "all" in places
    places.pop("all", None)
    return places, draws_all


def known_keys(kind: str) -> Mapping[str, Any]:
    """The keys with a meaning in that kind of level."""
    whole = schema("settings")
    shape = whole if kind == "top level" else whole["$defs"][kind]
    properties: Mapping[str, Any] = shape["properties"]
    return properties


def is_separator(level: Level) -> bool:
    """Whether the entry has no key that is known or that looks like a known one mistyped."""
    known = known_keys(level.kind)
    return not any(
        key in known or (not is_annotation(key) and nearest(key, known)) for key in level.values
    )


def unknown_notes(level: Level, mode: str | None = None) -> Iterator[Note]:
    """A warning for each key that has no meaning where it stands.

    `mode` is the one that counts there, if that is known.
    """
    known = known_keys(level.kind)
    for key in level.values:
        if key in known:
            if key in _INNER:
                yield from unknown_notes(level.below(key))
        elif not is_annotation(key):
            yield level.place(key), _unknown(key, level, mode)


def _unknown(key: str, level: Level, mode: str | None) -> str:
    """What is said of a key without a meaning in the level."""
    for holder in _INNER:
        if key in known_keys(holder):
            return f"no effect in this place, ignored (move it into {quote(holder)})"
    if any(key in known_keys(other) for other in ("top level", "entry", "foreground")):
        return f"no effect in this place ({level.kind}), ignored"
    if key in _MEANT:
        counts = f': the mode is "{mode}"' if mode and _MEANT[key] == "mode" else ""
        return f"unknown key, ignored{counts} (did you mean {quote(_MEANT[key])}?)"
    known = known_keys(level.kind)
    value = level.values[key]
    inside = [name for name in value if name in known] if isinstance(value, dict) else []
    lost = [quote(name) for name in inside if not is_annotation(name)]
    if lost:
        return f"unknown key, ignored with all that is in it (move {', '.join(lost)} out of it)"
    # Nobody meant a key that is given already or does nothing.
    real = [name for name in known if name not in {*ALIASES, *NOT_APPLIED, *level.values}]
    near = suggestion(key, real) if level.kind in _INNER or nearest(key, real) else ""
    return f"unknown key, ignored{near}"


def pairless_notes(level: Level) -> Iterator[Note]:
    """A warning for each control that the level asks for in vain: nothing has a background."""
    if "controls" in level.values:
        controls = level.below("controls")
        for key in ("background_seconds", "solo"):
            if controls.values.get(key):
                yield controls.place(key), "no effect: there is no background"


def unapplied_notes(top: Level) -> Iterator[Note]:
    """A warning for each key that asks for something this version does not do."""
    for key, consequence in NOT_APPLIED.items():
        if top.values.get(key):
            yield key, f"not applied by this version: {consequence}"


def governor_notes(top: Level) -> Iterator[Note]:
    """A warning for a governor that no kernel has."""
    governor = top.values.get("governor")
    if governor and governor not in _GOVERNORS:
        near = suggestion(governor, _GOVERNORS)
        yield "governor", f"{quote(governor)} is no governor of the kernel{near}"


def tables_of(top: Level) -> dict[str, str]:
    """The tables of earlier results that count, by where each is named."""
    return _tables(top) if top.values.get("use_deduplication") else {}


def _tables(top: Level) -> dict[str, str]:
    given = top.values.get("historical_csvs", [])
    if isinstance(given, str):
        return {"historical_csvs": given} if given else {}
    return {join("historical_csvs", index): name for index, name in enumerate(given)}


def history_notes(top: Level) -> Iterator[Note]:
    """A warning where one of the two keys of the de-duplication is of no use alone."""
    tables = _tables(top)
    if top.values.get("use_deduplication") and not tables:
        yield "use_deduplication", 'no effect: "historical_csvs" names no table'
    if tables and not top.values.get("use_deduplication"):
        message = 'not read: values in it may be drawn again ("use_deduplication": true reads it)'
        yield "historical_csvs", message


def common_notes(level: Level, levels: Sequence[Level]) -> Iterator[Note]:
    """A warning for each alias of a key that may stand at any of the `levels`."""
    for key, unit in (("runs_per_config", "run"), ("timeout_seconds", "s")):
        given = find(key, levels)
        if given and _ALIAS_OF[key] in level.values:
            many = "s" if unit == "run" and given[0] != 1 else ""
            yield _alias_note(level, key, given[1], f"{given[0]} {unit}{many}")


def training_notes(level: Level, mode: str) -> Iterator[Note]:
    """A warning for each alias of a key of the training itself, and for each without effect.

    `mode` is "mutation", "default" or "background".
    """
    for key in ("repo", "mutate", "hyperparameters"):
        given = find(key, [level])
        if given is None:
            continue
        value, place = given
        effect, idle = _effect(key, value, mode)
        if idle and value and place == level.place(key):
            yield place, effect
        elif key == "mutate" and not idle and not value and place == level.place(key):
            yield place, f"names nothing: {effect}"
        elif key == "mutate" and not idle and _has_values(value) and place == level.place(key):
            yield place, f"the values beside the names are not read: {effect}"
        if _ALIAS_OF[key] in level.values and (value or not idle):
            yield _alias_note(level, key, place, effect)


def _has_values(mutate: Any) -> bool:
    """Whether `mutate` says more of a hyperparameter than its name."""
    return isinstance(mutate, dict) and any(
        value not in ({}, [], "", None) for name, value in mutate.items() if not is_annotation(name)
    )


def _alias_note(level: Level, key: str, place: str, effect: str) -> Note:
    alias = level.place(_ALIAS_OF[key])
    if place == alias:
        return alias, f"read as {quote(key)}: {effect}"
    return alias, f"not read, because {quote(key)} is given: {effect}"


def _effect(key: str, value: Any, mode: str) -> tuple[str, bool]:
    """What the key's value does in words, and whether that is nothing at all."""
    if key == "repo":
        return quote(value), False
    if key == "hyperparameters":
        if mode == "mutation":
            return 'not passed, because only drawn values are ("mode": "default" passes them)', True
        return f"passes {', '.join(map(quote, value)) or 'none'}", False
    if mode != "mutation":
        why = "a background draws none" if mode == "background" else 'the mode is "default"'
        return f"nothing is drawn, because {why}", True
    drawn, draws_all = names_to_draw(value, "")
    what = "every supported hyperparameter" if draws_all else ", ".join(map(quote, drawn))
    return f"draws {what}" + (" from the registry's range" if _has_values(value) else ""), False
