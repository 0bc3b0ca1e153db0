"""Tandem's Python: folders in the order in which the data flows (docs/architecture.md).

    import tandem
    run = tandem.open("results/latest")

A keeper imports this at its start, so nothing is imported here.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

    from tandem.api import Run


def open(*runs: "str | PathLike[str]") -> "Run":
    """Return one run or several, each by its path, its name in results/, or as "latest".

    Only files are read, and those of any run: unfinished, killed, of an earlier version. A folder
    without a run is passed over, and stands in `problems`. tandem.base.errors.UsageError: there is
    no such folder, or no run in any.
    """
    from tandem.api import open_runs

    return open_runs(*runs)
