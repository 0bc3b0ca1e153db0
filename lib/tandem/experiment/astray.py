"""A training on a GPU that is not measured: said while it happens, not after the night."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tandem.measure.rows import ON_GPUS, ROLES, last_row


@dataclass
class Astray:
    """What the monitor wrote last into its folder of where the trainings are; said once each."""

    folder: Path
    said: set[tuple[str, str]] = field(default_factory=set)

    def news(self) -> Iterator[str]:
        row = last_row(self.folder / ON_GPUS) or {}
        for role in ROLES:
            for stem in str(row.get(f"{role}_on") or "").split():
                is_measured = (self.folder / f"{stem}.csv").exists()
                if not is_measured and (role, stem) not in self.said:
                    self.said.add((role, stem))
                    gpu = stem.replace("gpu_", "GPU ").replace("_mig_", " MIG ")
                    yield f"warning: the {role} is on {gpu}, which is neither measured nor locked"
