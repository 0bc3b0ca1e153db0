"""The table of keys: each stands in the schema, under both names, at the same levels."""

from __future__ import annotations

import pytest
from tandem.config.dialect import Level, effect_notes, known_keys
from tandem.config.keys import ALIASES, EXCLUSIVE, KEYS, MEANT, visible_gpus

LEVELS = ("top level", "entry", "foreground", "background", "controls", "validity")
PARTS = {"mutation", "default", "parallel", "background", "alone"}


def levels_of(key: str) -> set[str]:
    return {level for level in LEVELS if key in known_keys(level)}


@pytest.mark.parametrize(
    "key", [*KEYS, *MEANT.values(), *(key for both in EXCLUSIVE for key in both)]
)
def test_a_key_of_the_table_may_stand_somewhere(key: str) -> None:
    assert levels_of(key)
    assert key not in KEYS or KEYS[key].idle.keys() <= PARTS


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_may_stand_where_its_key_may(alias: str) -> None:
    assert levels_of(alias) == levels_of(ALIASES[alias])


def test_of_a_level_whose_part_is_not_known_nothing_is_said_that_hangs_on_it() -> None:
    values = {"mutate_params": ["a"], "hyperparameters": {"a": 1}, "num_mutations": 2}
    entry = Level("entry", "experiments[0]", values)
    [note] = effect_notes(entry, None, [entry])
    assert note == ("experiments[0].num_mutations", 'read as "runs_per_config": 2 runs', False, "")


def test_a_gpu_that_is_asked_for_in_vain_is_told_even_if_it_is_the_first() -> None:
    [(place, message, is_ignored, _)] = effect_notes(Level("entry", "e", {"gpus": 0}), "parallel")
    assert (place, message.partition(" (")[0]) == ("e.gpus", "no effect beside a foreground")
    assert is_ignored
    assert visible_gpus(None) is None
