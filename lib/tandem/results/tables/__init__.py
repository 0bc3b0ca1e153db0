"""Tidy tables of runs, for notebooks and other programs: one file a kind of row (docs/data.md)."""
