"""Stand-ins for sudo and nvidia-smi, which act on the simulated board as NVML's setters do.

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


def rights_in(folder: Path, rules: Sequence[str]) -> dict[str, str]:
    """Make both in a folder; return the variables of a user who may only what the rules allow."""
    folder.mkdir(exist_ok=True)
    (folder / "rules").write_text("\n".join(rules).replace("\\,", ","))
    for name, text in (("sudo", SUDO), ("nvidia-smi", NVIDIA_SMI)):
        path = folder / name
        path.write_text(text.format(python=sys.executable, rules=str(folder / "rules")))
        path.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "SIMGPU_UID": "1000"}
