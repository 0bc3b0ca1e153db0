"""A training as rude as one can be: what the keepers must end. Standard library only.

    worker.py MARKER MAIN KINDS RELEASE

MARKER stands in the command line of every process of it, so that a test finds them all, whatever
they do to their environment, session and parents. MAIN: `obeys` or `ignores` TERM. KINDS, joined
by +: `setsid`, `daemon` (double fork), `bare` (the same, with a cleared environment), `hidden` (the
same again, with its output closed), `children` (200). Each of these ignores TERM when MAIN does.
Prints a line when all are forked, and `bare` another one when it has cleared its environment. Ends
with exit code 0 once the file RELEASE exists. Where MPS is simulated, MAIN is a client of it.
"""

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mps.client import Client

MARKER, MAIN, KINDS, RELEASE = sys.argv[1:5]


def linger(look_s: float = 0.02) -> None:
    while not os.path.exists(RELEASE):
        time.sleep(look_s)
    os._exit(0)


def work(cpu_s: float) -> None:
    """Be a small load: some percent of a core, or the background would be none."""
    until_s = time.process_time() + cpu_s
    while time.process_time() < until_s:
        pass


def stray(kind: str) -> None:
    """Start one process that tries to get away."""
    child = os.fork()
    if child:
        if kind in ("daemon", "bare", "hidden"):
            os.waitpid(child, 0)  # so that nobody in between is there any more
        return
    if kind in ("setsid", "daemon", "bare", "hidden"):
        os.setsid()
    if kind in ("daemon", "bare", "hidden") and os.fork():
        os._exit(0)
    if kind == "hidden":
        os.closerange(0, 3)
    if kind in ("bare", "hidden"):
        arguments = [sys.executable, "-S", "-E", __file__, MARKER, MAIN, "none", RELEASE]
        os.execve(sys.executable, arguments, {})
    linger(0.5 if kind == "children" else 0.02)  # hundreds that look often take all processors


def context() -> "Client":
    """Have a context on the simulated GPU, as a client of MPS."""
    sys.path.append(os.path.join(os.path.dirname(__file__), "..", "simgpu"))
    from mps.client import connect
    from simgpu_state import State

    client = connect()
    assert client
    device = client.places[0][0]
    client.open_context(device)
    load = {"watts": 100.0, "period_s": 1.0, "shared_watts": -1.0, "sm_percent": 50}
    State(os.environ["SIMGPU_STATE"]).claim(
        held=1, device=device, mig=-1, memory_mib=100, mps_server=client.server, **load
    )
    return client


def main() -> None:
    if MAIN == "ignores":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for kind in KINDS.split("+"):
        if kind != "none":
            for _ in range(200 if kind == "children" else 1):
                stray(kind)
    client = context() if "CUDA_MPS_PIPE_DIRECTORY" in os.environ else None
    print("Device: none", flush=True)
    while not os.path.exists(RELEASE):
        work(0.001)
        time.sleep(0.02)
    print("Test Accuracy: 50.0", flush=True)
    if client:
        client.close()
    os._exit(0)


main()
