"""What sbatch refuses, as it says it, and what would help."""

from __future__ import annotations

import re

from tandem.base.text import printable
from tandem.work.slurm.client import Answer

_PARTITIONS = "another partition (`sinfo --summarize` names them)"
_GPUS = "what GPUs there are: `sinfo --format='%P %G'`; --partition and --gpus choose among them"
_LIMITS = "fewer --workers, a shorter --time or another --partition"
NO_SBATCH = (
    "there is no sbatch on this machine (submit on a login node of the cluster; without Slurm,"
    " `tandem work RUN` starts workers)"
)
# The first that is found in what sbatch says.
_HELP = {
    r"invalid partition|partition name": _PARTITIONS,
    r"array specification|MaxArraySize": "fewer --workers: the site limits the size of an array",
    r"memory specification|memory": "less --memory, or another --partition",
    r"gres|node configuration is not available": _GPUS,
    r"Invalid --time": "--time takes minutes, HH:MM:SS or D-HH:MM:SS",
    r"time limit": "a shorter --time (`sinfo --format='%P %l'` prints each partition's longest)",
    r"submit limit|SubmitJob|accounting/QOS|QOSMax|AssocMax|[Jj]ob limit": _LIMITS,
    r"account": 'an account of yours: --sbatch-args="--account=NAME"',
    r"qos|QOS": 'a QOS of yours: --sbatch-args="--qos=NAME"',
    r"not permitted to use this partition|not allowed": _PARTITIONS,
    r"unrecognized option|Invalid --|ambiguous": "look at --sbatch-args",
}


def refusal(answer: Answer) -> str:
    """Return what sbatch says, line by line, and what would help, as far as that is known."""
    said = answer.stderr.strip() or answer.problem or ""
    lines = [printable(line) for line in said.splitlines()]
    found = (text for words, text in _HELP.items() if re.search(words, said))
    return "\n".join([*lines, *(f"what would help: {text}" for text in [*found][:1])])
