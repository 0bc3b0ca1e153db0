"""Stand-ins for sudo, nvidia-smi and srun, which act on the simulated board as NVML's setters do.

This sudo grants what the lines of a file allow, each a whole command in the way of fnmatch(3), as
sudoers does; "\\," is a comma.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

SUDO = """#!{python}
import fnmatch, os, sys
flag, *words = sys.argv[1:]
rules = open({rules!r}).read().splitlines()
line = " ".join(words)
if flag != "-n" or not any(fnmatch.fnmatchcase(line, rule) for rule in rules):
    sys.exit("sudo: a password is required")
os.execvpe(words[0], words, os.environ | {{"SIMGPU_UID": "0"}})
"""

NVIDIA_SMI = """#!{python}
import sys
import pynvml as n
given = sys.argv[1:]
assert given[0] == "-i", given
n.nvmlInit()
board, (what, *values) = n.nvmlDeviceGetHandleByUUID(given[1]), given[2:]
low, _, high = values[0].partition(",") if values else ("", "", "")
calls = {{
    "-pl": lambda: n.nvmlDeviceSetPowerManagementLimit(board, round(float(low) * 1000)),
    "-lgc": lambda: n.nvmlDeviceSetGpuLockedClocks(board, int(low), int(high)),
    "-lmc": lambda: n.nvmlDeviceSetMemoryLockedClocks(board, int(low), int(high)),
    "-rgc": lambda: n.nvmlDeviceResetGpuLockedClocks(board),
    "-rmc": lambda: n.nvmlDeviceResetMemoryLockedClocks(board),
}}
try:
    calls[what]()
except n.NVMLError as error:
    sys.exit(f"nvidia-smi: {{error}}")
"""

SRUN = """#!{python}
# Sets the application clocks of all boards as root while a command runs, as Slurm's gpu/nvml does.
import os, signal, subprocess, sys
import pynvml as n
words = sys.argv[1:]
options, command = words[: words.index("sh")], words[words.index("sh") :]
[frequencies] = [each.partition("=")[2] for each in options if each.startswith("--gpu-freq=")]
clocks = dict(each.split("=") if "=" in each else ("sm", each) for each in frequencies.split(","))
os.environ["SIMGPU_UID"] = "0"
n.nvmlInit()
boards = [n.nvmlDeviceGetHandleByIndex(at) for at in range(n.nvmlDeviceGetCount())]
for board in boards if {works} else ():
    n.nvmlDeviceSetApplicationsClocks(board, int(clocks.get("memory", 2619)), int(clocks["sm"]))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
child = subprocess.Popen(command, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, ()))
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
child.wait()
for board in boards:
    n.nvmlDeviceResetApplicationsClocks(board)
"""


def srun_in(folder: Path, *, works: bool) -> dict[str, str]:
    """Make a srun in a folder; return the variables of a user without rights in a job of Slurm.

    With `works` false it is one of a cluster without the plugin that sets clocks.
    """
    folder.mkdir(exist_ok=True)
    (folder / "srun").write_text(SRUN.format(python=sys.executable, works=works))
    (folder / "srun").chmod(0o755)
    path = f"{folder}:/usr/bin:/bin"
    return {"PATH": path, "SIMGPU_UID": "1000", "SLURM_JOB_ID": "17", "LC_ALL": "C"}


def rights_in(folder: Path, rules: Sequence[str]) -> dict[str, str]:
    """Make both in a folder; return the variables of a user who may only what the rules allow."""
    folder.mkdir(exist_ok=True)
    (folder / "rules").write_text("\n".join(rules).replace("\\,", ","))
    for name, text in (("sudo", SUDO), ("nvidia-smi", NVIDIA_SMI)):
        path = folder / name
        path.write_text(text.format(python=sys.executable, rules=str(folder / "rules")))
        path.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "SIMGPU_UID": "1000"}
