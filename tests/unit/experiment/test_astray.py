"""A training on a GPU that is not measured is told of once, as soon as the monitor has seen it."""

from __future__ import annotations

from pathlib import Path

from support.monitored import write_table
from tandem.experiment.astray import Astray
from tandem.measure.rows import PLACE_COLUMNS


def test_each_gpu_and_training_is_told_of_once(tmp_path: Path) -> None:
    astray = Astray(tmp_path)
    assert list(astray.news()) == []
    (tmp_path / "gpu_0.csv").touch()
    on = {"foreground_on": "gpu_0 gpu_2_mig_1", "strangers_on": "gpu_3"}
    write_table(tmp_path / "on_gpus.csv", PLACE_COLUMNS, [{"boottime_s": 1.0, **on}])
    text = "warning: the foreground is on GPU 2 MIG 1, which is neither measured nor locked"
    assert list(astray.news()) == [text]
    assert list(astray.news()) == []
    rows = [{"boottime_s": 2.0, **on, "background_on": "gpu_1"}]
    write_table(tmp_path / "on_gpus.csv", PLACE_COLUMNS, rows)
    [later] = astray.news()
    assert later.startswith("warning: the background is on GPU 1, ")
