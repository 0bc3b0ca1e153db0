"""machine.json: written once, and again where the machine has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tandem.base.files import sha256_of
from tandem.results.machine_file import changes, store, text_of_changes

BOARD = {
    "power_limit_watts": 700.0,
    "power_limit_enforced_watts": 700.0,
    "pcie_generation": 5,
}


def facts(**board: Any) -> dict[str, Any]:
    return {"turbo": None, "boards": [{**BOARD, **board}], "reasons": {"turbo": "no file"}}


def test_it_is_written_once_and_named_with_its_digest(tmp_path: Path) -> None:
    file, changed = store(tmp_path, tmp_path, facts(), "now")
    path = tmp_path / "machine.json"
    assert (file, changed) == ({"file": "machine.json", "sha256": sha256_of(path)}, [])
    assert json.loads(path.read_bytes()) == {"machine_version": 1, "described": "now", **facts()}
    assert store(tmp_path, tmp_path, facts(), "later") == (file, [])
    assert [each.name for each in tmp_path.iterdir()] == ["machine.json"]


def test_what_varies_by_itself_makes_no_other(tmp_path: Path) -> None:
    file, _ = store(tmp_path, tmp_path, facts(), "now")
    assert store(tmp_path, tmp_path, facts(pcie_generation=1), "later") == (file, [])
    assert store(tmp_path, tmp_path, facts(power_limit_enforced_watts=80.0), "later") == (file, [])


def test_a_change_makes_another_and_is_named(tmp_path: Path) -> None:
    store(tmp_path, tmp_path, facts(), "now")
    first = (tmp_path / "machine.json").read_bytes()
    file, changed = store(tmp_path, tmp_path, facts(power_limit_watts=500.0), "later")
    assert (file["file"], changed) == ("machine_2.json", ["boards[0].power_limit_watts"])
    assert (tmp_path / "machine.json").read_bytes() == first
    assert store(tmp_path, tmp_path, facts(power_limit_watts=500.0), "later") == (file, [])
    back, changed = store(tmp_path, tmp_path, facts(), "at last")
    assert (back["file"], changed) == ("machine_3.json", ["boards[0].power_limit_watts"])


@pytest.mark.parametrize("damaged", [b"", b"{", b"[1]", b"\xff"])
def test_a_damaged_one_is_left_as_it_is(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "machine_2.json").write_bytes(damaged)
    assert store(tmp_path, tmp_path, facts(), "now")[0]["file"] == "machine_3.json"
    assert (tmp_path / "machine_2.json").read_bytes() == damaged


def test_every_kind_of_change_has_a_place() -> None:
    before = {"a": 1, "gone": 1, "list": [1, 2], "same": {"x": [None]}, "reasons": {"a": "b"}}
    now = {"a": 2, "new": 1, "list": [1], "same": {"x": [None]}, "reasons": {}}
    assert list(changes(before, now)) == ["a", "gone", "list", "new"]


def test_only_some_changes_are_shown() -> None:
    text = text_of_changes("machine_2.json", ["a", "b", "c", "d", "e"])
    assert text == "the machine has changed: a, b, c and 2 more (machine_2.json)"
    assert text_of_changes("m", ["a"]) == "the machine has changed: a (m)"
