"""What sbatch refuses, as it says it, and what would help."""

from __future__ import annotations

import re

from tandem.base.text import printable
from tandem.work.slurm.client import Answer

_PARTITIONS = "another partition (`sinfo --summarize` names them)"
_GPUS = "other --gpus or another --partition (`sinfo --format='%P %G'` prints which has which)"
_LIMITS = "fewer --workers, a shorter --time or another --partition"
NO_SBATCH = (
    "there is no sbatch on this machine (submit on a login node of the cluster; without Slurm,"
    " `tandem run --plan-only CONFIG` makes a run, and `tandem work RUN` starts a worker for it)"
)
# The first that is found in what sbatch says.
_HELP = {
    r"submit limit|SubmitJob|accounting/QOS|QOSMax|AssocMax|[Jj]ob limit": _LIMITS,
    r"invalid partition|partition name": _PARTITIONS,
    r"array specification|MaxArraySize": "fewer --workers: the site limits the size of an array",
    r"[Mm]emory": "less --memory, or another --partition",
    r"gres|TRES|node configuration is not available": _GPUS,
    r"[Pp]rocessors": "fewer --cpus, or another --partition",
    r"Resource temporarily unavailable": "later again: Slurm holds as many jobs as it may",
    r"Invalid --mem": "--memory takes megabytes, or a size such as 32G",
    r"Invalid --time": "--time takes minutes, HH:MM:SS or D-HH:MM:SS",
    r"time limit": "a shorter --time (`sinfo --format='%P %l'` prints each partition's longest)",
    r"account": 'an account of yours: --sbatch-args="--account=NAME"',
    r"qos|QOS": 'a QOS of yours: --sbatch-args="--qos=NAME"',
    r"not permitted to use this partition|not allowed": _PARTITIONS,
    r"script is empty": "look at --sbatch-args: does an option lack its value?",
    r"unrecognized option|Invalid --|ambiguous": "look at --sbatch-args",
}


def refusal(answer: Answer) -> str:
    """Return what sbatch says, line by line, and what would help, as far as that is known."""
    said = answer.stderr.strip() or answer.problem or ""
    lines = [printable(line) for line in said.splitlines()]
    found = (text for words, text in _HELP.items() if re.search(words, said))
    return "\n".join([*lines, *(f"what would help: {text}" for text in [*found][:1])])
