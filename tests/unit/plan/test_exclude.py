"""What a design leaves out."""

from __future__ import annotations

from typing import Any

import pytest
from support.designs import (
    DRAW,
    LARGE,
    TEXT,
    Reader,
    errors,
    experiments,
    foreground,
    text,
    values,
)

PRODUCT: dict[str, Any] = {
    "factors": {
        "foreground": [
            foreground(dropout=values(0, 0.5), learning_rate=DRAW),
            foreground(LARGE, dropout=0.5, amp=True),
        ],
        "background": [None, text(2), [text(3), text(4)]],
        "intensity": [0.5, 1],
    },
}
ALL_OF_PRODUCT = 3 * 5


@pytest.mark.parametrize(
    ("exclude", "count"),
    [
        ({"background": None}, 3),
        ({"intensity": 0.5}, 6),
        ({"background": text(2)}, 6),
        ({"background": text(2.0), "intensity": 1}, 3),
        ({"background": {"repo": "text"}}, 6),
        ({"background": [{}, {"hyperparameters": {"folds": 4}}]}, 6),
        ({"dropout": 0}, 5),
        ({"dropout": 0.5}, 10),
        ({"background": text(values(2, 5))}, 6),
        ({"background": [text(3), TEXT]}, 6),
        ({"dropout": 0.5, "background": None}, 2),
        ({"foreground": LARGE}, 5),
        ({"foreground": {"model": "small", "hyperparameters": {"dropout": 0.5}}}, 5),
        ({"foreground": PRODUCT["factors"]["foreground"][0], "intensity": 1}, 4),
        ({"foreground": PRODUCT["factors"]["foreground"][1], "comment": "why"}, 5),
    ],
)
def test_a_cell_that_matches_all_that_is_given_is_left_out(
    read: Reader, exclude: Any, count: int
) -> None:
    assert len(experiments(read(**PRODUCT, exclude=[exclude]))) == ALL_OF_PRODUCT - count


def test_what_is_left_out_by_either_is_left_out_once(read: Reader) -> None:
    reading = read(**PRODUCT, exclude=[{"dropout": 0}, {"intensity": 1}])
    assert len(experiments(reading)) == ALL_OF_PRODUCT - 5 - 4


@pytest.mark.parametrize(
    "exclude",
    [
        {"dropout": 0.25},
        {"intensity": 0.25},
        {"background": text(5)},
        {"background": [text(2), text(2)]},
        {"background": None, "intensity": 1},
        {"foreground": LARGE, "dropout": 0},
        {"foreground": {"hyperparameters": {"amp": 1}}},
    ],
)
def test_what_leaves_out_nothing_is_an_error(read: Reader, exclude: Any) -> None:
    [(place, message)] = errors(read(**PRODUCT, exclude=[{"dropout": 0}, exclude]))
    assert place == "exclude[1]"
    assert message.startswith("leaves out nothing")


def test_what_leaves_out_everything_is_an_error(read: Reader) -> None:
    assert errors(read(**PRODUCT, exclude=[{"foreground": {"repo": "vision"}}])) == [
        ("exclude", "leaves out everything (remove some of it)")
    ]


def test_an_exclude_of_the_top_level_may_concern_one_entry_alone(read: Reader) -> None:
    first = {"foreground": foreground(dropout=values(0, 0.5))}
    second = {"foreground": foreground(LARGE, dropout=values(0.5, 1))}
    assert len(experiments(read(first, second, exclude=[{"dropout": 0}]))) == 3
    in_vain = second | {"exclude": [{"dropout": 0.25}]}
    assert [place for place, _ in errors(read(first, in_vain))] == ["experiments[1].exclude[0]"]
    kept = experiments(read(first, in_vain, skip_invalid=True))
    assert {each.source_path for each in kept} == {"experiments[0]"}
