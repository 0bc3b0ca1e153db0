"""Faults that boards report: how many in an experiment, and which are warned of."""

from __future__ import annotations

from typing import Any

import pytest
from support import records
from support.records import of, outcome
from tandem.experiment.faults import faults_of
from tandem.experiment.validity.verdict import invalid_reasons, warnings_of
from tandem.results.record import BoardFaults


def counts(corrected: int | None, uncorrected: int | None, reason: str | None = None) -> Any:
    return {"corrected": corrected, "uncorrected": uncorrected, "reason": reason}


def seen(before: Any, after: Any) -> Any:
    board = {"index": 0, "uuid": "GPU-0", "xids": [31], "xids_beside": [], "xids_reason": None}
    return [{**board, "ecc_before": before, "ecc_after": after}]


def test_errors_are_those_since_the_start() -> None:
    found = faults_of(outcome(faults=seen(counts(5, 1), counts(7, 1))))
    assert found == [
        {
            **{"index": 0, "uuid": "GPU-0", "ecc_corrected": 2, "ecc_uncorrected": 0},
            **{"ecc_reason": None, "xids": [31], "xids_beside": [], "xids_reason": None},
        }
    ]


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (counts(None, None, "off"), counts(1, 1), "off"),
        (counts(1, 1), counts(None, None, "lost"), "lost"),
        (counts(5, 1), counts(0, 1), "the counts began anew: the driver was loaded again"),
    ],
)
def test_what_is_not_known_is_null_with_a_reason(before: Any, after: Any, why: str) -> None:
    [found] = faults_of(outcome(faults=seen(before, after))) or []
    assert (found["ecc_corrected"], found["ecc_uncorrected"]) == (None, None)
    assert found["ecc_reason"] == why


def test_without_nvml_there_is_nothing() -> None:
    assert faults_of(outcome(faults=None)) is None
    assert warnings_of(records.record(faults=None)) == []


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({}, []),
        ({"ecc_corrected": 9}, []),
        ({"ecc_corrected": None, "ecc_uncorrected": None, "xids": None}, []),
        ({"xids": [45, 45]}, []),
        ({"ecc_uncorrected": 1}, ["GPU 0: 1 uncorrected ECC error in its memory"]),
        (
            {"ecc_uncorrected": 2, "xids": [31, 45, 31, 79]},
            [
                "GPU 0: 2 uncorrected ECC errors in its memory",
                "GPU 0: Xid 31, 79 (the kernel's log says what happened)",
            ],
        ),
    ],
)
def test_faults_are_warned_of_and_count_still(faults: dict[str, Any], expected: list[str]) -> None:
    made = records.record(faults=[of(BoardFaults, **faults)])
    assert warnings_of(made) == expected
    assert invalid_reasons(made, None) == []
