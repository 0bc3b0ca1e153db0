"""What tests share: a stage with the real driver, rude trainings, records, git folders."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
