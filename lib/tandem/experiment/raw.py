"""The raw files that an experiment's figures rest on, and their digests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tandem.background.dose.files import CSV, JSON
from tandem.base.files import sha256_of
from tandem.experiment.attempt import attempt_folder
from tandem.experiment.mps import FILES as MPS_FILES
from tandem.experiment.mps import FOLDER as MPS_FOLDER
from tandem.experiment.outcome import NAME, Outcome
from tandem.log.follow import EPOCHS
from tandem.measure.rows import ON_GPUS
from tandem.measure.windows.window import read_monitor
from tandem.results.record import Record


def last_log(outcome: Outcome) -> str | None:
    """Return the log that metrics are read from: the last attempt's; None without any."""
    return f"{attempt_folder(outcome.attempts)}/training.log" if outcome.attempts else None


def sample_files(folder: Path, outcome: Outcome) -> list[str]:
    """Return the files that grow with time, which `prune` may remove."""
    boards = read_monitor(folder / "energy")["gpus"]
    gpus = [file for gpu in boards for file in (gpu["file"], gpu.get("counters_file")) if file]
    files = ("cpu.csv", "machine.csv", "strangers.csv", ON_GPUS, *gpus)
    names = [f"energy/{name}" for name in files]
    return names + [f"{each['dose']}/{CSV}" for each in outcome.backgrounds if each["dose"]]


def raw_files(folder: Path, outcome: Outcome) -> Iterator[str]:
    """Yield the paths of all raw files, relative to the experiment's folder."""
    yield NAME
    yield from (f"{attempt_folder(n)}/keeper.json" for n in range(1, outcome.attempts + 1))
    yield from (f"{attempt_folder(n)}/{EPOCHS}" for n in range(1, outcome.attempts + 1))
    yield from filter(None, [last_log(outcome)])
    for daemon in outcome.gpu_setup["mps"]:
        yield from (f"{MPS_FOLDER}/{daemon['attempt']}/{name}" for name in MPS_FILES)
    for each in outcome.backgrounds:
        yield f"{each['logs']}/rounds.tsv"
        if each["dose"]:
            yield f"{each['dose']}/{JSON}"
    yield "energy/monitor.json"
    yield from sample_files(folder, outcome)


def gone_files(folder: Path, record: Record) -> list[str]:
    """Return the raw files that a record knows and that are there no longer."""
    return [name for name in record["digests"] if not (folder / name).exists()]


def digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of each file that is there, by its relative path."""
    found = {}
    for name in names:
        try:
            found[name] = sha256_of(folder / name)
        except OSError:  # gone, or something else stands in its place
            continue
    return found
