"""A job of Slurm without any Slurm: its variables, and a scontrol that says what it is told.

The words are those of Slurm 22.05. tests/slurm has the real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

JOB = """\
JobId=14962542 JobName=wrap
   UserId=root(0) GroupId=root(0) MCS_label=N/A
   Requeue=1 Restarts=0 BatchFlag=1 Reboot=0 ExitCode=0:0
   RunTime=00:00:00 TimeLimit=00:10:00 TimeMin=N/A
   StartTime=2036-11-30T02:08:14 EndTime=2036-11-30T02:18:14 Deadline=N/A
   NumNodes=1 NumCPUs=1 NumTasks=1 CPUs/Task=1 ReqB:S:C:T=0:0:*:*
   OverSubscribe=OK Contiguous=0 Licenses=(null) Network=(null)
   TresPerNode=gres:gpu:1
"""
NODE = """\
NodeName=n1 Arch=x86_64 CoresPerSocket=1
   CPUAlloc=1 CPUEfctv=4 CPUTot=4 CPULoad=2.44
   Gres=gpu:1
   OS=Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC @0
"""
CONFIG = """\
Configuration data as of 2026-11-30T02:08:18
JobRequeue              = 1
KillWait                = {kill_wait_s} sec
KillOnBadExit           = 0
"""
REFUSED = "Requested operation is presently disabled for job 14962542"
SCONTROL = """\
#!/bin/sh
folder=${0%/*}
printf '%s\\n' "$*" >>"$folder/asked"
if [ "$1" = requeue ] && [ -e "$folder/refused" ]; then
  cat "$folder/refused" >&2
  exit 1
elif [ "$1" = show ]; then
  exec cat "$folder/$2"
fi
"""


def job_environment(
    folder: Path, path: str, *, kill_wait_s: int = 30, refused: str = "", gpus: int = 0
) -> Mapping[str, str]:
    """Make a scontrol in a folder and return the variables of a job that finds it before others.

    `path` is the PATH so far. What it is asked stands in the file `asked`.
    """
    folder.mkdir()
    (folder / "scontrol").write_text(SCONTROL)
    (folder / "scontrol").chmod(0o755)
    texts = {"job": JOB, "node": NODE, "config": CONFIG.format(kill_wait_s=kill_wait_s)}
    if refused:
        texts["refused"] = f"{refused}\n"
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {
        "PATH": f"{folder}:{path}",
        "SLURM_JOB_ID": "14962542",
        "SLURMD_NODENAME": "n1",
        "SLURM_CPUS_ON_NODE": "1",
        "SLURM_GPUS_ON_NODE": str(gpus),
    }


def asked(folder: Path) -> list[str]:
    """Return what scontrol was asked so far."""
    return (folder / "asked").read_text().splitlines()
