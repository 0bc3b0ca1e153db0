"""The names of the environment variables that Tandem's programs hand on. Imports nothing."""

from __future__ import annotations

OWNER = "TANDEM_OWNER"  # the pid of the parent that bgrun and fgrun had at their start
LIFELINE = "TANDEM_LIFELINE_FD"  # the number of a pipe whose other end only the owner holds
MONITOR = "TANDEM_MONITOR_FD"  # the number of a pidfd of the monitor that samples meanwhile
OUT = "TANDEM_OUT"  # in the environment of a training: the folder of its log
LOCKS = "TANDEM_LOCKS"  # the folder of the lock files
COOKIE = "TANDEM_COOKIE"  # in the environment of every process that has an owner
OWNER_FILE = "owner"  # the same in a file beside its log, for those that clear their environment
VISIBLE = "CUDA_VISIBLE_DEVICES"
MPS_PERCENTAGE = "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"
MPS_MEMORY = "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"
