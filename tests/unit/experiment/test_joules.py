"""What of the energy of a foreground's window is warned of in its record."""

from __future__ import annotations

from typing import Any, cast

from tandem.experiment.validity import joules
from tandem.measure.windows.aliasing import SEES_PART
from tandem.measure.windows.gaps import gap_warnings, too_blind
from tandem.measure.windows.gpu import DISAGREES
from tandem.results.record import Record


def test_gaps_and_what_a_sensor_may_not_see_stand_in_the_record() -> None:
    texts = [f"{SEES_PART}: ...", "its power is not known for 1.7 s: hiccup"]
    texts += [f"{DISAGREES} +60.0 % against the energy counter", "something else"]
    window = {"name": "foreground", "attempt": 1, "gpus": [{"index": 3, "warnings": texts}]}
    record = cast(Record, {"control": None, "attempts": [{}], "windows": [window]})
    assert list(joules.warnings(record)) == [f"GPU 3: {text}" for text in texts[:3]]
    assert list(joules.reasons(record)) == []


def gpu(*gaps_s: tuple[float, float]) -> dict[str, Any]:
    gaps = [
        {"sensor": "processes", "reason": "?", "from_boottime_s": a, "to_boottime_s": b}
        for a, b in gaps_s
    ]
    return {"gaps": gaps, "missing": {}, "missing_since": {}}


def test_how_much_of_a_window_may_go_by_unseen() -> None:
    assert too_blind(gpu((10.0, 14.0)), 0.0, 20.0) is None
    assert too_blind(gpu((10.0, 14.0)), 9.0, 15.0) == "?"  # more than half of it
    assert too_blind(gpu((10.0, 14.0), (15.0, 17.0)), 0.0, 20.0) == "?"
    assert too_blind(gpu((10.0, 40.0)), 0.0, 1000.0) is None  # 3 %
    assert too_blind(gpu((10.0, 70.0)), 0.0, 1000.0) == "?"
    lost = gpu() | {"missing": {"processes": "gone"}, "missing_since": {"processes": 500.0}}
    assert too_blind(lost, 0.0, 600.0) == "gone"
    assert list(gap_warnings(gpu((10.0, 14.0)), 0.0, 12.0)) == [
        "who used it is not known for 2.0 s: ?"
    ]
