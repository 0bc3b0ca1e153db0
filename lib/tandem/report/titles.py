"""What the figures of interference are called where people read them."""

from __future__ import annotations

TITLES = {
    "slowdown": "slowdown",
    "slowdown_of_epochs": "slowdown of epochs",
    "background_progress_ratio": "background progress",
    "antt": "ANTT",
    "stp": "STP",
    "energy_ratio": "energy ratio",
    "marginal_energy_joules": "marginal energy, J",
    "foreground_energy_low_joules": "fg energy low, J",
    "foreground_energy_high_joules": "fg energy high, J",
    "foreground_energy_shapley_joules": "fg energy Shapley, J",
    "saving_of_sharing": "saving of sharing",
    "marginal_energy_above_idle_joules": "marginal above idle, J",
    "marginal_energy_above_idle_context_joules": "marginal above idle context, J",
    "saving_of_sharing_above_idle": "saving above idle",
    "saving_of_sharing_above_idle_context": "saving above idle context",
    "foreground_energy_estimate_joules": "fg energy estimate, J",
}
_OF_CLOCKS = ("slowdown", "slowdown_of_epochs", "background_progress_ratio", "antt", "stp")


def source(figure: str) -> str:
    """Return where the uncertainty of one value of a figure comes from."""
    return "by its clocks" if figure in _OF_CLOCKS else "by its sensors"
