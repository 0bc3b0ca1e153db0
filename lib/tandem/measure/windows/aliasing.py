"""What a sensor that looks at power only now and then can have missed of it.

Such a sensor sees a load that repeats itself in step with its looks always in the same phases: by
the share that it sees high, power is off by up to its range / (2 x looks a repetition), for as long
as the load goes on so. Nothing in the readings shows that, so it is stated for any window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tandem.measure.windows.tallies import GpuTally

# See power for 25 of every 100 ms: A100 and H100 (Yang, Adamek, Armour, SC'24), and their likes;
# H20: also H200
GAPPED_SENSORS = ("A100", "A800", "H100", "H800", "H20")

SEES_PART = "this board sees power for 25 of each 100 ms"
SEES_SELDOM = "this board looks at power seldom"

# Shares of the range of power, one deviation: half of the most where three looks see a repetition;
# less for who looks often, by period / `_FULL_S`, and for those whose looks are the monitor's own
# samples, which are in step with no load for long.
_SHARE, _FULL_S = 1.0 / 12.0, 2.0
_FAST_SHARE, _FAST_S = 0.03, 0.05
# A load that is exactly as fast as the looks is seen not to change at all. Readings that hardly do
# (by this share of the highest, or of the board's limit) while it works may be of such a load.
_STEADY, _STEADY_OF_LIMIT, _STEADY_SHARE = 0.05, 0.02, 0.25
# A sensor that is slower than this sees a few moments of any load, in step or not.
_BLIND_S, _BLIND_SHARE = 0.25, 1.0 / 6.0
_BUSY_PERCENT = 5.0


def is_gapped(gpu: Mapping[str, Any]) -> bool:
    return any(part in gpu["name"] for part in GAPPED_SENSORS)


def alias_sigma_j(gpu: Mapping[str, Any], tally: GpuTally, by_counter: bool) -> float:
    """Return one standard deviation, in J, of a window's energy by what the sensor did not see."""
    look_s = tally.habits.power_s
    is_averaged = gpu["power_source"] == "usage"
    if not is_gapped(gpu) and (by_counter or is_averaged or not tally.habits.shift_s):
        return 0.0  # the counter sees all, and so does what is averaged; or nothing was learnt
    length_s, range_w = tally.to_s - tally.from_s, width_w(tally.inside_w or tally.near_w)
    if not is_gapped(gpu) and look_s <= _BLIND_S:
        share = _FAST_SHARE if look_s < _FAST_S else min(look_s / _FULL_S, _SHARE)
        return share * range_w * length_s
    is_steady = tally.inside_w is None or range_w <= steady_w(gpu, tally)
    if is_steady and is_busy(tally):
        return _STEADY_SHARE * widest_w(gpu, tally) * length_s
    if is_gapped(gpu):
        return _SHARE * range_w * length_s
    return _BLIND_SHARE * width_w(tally.near_w) * length_s


def width_w(powers_w: tuple[float, float]) -> float:
    return powers_w[1] - powers_w[0]


def steady_w(gpu: Mapping[str, Any], tally: GpuTally) -> float:
    """Return how far readings of the same power may be apart, in W."""
    highest_w = (tally.inside_w or tally.near_w)[1]
    return max(_STEADY * highest_w, _STEADY_OF_LIMIT * (gpu.get("power_limit_w") or 0.0))


def is_busy(tally: GpuTally) -> bool:
    used_percent = tally.mean("sm_percent")
    return used_percent is None or used_percent > _BUSY_PERCENT


def widest_w(gpu: Mapping[str, Any], tally: GpuTally) -> float:
    """Return how far the power of a load that is not seen may range, in W."""
    low_w, high_w = tally.near_w
    limit_w = gpu.get("power_limit_w") or high_w
    return max(high_w - low_w, (limit_w - low_w) / 2.0)
