"""The command that makes a run's plan again, from the files that the run keeps."""

from __future__ import annotations

from tandem.plan.file import REGISTRY, SETTINGS
from tandem.plan.model import Plan


def command_of(plan: Plan, label: str) -> list[str]:
    """Return it as words. How long to wait, and when to end, is in no file and changes no plan."""
    where = ["--registry", f"{label}/{REGISTRY}", "--root", str(plan.root)]
    words = ["tandem", "run", *where, "--seed", str(plan.seed)]
    if plan.settings_file is not None:
        return [*words, f"{label}/{SETTINGS}"]
    return [*words, *_of_one_training(plan)]


def _of_one_training(plan: Plan) -> list[str]:
    """Return the options that stood for a settings file."""
    if not plan.experiments:
        return []
    entry = plan.experiments[0].source_entry
    words = ["--repo", str(entry.get("repo")), "--model", str(entry.get("model"))]
    if entry.get("mode") == "mutation":
        words += ["--mutate", ",".join(map(str, entry.get("mutate") or ["all"]))]
    return [*words, "--runs", str(entry.get("runs_per_config", 1))]
