"""A project with a registry, and the planning of designs of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.designs import REGISTRY, Reader
from tandem.plan.planner import PlanReading, read_plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the registry and its repositories."""
    made = tmp_path_factory.mktemp("project")
    (made / "registry.json").write_text(json.dumps(REGISTRY), encoding="utf-8")
    for name in ("vision", "text"):
        script = made / "repos" / name / "train.sh"
        script.parent.mkdir(parents=True)
        script.write_text("#!/bin/sh\n", encoding="utf-8")
        script.chmod(0o755)
    return made


@pytest.fixture(scope="module")
def read(folder: Path) -> Reader:
    """Plans a design of these entries, with options of the top level."""

    def reader(
        *entries: Any, seed: int | None = 5, skip_invalid: bool = False, **top: Any
    ) -> PlanReading:
        given = {"experiments": [*entries]} if entries else {}
        file = folder / "design.json"
        file.write_text(json.dumps({"settings_version": 2} | given | top), encoding="utf-8")
        registry = folder / "registry.json"
        return read_plan(file, registry, root=folder, seed=seed, skip_invalid=skip_invalid)

    return reader
