"""The machine of a run: described before anything is measured, and again before each experiment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem.base.clock import iso_utc, now
from tandem.config.needs import python_of
from tandem.config.program import own_words
from tandem.machine.description import description
from tandem.machine.pythons import Place, Pythons
from tandem.plan.model import Experiment, Training
from tandem.processes.watch import Watch
from tandem.results.machine_file import store, text_of_changes
from tandem.results.record import MachineFile
from tandem.run.ready import trainings_of


class Machine:
    """Describes the machine, and the Pythons of a plan's trainings, into the run's folder."""

    def __init__(self, experiments: Sequence[Experiment], cpus: Path) -> None:
        """Begin to ask the Pythons: they answer while other things are made ready."""
        self.cpus = cpus
        self.places = places_of(trainings_of(experiments))
        self.pythons = Pythons()
        self.ask()

    def ask(self) -> None:
        """Begin to ask the Pythons that are not known yet, or not as they were."""
        self.pythons.ask(self.places.values())

    def described(
        self, run: Path, own: Path, watch: Watch, say: Callable[[str], None]
    ) -> MachineFile:
        """Return the file in a run's folder, or in a worker's, that says what the machine is now.

        Interrupted: a signal came. OSError: the file cannot be written.
        """
        answers = self.pythons.facts(self.places.values(), watch)
        facts = {**description(self.cpus), "pythons": grouped(self.places, answers)}
        file, changed = store(run, own, facts, iso_utc(now().utc_s))
        if changed:
            say(f"warning: {text_of_changes(file['file'], changed)}")
        return file

    def close(self) -> None:
        self.pythons.close()


def places_of(trainings: Iterable[Training]) -> dict[str, Place]:
    """Return how the trainings of each repository are started."""
    first: dict[str, Training] = {}
    for training in trainings:
        first.setdefault(training.repo, training)
    return {repo: place_of(each) for repo, each in first.items()}


def place_of(training: Training) -> Place:
    folder, variables = training.work_dir, training.environment
    python, is_certain = python_of(folder, training.command, variables)
    program = own_words(training.command)[0]
    return Place.of(program, python if is_certain else None, folder, variables)


def grouped(
    places: Mapping[str, Place], answers: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return each answer once, with the repositories whose trainings it is about."""
    found: list[dict[str, Any]] = []
    for repo, facts in zip(places, answers, strict=True):
        same = next((each for each in found if each.items() >= facts.items()), None)
        if same:
            same["repositories"].append(repo)
        else:
            found.append({"repositories": [repo], **facts})
    return found
