"""Whether a training's log shows that its work was done."""

from __future__ import annotations

from dataclasses import dataclass

from tandem.log.reader import LogFacts
from tandem.log.rules import LogRules


@dataclass(frozen=True)
class Verdict:
    """What speaks for and against a log: metrics that have a value, required ones without."""

    found: tuple[str, ...]
    missing: tuple[str, ...]
    failure: str | None
    problem: str | None

    @property
    def is_hollow(self) -> bool:
        """Whether the work that exit code 0 claims was not done."""
        return bool(self.missing or self.failure)

    @property
    def reason(self) -> str | None:
        """Why it is hollow, in one phrase."""
        if self.failure:
            return f"its log ends with a failure: {self.failure}"
        return f"required metrics not found: {', '.join(self.missing)}" if self.missing else None


def verdict(facts: LogFacts, rules: LogRules) -> Verdict:
    """Return the verdict on a log; of one that could not be read nothing is said but why."""
    if facts.problem is not None:
        return Verdict((), (), None, facts.problem)
    return Verdict(
        found=tuple(name for name, value in facts.metrics.items() if value is not None),
        missing=tuple(name for name in rules.required if facts.metrics.get(name) is None),
        failure=facts.failure.line if facts.failure else None,
        problem=None,
    )
