"""Values that begin with a dash, which a training's own parser may take for an option."""

from __future__ import annotations

import re

from tandem.config.hyperparameter import Hyperparameter, Value
from tandem.plan.command import text_of

# What argparse of every Python takes for a negative number.
_NUMBER = re.compile(r"-\d+|-\d*\.\d+")
# What that of Python 3.14 and newer takes for one, too.
_WITH_EXPONENT = re.compile(r"-(?:\d+(?:\.\d+)?|\.\d+)[eE][-+]?\d+")
_CLOSER = 1e6  # so much nearer to 0 than its end hardly a value of a range is drawn


def dash_doubt(hyperparameter: Hyperparameter, *values: Value) -> tuple[str, str] | None:
    """How severe it is that the values, or what is drawn without any, may be refused, and why.

    A warning where argparse of some Python takes a value for an option; a remark where only an
    argparse program with options that look like numbers does. None: nothing of that.
    """
    flag = hyperparameter.flag
    if flag.endswith("=") or not flag.startswith("-"):
        return None
    texts = [text_of(value) for value in values or _drawable(hyperparameter)]
    dashed = [text for text in texts if text.startswith("-") and text != "-"]
    hint = f'make the flag "{flag}=", which joins them, if the program takes that'
    if refused := [text for text in dashed if not _NUMBER.fullmatch(text)]:
        what = f"{refused[0][:20]} behind {flag} looks like an option"
        older = " before Python 3.14" if _WITH_EXPONENT.fullmatch(refused[0]) else ""
        return "warning", f"{what}: argparse{older} refuses it ({hint})"
    if dashed:
        what = "negative numbers behind their flag are refused by an argparse program that has"
        return "remark", f"{what} options such as -1 ({hint})"
    return None


def _drawable(hyperparameter: Hyperparameter) -> list[Value]:
    """Return values that stand for all that may be drawn: the choices, or the range's extremes."""
    low, high = hyperparameter.low, hyperparameter.high
    if low is None or high is None or low >= 0:
        return list(hyperparameter.choices)
    return [low, low if hyperparameter.kind == "int" else min(high, low / _CLOSER)]
