"""What real trainings print, and what their records make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.stage import Stage

EPOCHS = r"^epoch (\d+)/(\d+)"


def run(stage: Stage, line: str, *, retries: int = 0, **entry: Any) -> dict[str, Any]:
    """Run one foreground whose repository has these keys beside the usual ones."""
    stage.build(line, None, max_retries=retries)
    file = stage.folder / "registry.json"
    registry = json.loads(file.read_text())
    registry["models"]["front"] |= entry
    file.write_text(json.dumps(registry))
    stage.run()
    return stage.record()


def test_coloured_output(stage: Stage) -> None:
    line = r"printf 'Test \033[1mAccuracy:\033[0m \033[32m0.91\033[0m\n'"
    record = run(stage, rf"echo Test Accuracy: 0.5; {line}")
    assert (record["valid"], record["performance_metrics"]) == (True, {"accuracy": 0.91})


@pytest.mark.parametrize(("is_comma", "value"), [(False, None), (True, 0.91)])
def test_a_decimal_comma(stage: Stage, is_comma: bool, value: float | None) -> None:
    record = run(stage, "echo Test Accuracy: 0,91", decimal_comma=is_comma)
    assert (record["valid"], record["performance_metrics"]) == (is_comma, {"accuracy": value})
    assert ("decimal comma" in str(record["metric_reasons"])) is not is_comma


def test_a_crash_behind_a_pipe(stage: Stage) -> None:
    code = "print('epoch 1/5', 'Test Accuracy: 1', flush=True); raise RuntimeError('assert')"
    record = run(stage, f'python3 -c "{code}" 2>&1 | tee /dev/null')
    assert record["attempts"][0]["exit_code"] == 0
    assert record["invalid_reasons"] == [
        "exit code 0, but the foreground's log ends with a failure: RuntimeError: assert"
    ]
    assert "the foreground's log has 1 of 5 epochs" in record["warnings"]


def test_a_retry_that_goes_on_from_a_checkpoint(stage: Stage) -> None:
    line = """done=$(cat checkpoint 2>/dev/null || echo 0)
for epoch in 1 2 3 4; do
  ((epoch > done)) || continue
  echo $epoch >checkpoint
  echo "epoch $epoch/4 Test Accuracy: 0.$epoch"
  if ((epoch == 3 && done == 0)); then exit 1; fi
done"""
    record = run(stage, line, retries=1)
    assert record["invalid_reasons"] == [
        "the foreground's log has only epoch 4 of 4:"
        " this attempt went on where an earlier one had stopped"
    ]
    assert [attempt["epoch_first"] for attempt in record["attempts"]] == [1, 4]
    assert [each["epoch"] for each in record["epoch_times"]] == [4]
    assert 0 <= record["epoch_times"][0]["seconds"] <= record["duration_seconds"] + 60


@pytest.mark.parametrize(
    ("last", "entry", "reasons"),
    [
        (5, {}, []),
        (3, {}, ["the foreground's log has 3 of 5 epochs"]),
        (3, {"early_stopping": True}, []),
    ],
)
def test_the_registrys_own_epochs(
    stage: Stage, last: int, entry: dict[str, Any], reasons: list[str]
) -> None:
    line = f"for n in $(seq {last}); do echo epoch $n/5; done; echo Test Accuracy: 1"
    record = run(stage, line, epoch_pattern=EPOCHS, **entry)
    assert (record["invalid_reasons"], record["epochs_done"]) == (reasons, last)
    assert [each["epoch"] for each in record["epoch_times"]] == list(range(1, last + 1))


def test_epochs_from_0_before_a_long_tail(stage: Stage) -> None:
    line = "echo Epoch 0/2; echo Epoch 1/2; echo Epoch 2/2; seq 40000; echo Test Accuracy: 9"
    record = run(stage, line)
    assert (record["valid"], record["epochs_done"]) == (True, 3)
    assert not [each for each in record["warnings"] if "epoch" in each]
