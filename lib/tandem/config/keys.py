"""The keys of a settings file: one table of other names, effects, and what is said of them.

At which levels a key may stand, and what values it takes, schemas/settings.schema.json says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tandem.base.text import counted, quote, suggestion
from tandem.config.jsonfile import is_annotation
from tandem.config.problems import join

# The kernel's; a machine has some of them.
_GOVERNORS = ("performance", "powersave", "userspace", "ondemand", "conservative", "schedutil")
_BESIDE = 'no effect beside a foreground (move it into "foreground")'
_ALONE = "no effect: there is no background"


def names_to_draw(value: Any, place: str) -> tuple[dict[str, str], bool]:
    """Return the names that `mutate` gives, each with its place; and whether all are to be drawn.

    The names beside "all" are given too: they may be mistyped.
    """
    if isinstance(value, dict):
        places = {name: join(place, name) for name in value if not is_annotation(name)}
    else:
        places = {name: join(place, index) for index, name in enumerate(value)}
    draws_all = not places or "all" in places
    places.pop("all", None)
    return places, draws_all


def visible_gpus(gpus: Any) -> str | None:
    """Return `gpus` in the words of CUDA_VISIBLE_DEVICES; None where nothing is given."""
    if gpus is None:
        return None
    each = gpus if isinstance(gpus, list) else [gpus]
    return ",".join(str(int(gpu) if isinstance(gpu, float) else gpu) for gpu in each)


def mps_of(training: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a training says under "mps", without what annotates."""
    given = training.get("mps", {})
    return {key: value for key, value in given.items() if not is_annotation(key)}


def gpu_flaw(gpus: str | None) -> str:
    """Return what is wrong with GPUs in the words of CUDA_VISIBLE_DEVICES; "" for nothing."""
    words = (gpus or "").split(",")
    if len(words) > len(set(words)):
        return f"{quote(gpus or '')} names a GPU more than once (remove the others)"
    return ""


def tables_of(top: Mapping[str, Any]) -> dict[str, str]:
    """Return the tables of earlier results that count, by where each is named."""
    return _tables(top) if top.get("use_deduplication") else {}


def _tables(top: Mapping[str, Any]) -> dict[str, str]:
    given = top.get("historical_csvs", [])
    if isinstance(given, str):
        return {"historical_csvs": given} if given else {}
    return {join("historical_csvs", index): name for index, name in enumerate(given)}


def _draws(mutate: Any) -> str:
    names, draws_all = names_to_draw(mutate, "")
    what = "every supported hyperparameter" if draws_all else ", ".join(map(quote, names))
    return f"draws {what}" + (" from the registry's range" if _has_values(mutate) else "")


def _has_values(mutate: Any) -> bool:
    """Whether `mutate` says more of a hyperparameter than its name."""
    return isinstance(mutate, dict) and any(
        value not in ({}, [], "", None) for name, value in mutate.items() if not is_annotation(name)
    )


def _odd_mutate(mutate: Any, _level: Mapping[str, Any]) -> str:
    return "" if mutate else f"names nothing: {_draws(mutate)}"


def _lost_values(mutate: Any, _level: Mapping[str, Any]) -> str:
    if _has_values(mutate):
        return f"the values beside the names are not read: {_draws(mutate)}"
    return ""


def _passes(hyperparameters: Any) -> str:
    return f"passes {', '.join(map(quote, hyperparameters)) or 'none'}"


def _runs(count: Any) -> str:
    return counted(count, "run")


def _odd_governor(governor: Any, _level: Mapping[str, Any]) -> str:
    if not governor or governor in _GOVERNORS:
        return ""
    return f"{quote(governor)} is no governor of the kernel{suggestion(governor, _GOVERNORS)}"


def _lost_deduplication(is_wanted: Any, top: Mapping[str, Any]) -> str:
    if is_wanted and not _tables(top):
        return 'no effect: "historical_csvs" names no table'
    return ""


def _lost_tables(_given: Any, top: Mapping[str, Any]) -> str:
    if _tables(top) and not top.get("use_deduplication"):
        return 'not read: values in it may be drawn again ("use_deduplication": true reads it)'
    return ""


def _not_applied(is_wanted: Any, _top: Mapping[str, Any]) -> str:
    if is_wanted:
        return "not applied by this version: nothing is cleaned up beyond stopping every process"
    return ""


