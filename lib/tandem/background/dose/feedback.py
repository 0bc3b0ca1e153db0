"""Which duty gives a target utilisation."""

from __future__ import annotations

import math

LEAST_DUTY = 0.05  # so much of every period a training runs, or it is no load any more
_MEMORY_S = 4.0  # older readings count less and less: steady, and settled within seconds


class Feedback:
    """The duty for a target, from what the duties so far have given.

    Use is about proportional to duty, so the ratio of both, over the last seconds, says which duty
    is needed: that overshoots no more than the ratio changes. Where it is not quite proportional
    (a GPU goes on with what it was given before the stop) the ratio at the target is still right,
    and that is where it is taken in the end.
    """

    def __init__(self, target_percent: float) -> None:
        self.target_percent = target_percent
        self.duty = limited(target_percent / 100)
        self.given_s = self.got_percent_s = 0.0

    def learn(self, duty: float, percent: float, span_s: float) -> None:
        """Take the utilisation that a duty has given for some seconds."""
        kept = math.exp(-span_s / _MEMORY_S)
        self.given_s = self.given_s * kept + duty * span_s
        self.got_percent_s = self.got_percent_s * kept + percent * span_s
        if self.got_percent_s > 0:
            self.duty = limited(self.target_percent * self.given_s / self.got_percent_s)


def limited(duty: float) -> float:
    return min(1.0, max(LEAST_DUTY, duty))
