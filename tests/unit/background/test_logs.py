"""Of the logs of thousands of rounds a few stay, and those are the ones that are wanted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tandem.background.logs import UNJUDGED, remove_old_logs, to_keep
from tandem.background.rounds import Stretch, lines

KINDS: dict[str, dict[str, Any]] = {
    "c": {"completed": 1},
    "f": {"failed": 1},
    "h": {"hollow": 1},
    "u": {"completed": 1, "unjudged": 1},
}


def rounds(kinds: str, first: int = 1) -> list[Stretch]:
    """Return rounds one by one; r: one that still runs."""
    return [
        Stretch(n, n, 1.0, open=1)
        if kind == "r"
        else replace(Stretch(n, n, 1.0, 2.0, reason="ended"), **KINDS[kind])
        for n, kind in enumerate(kinds, start=first)
    ]


def kept(kinds: str, keep: int = 2) -> list[int]:
    every = rounds(kinds)
    return sorted(to_keep([each.first for each in every], every, keep))


def test_the_first_and_the_newest_of_each_kind_stay() -> None:
    assert kept("ccccc") == [1, 4, 5]
    assert kept("fcccfcfcfcc") == [1, 7, 9, 10, 11]
    assert kept("cchcccc") == [1, 3, 6, 7]  # what is hollow is kept as what failed is
    assert kept("ccccr") == [1, 3, 4, 5]


def test_what_is_not_judged_yet_stays() -> None:
    assert kept("cuucccc") == [1, 2, 3, 6, 7]


def test_a_judge_who_always_fails_does_not_fill_the_disk() -> None:
    assert len(kept(99 * "u")) == 1 + 2 * UNJUDGED


def test_what_is_folded_or_was_never_noted_goes() -> None:
    folded = Stretch(1, 8, 1.0, 9.0, completed=8)
    logs = [1, 4, 5, 9, 10, 11, 12]
    every = [folded, *rounds("cccr", first=9)]
    assert to_keep(logs, every, 2) == {1, 10, 11, 12}
    assert to_keep([1, 2, 3, 4], [], 2) == {1, 2, 3, 4}  # who knows


def test_files_go_and_others_stay(tmp_path: Path) -> None:
    every = rounds("ccccc")
    (tmp_path / "rounds.tsv").write_text("".join(map(lines, every)))
    for name in ("bgrun.log", "run_x.log", *(f"run_{each.first}.log" for each in every)):
        (tmp_path / name).touch()
    remove_old_logs(tmp_path, 2)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("rounds.tsv", "bgrun.log", "run_x.log", "run_1.log", "run_4.log", "run_5.log")
    }