def _nothing_odd(_value: Any, _level: Mapping[str, Any]) -> str:
    return ""


def _always(_value: Any) -> bool:
    return True


@dataclass(frozen=True)
class Key:
    """What is special about a key of the settings.

    `alias` is another name for it. `effect` says in words what a value does. `idle` says why the
    key has no effect, by the part that its level plays: the mode of an entry or a foreground
    ("mutation", "default", "parallel"), "background", or "alone" for what stands for all where
    nothing has a background; "" where nobody needs to be told. It is told only of a value that
    `asks` for something. Given a value and all values of its level, `lost` says what of it has no
    effect, and `odd` what is strange about one that has; "" for nothing.
    """

    alias: str = ""
    effect: Callable[[Any], str] = quote
    idle: Mapping[str, str] = field(default_factory=dict)
    asks: Callable[[Any], bool] = bool
    lost: Callable[[Any, Mapping[str, Any]], str] = _nothing_odd
    odd: Callable[[Any, Mapping[str, Any]], str] = _nothing_odd


_OF_BACKGROUNDS = Key(idle=dict.fromkeys(("mutation", "default", "alone"), _ALONE))

KEYS = {
    "mode": Key(
        idle={"background": "no effect: a background runs with the values given"},
        asks=lambda mode: bool(mode != "default"),
    ),
    "repo": Key("repository", idle={"parallel": ""}),
    "hyperparameters": Key(
        "fixed_hyperparams",
        _passes,
        idle={
            "mutation": "IGNORED: mutation mode passes only drawn values"
            ' ("mode": "default" passes given ones)',
            "parallel": _BESIDE,
        },
    ),
    "mutate": Key(
        "mutate_params",
        _draws,
        idle={
            "default": 'nothing is drawn, because the mode is "default"',
            "background": "nothing is drawn, because a background draws none",
            "parallel": _BESIDE,
        },
        lost=_lost_values,
        odd=_odd_mutate,
    ),
    "gpus": Key(idle={"parallel": _BESIDE}, asks=_always),
    "mps": Key(idle={"parallel": _BESIDE}),
    "runs_per_config": Key("num_mutations", _runs),
    "timeout_seconds": Key("timeout", "{} s".format),
    "background_seconds": _OF_BACKGROUNDS,
    "solo": _OF_BACKGROUNDS,
    "sharing": _OF_BACKGROUNDS,
    "governor": Key(odd=_odd_governor),
    "use_deduplication": Key(lost=_lost_deduplication),
    "historical_csvs": Key(lost=_lost_tables),
    "cleanup_gpu_memory": Key(lost=_not_applied),
    "cleanup_between_experiments": Key(lost=_not_applied),
}
ALIASES = {key.alias: name for name, key in KEYS.items() if key.alias}
NOT_APPLIED = [name for name, key in KEYS.items() if key.lost is _not_applied]
# Only one of the two can count.
EXCLUSIVE = (("intensity", "target_gpu_utilization"), ("gpu_memory_mib", "gpu_memory_fraction"))
# Likeness of letters does not lead from these to what was probably meant.
MEANT = {"experiment_type": "mode", "mutation_type": "mode", "session_name": "experiment_name"}
_DRAWN = '{"draw": true} as the value of each hyperparameter that is drawn'
_REPEATED = '"repeats" runs the same values again, "draws" draws more of them'
# How to say in version 2 what a key of version 1 says; of one kind of object alone, after its name.
INSTEAD = {
    "mode": "it is not needed (remove it): values are given or drawn one by one, and a background"
    " makes an experiment parallel",
    "mutate": f"write {_DRAWN}",
    "mutate_params": f"write {_DRAWN}",
    "runs_per_config": _REPEATED,
    "num_mutations": _REPEATED,
    "repository": 'write "repo"',
    "fixed_hyperparams": 'write "hyperparameters"',
    "timeout": 'write "timeout_seconds"',
    "session_name": 'write "experiment_name"',
    "cleanup_gpu_memory": "it does nothing (remove it): every process is stopped in any case",
    "cleanup_between_experiments": "it does nothing (remove it): every process is stopped in any"
    " case",
    '"controls".order': "the order within a group is drawn and balanced (remove it)",
}
