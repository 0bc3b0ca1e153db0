"""The entries of the examples in the registry: what both of them are to have."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest
from support import ROOT


def entry_of(name: str) -> dict[str, Any]:
    registry = json.loads((ROOT / "config" / "models_config.json").read_text())
    entry: dict[str, Any] = registry["models"][name]
    return entry


@pytest.mark.parametrize("name", ["digits", "pictures"])
def test_it_names_a_script_that_can_be_run(name: str) -> None:
    entry = entry_of(name)
    script = ROOT / entry["path"] / entry["train_script"]
    assert script.resolve() == ROOT / "examples" / name / "train.sh"
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize(
    ("name", "device"),
    [("digits", "cpu (NumPy 2.2.6)"), ("pictures", "cuda (NVIDIA A100, PyTorch 2.13.0)")],
)
def test_its_patterns_find_the_metrics(name: str, device: str) -> None:
    output = (
        f"Device: {device}\n"
        "Epoch 1/1 loss 0.1234 train accuracy 98.12 % (0.51 s)\n"
        "Test Accuracy: 97.22\n"
    )
    patterns = entry_of(name)["performance_metrics"]["log_patterns"]
    found = {metric: re.findall(pattern, output) for metric, pattern in patterns.items()}
    assert found == {
        "test_accuracy": ["97.22"],
        "train_accuracy": ["98.12"],
        "train_loss": ["0.1234"],
    }
