"""Which tables there are, by their names."""

from __future__ import annotations

from collections.abc import Mapping

from tandem.results.tables.epochs import EPOCHS
from tandem.results.tables.experiments import EXPERIMENTS
from tandem.results.tables.rounds import ROUNDS
from tandem.results.tables.samples import SAMPLES
from tandem.results.tables.table import Table
from tandem.results.tables.windows import WINDOWS

KINDS: Mapping[str, Table] = {
    table.name: table for table in (EXPERIMENTS, WINDOWS, ROUNDS, EPOCHS, SAMPLES)
}
