"""An experiment as a whole: run, its samples brought in, and last its outcome.

So whoever finds an outcome finds all that it rests on.
"""

from __future__ import annotations

from tandem.experiment.experiment import ExperimentRun
from tandem.experiment.outcome import Outcome, write_outcome
from tandem.experiment.seen import outcome_of


def run_to_outcome(run: ExperimentRun) -> Outcome:
    """Run an experiment, and have its outcome in its folder.

    OSError as for ExperimentRun.run. NotReadyError: a shared disk was bad for too long.
    """
    run.live.shown.file.problem = None  # of a time in which nothing was measured
    try:
        run.run()
        run.disk.patient(run.samples.bring_in)
        outcome = outcome_of(
            run.experiment,
            run.around,
            run.before,
            run.seen,
            attempts=len(run.attempts),
            backgrounds=run.backgrounds,
        )
        run.disk.patient(lambda: write_outcome(outcome, run.folder))
        return outcome
    finally:
        run.samples.remove()
