"""How the log of a repository's trainings is to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class LogRules:
    """The registry's rules for a log.

    `patterns` are regular expressions by the name of the metric; of these, those in `required` must
    be found, none there: any one. `epoch_pattern` finds an epoch (group 1) and perhaps how many
    there are (group 2), None: the built-in one does. `early_stopping` says that fewer epochs than
    asked for are a whole training. `decimal_comma` says that `0,91` is a number. `failure_patterns`
    are expressions by name of lines that tell of a failure, beside the built-in ones; None switches
    the built-in one of that name off.
    """

    patterns: Mapping[str, str]
    required: tuple[str, ...] = ()
    epoch_pattern: str | None = None
    early_stopping: bool = False
    decimal_comma: bool = False
    failure_patterns: Mapping[str, str | None] = field(default_factory=dict)
