"""Metrics of a log: the newest match decides, numbers are read as programs write them."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from tandem.log.reader import LogFacts, read_log
from tandem.log.rules import LogRules

RANK1 = r"Rank@1[:\s]+([0-9.]+)"
ACCURACY = r"(?:Accuracy|准确率)[:\s()]+([0-9.]+)"
LOSS = r"loss[:\s]+(\S+)"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "training.log"


def facts(log: Path, text: str | bytes, pattern: str, *, decimal_comma: bool = False) -> LogFacts:
    log.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_log(log, LogRules({"x": pattern}, decimal_comma=decimal_comma))


def one(log: Path, text: str | bytes, pattern: str) -> float | None:
    return facts(log, text, pattern).metrics["x"]


def why(log: Path, text: str, pattern: str) -> str:
    found = facts(log, text, pattern)
    assert found.metrics["x"] is None
    return found.reasons["x"]


def test_the_last_match_of_every_pattern(log: Path) -> None:
    log.write_text("Rank@1: 0.5 mAP: 0.3\nloss 3\nRank@1: 0.914 mAP: 0.781\nbye\n")
    patterns = {"rank1": RANK1, "map": r"mAP[:\s]+([0-9.]+)", "recall": r"Recall: ([0-9.]+)"}
    found = read_log(log, LogRules(patterns))
    assert found.metrics == {"rank1": 0.914, "map": 0.781, "recall": None}
    assert found.reasons == {"recall": "not found in the log"}
    assert found.last_line == "bye"


@pytest.mark.parametrize(
    ("text", "pattern", "value"),
    [
        ("测试准确率: 91.71\n", r"测试准确率[:\s]+([0-9.]+)", 91.71),
        ("Test accuracy: 97.", ACCURACY, 97.0),
        ("Test accuracy: 97.25.\n", ACCURACY, 97.25),
        ("{'eval_loss': 2.5e-3}", r"'eval_loss': ([0-9.e+-]+)", 0.0025),
        ("accuracy: .5", ACCURACY, 0.5),
        ("accuracy: 97.5%, best 98%", r"accuracy: (\S+)", 97.5),
        ("accuracy: 97.5, loss", r"accuracy: (\S+)", 97.5),
        ("accuracy: (97.5)", r"accuracy: (\S+)", 97.5),
        ("accuracy: 0.91,0.85", ACCURACY, 0.91),
        ("loss: \u22120.5", LOSS, -0.5),
        ("loss: 1.5e\u22123", r"loss: ([0-9.]+)", 0.0015),
        ("loss \u22120.5", "loss [\u2212-]?([0-9.]+)", -0.5),
        ("steps: 12\u2009345", r"steps: ([0-9.]+)", 12345.0),
        ("steps: 1\u202f234\u202f567.5", r"steps: ([0-9.]+)", 1234567.5),
        ("steps: 1\u00a0234", r"steps: (\d+)", 1234.0),
        ("top 5\u200910", r"top (\d+)", 5.0),
        ("accuracy: 1.2.3", ACCURACY, None),
        ("accuracy: 0.9\naccuracy: ...", ACCURACY, None),
        ("loss: 1e999\n", LOSS, None),
        ("accuracy: 0.9\nAccuracy:\n17 files", ACCURACY, 0.9),
        ("accuracy: 0.9\naccuracy: 1,234.5", ACCURACY, None),
        ("accuracy: 1'234", ACCURACY, None),
        ("loss: 1.5 x 10^-3", r"loss: ([0-9.]+)", None),
        ("loss: 1.5\u00d710\u207b\u00b3", r"loss: ([0-9.]+)", None),
        ("loss: 1.#QNAN", r"loss: ([0-9.]+)", None),
        ("loss: 0x1f", r"loss: ([0-9.]+)", None),
        ("loss: 0x", r"loss: ([0-9.]+)", 0.0),
    ],
)
def test_what_counts_as_a_number(log: Path, text: str, pattern: str, value: float | None) -> None:
    assert one(log, text, pattern) == value


# -- the newest match decides ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "pattern", "reason"),
    [
        ("accuracy: nan", ACCURACY, "last value is nan"),
        ("accuracy: -NaN", ACCURACY, "last value is -NaN"),
        ("accuracy: inf (epoch 2)", ACCURACY, "last value is inf"),
        ("accuracy: None", ACCURACY, "last value is None"),
        ("accuracy: n/a", ACCURACY, "last value is n/a"),
        ("accuracy: -", ACCURACY, "last value is -"),
        ("accuracy: NA", ACCURACY, "last value is NA"),
        ("accuracy: ---", ACCURACY, "last value is ---"),
        ("| accuracy: - | 3 |", ACCURACY, "last value is -"),
        ('{"accuracy": null}', r'"accuracy": ([0-9.]+)', "last value is null"),
        ("accuracy: nan", r"accuracy: (\d+\.\d+)", "last value is nan"),
        ("accuracy: nan", r"accuracy: (?P<value>[0-9]+(?:\.[0-9]+)?)", "last value is nan"),
        ("accuracy: nan", r"accuracy: ((\d+)(\.\d+)?)", "last value is nan"),
        ("accuracy: nan", r"(?x) accuracy: \s ([0-9.]+) # in (percent", "last value is nan"),
        ("accuracy: nan", r"accuracy: [0-9.]+", "last value is nan"),
        ("accuracy: nan", r"accuracy: \d+\.\d+", "last value is nan"),
        ("accuracy: nan", LOSS.replace("loss", "accuracy"), "last value is nan"),
        ("accuracy: nan, epoch 5", r"accuracy\D+([0-9.]+)", "last value is nan"),
        ("accuracy: nan, epoch 5", r"accuracy.*?([0-9.]+)", "last value is nan"),
        ("accuracy: nan, epoch 5", r"accuracy.*([0-9.]+)", "last value is nan"),
        ("top 1 2 accuracy nan", r"top (\d+) (\d+) accuracy ([0-9.]+)", "last value is nan"),
        ("top nan 2 accuracy nan", r"top \d+ \d+ accuracy ([0-9.]+)", "last value is nan"),
        ("accuracy: diverged", LOSS.replace("loss", "accuracy"), 'last value is "diverged"'),
    ],
)
def test_no_older_match_stands_in_for_the_newest(
    log: Path, last: str, pattern: str, reason: str
) -> None:
    before = 'accuracy: 0.5\ntop 1 2 accuracy 0.5\n{"accuracy": 0.5}\n'
    assert one(log, before, pattern) == 0.5
    assert why(log, f"{before}{last}\nthe end, none is left -\n", pattern) == reason
    assert one(log, f"{before}{last}\n{before}", pattern) == 0.5


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("accuracy - 0.5", r"accuracy\D*?([0-9.]+)"),
        ("accuracy - mean: 0.5", r"accuracy.*?([0-9.]+)"),
        ("accuracy -> 0.5", r"accuracy\W+([0-9.]+)"),
        ("accuracy improved from inf to 0.5", r"accuracy improved from \S+ to ([0-9.]+)"),
        ("loss nan accuracy 0.5", r"loss \S+ accuracy ([0-9.]+)"),
        ("loss nan - accuracy 0.5", r"accuracy ([0-9.]+)"),
        ("info accuracy nano 0.5", r"accuracy.*?([0-9.]+)"),
        ("- 0.5", r"- ([0-9.]+)"),
        ("nothing: 0.7\naccuracy 0.5", r"(accuracy|acc) ([0-9.]+)"),
        ("accuracy 0.5\nnone: 0.7\n- 0.7", r"(accuracy|acc):? ([0-9.]+)"),
        ("accuracy 0.5\nmy accuracy nan", r"(?<!my )accuracy ([0-9.]+)"),
        ("aa accuracy 0.5", r"(a)\1 accuracy ([0-9.]+)"),
    ],
)
def test_a_word_or_a_dash_elsewhere_is_no_value(log: Path, text: str, pattern: str) -> None:
    assert one(log, text, pattern) == 0.5


# -- the decimal comma -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("accuracy: 0,91", r"accuracy: ([0-9.]+)"),
        ("accuracy: 97,5 %", r"accuracy: ([0-9.]+)"),
        ("accuracy: 0,91", r"accuracy: (\S+)"),
        ("accuracy: 0,91", r"accuracy.*([0-9.]+)"),
        ("accuracy: 0,9123", r"accuracy: (\d)"),
    ],
)
def test_a_number_is_not_cut_at_a_decimal_comma(log: Path, text: str, pattern: str) -> None:
    assert "a decimal comma or a list" in why(log, f"accuracy: 0.5\n{text}\n", pattern)
    value = facts(log, text, pattern, decimal_comma=True).metrics["x"]
    assert value == {"0": 0.91, "9": 97.5}.get(text[10], 0) or value == 0.9123


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0,91, loss 0,5", 0.91),
        ("1.234,5", 1234.5),
        ("0.91", 0.91),
        ("0.912", 0.912),
        ("1.234", None),
        ("0,91,0,85", None),
        ("1,5e-3", 0.0015),
        ("-0,5", -0.5),
    ],
)
def test_numbers_with_a_decimal_comma(log: Path, text: str, value: float | None) -> None:
    found = facts(log, f"loss: {text}\n", r"loss: ([-0-9.,]+)", decimal_comma=True)
    assert found.metrics["x"] == value


# -- groups, parts, signs --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pattern", "value"),
    [
        ("acc 0.5 at 7", r"acc (\S+) at (\S+)", 7.0),
        ("acc 0.5 at end", r"acc (\S+) at (\S+)", 0.5),
        ("acc 0.5 loss nan", r"acc (\S+) loss (\S+)", None),
        ("acc nan loss 0.5", r"acc ([0-9.]+) loss ([0-9.]+)", 0.5),
        ("acc 0.5", r"acc (\S+)(?: at (\S+))?", 0.5),
        ("Rank@1 is 0.25 after 3e2 steps", r"Rank@1 is .* steps", 300.0),
        ("Rank@1 is nan now", r"Rank@1 is .* now", None),
        ("Rank@1 is -1.5.", r"is .*", -1.5),
    ],
)
def test_last_group_that_holds_a_number(
    log: Path, text: str, pattern: str, value: float | None
) -> None:
    assert one(log, text, pattern) == value


@pytest.mark.parametrize(
    ("text", "pattern", "value"),
    [
        ("Eval loss: 9.5e-05", r"eval loss: ([0-9.]+)", 9.5e-05),
        ("Eval loss: 9.5e-05", r"eval loss: ([0-9.]+)e", 9.5e-05),
        ("Eval loss: 9.5E+2.", r"eval loss: [0-9.]+", 950.0),
        ("{'eval_loss': 0.5, 'epoch': 3.0}", r"(?:'eval_loss':|eval_loss:)\s*([0-9.]+)", 0.5),
        ("accuracy: 97.End", ACCURACY, 97.0),
        ("accuracy: 97.25", r"accuracy: (\d+)", 97.25),
        ("accuracy: 97.25", r"accuracy: (\d)", 97.25),
        ("accuracy: 97.25", r"accuracy: (\d+(\.\d+)?)", 97.25),
        ("accuracy: 97.25", r"accuracy.*([0-9.]+)", 97.25),
        ("accuracy: 2e-3", r"accuracy.*([0-9.]+)", 0.002),
        ("loss: 1,234.5", r"loss: ([0-9.]+)", None),
        ("loss: 1,234.5", r"loss: 1,([0-9.]+)", None),
        ("loss: 1,234,567", r"loss: ([0-9.]+)", None),
        ("loss: 1_000", r"loss: ([0-9.]+)", None),
        ("loss: 1_000", LOSS, None),
        ("loss: 0.5_final", r"loss: ([0-9.]+)", 0.5),
        ("3,0.25,1234", r"^\d+,([0-9.]+)", 0.25),
        ("3,0.25,1234", r"^(\d+),", 3.0),
        ("0.25,234", r"^([0-9.]+)", 0.25),
        ("1,2345", r"^([0-9.]+)", None),
    ],
)
def test_a_part_of_a_number_is_never_taken_for_another(
    log: Path, text: str, pattern: str, value: float | None
) -> None:
    assert one(log, text, pattern) == value


@pytest.mark.parametrize(
    ("text", "pattern", "value"),
    [
        ("loss: -0.5", r"loss[: ]+-?([0-9.]+)", -0.5),
        ("loss: -0.5", r"loss:?.*?([0-9.]+)", -0.5),
        ("loss: -2e-3", r"loss.*([0-9])", -0.002),
        ("loss=-0.5", r"loss\D+([0-9.]+)", -0.5),
        ("-0.5", r"([0-9.]+)", -0.5),
        ("-5", r"5", -5.0),
        ("loss--0.5", r"loss-(\S+)", -0.5),
        ("top-1: 0.7", r"top-1: ([0-9.]+)", 0.7),
        ("top-0.7", r"top-([0-9.]+)", 0.7),
        ("top-7", r"top-\d", 7.0),
        ("eval_loss: 0.5", r"eval_loss: ([0-9.]+)", 0.5),
        ("5-10", r"\d-(\d+)", 10.0),
        ("(top)-0.5", r"-([0-9.]+)", 0.5),
        ("loss --0.5", r"-([0-9.]+)", 0.5),
        ("5%-10%", r"-([0-9.]+)", 10.0),
    ],
)
def test_a_minus_sign_is_no_hyphen(log: Path, text: str, pattern: str, value: float) -> None:
    assert one(log, text, pattern) == value


# -- the file --------------------------------------------------------------------------------


def test_what_python_dislikes_about_a_pattern_is_not_said_again(log: Path) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert one(log, "loss [ 0.5", r"loss [[]\s([0-9.]+)") == 0.5
    assert told == []


def test_a_log_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.log"):
        found = read_log(path, LogRules({"a": "a", "b": "(b)"}))
        assert found.metrics == {"a": None, "b": None}
        assert found.problem
        assert found.problem.startswith("the log cannot be read: ")
        assert found.reasons == dict.fromkeys("ab", found.problem)
