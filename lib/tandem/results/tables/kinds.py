"""Which tables there are, by their names."""

from __future__ import annotations

from collections.abc import Mapping

from tandem.results.tables.experiments import EXPERIMENTS
from tandem.results.tables.table import Table

KINDS: Mapping[str, Table] = {table.name: table for table in (EXPERIMENTS,)}
