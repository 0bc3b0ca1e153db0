"""Tandem's Python: folders in the order in which the data flows (docs/architecture.md)."""
