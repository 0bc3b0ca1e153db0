"""A fake training on the simulated GPU of SIMGPU_STATE: draws power, sleeps, prints, ends.

Its device counts among those of CUDA_VISIBLE_DEVICES, as CUDA's own numbers do. Its work advances
by a second a second while it is alone on its device, and by --shared-speed while another load lives
there; how far it is, is computed from the exact starts and ends, so polling costs no precision.
While it is stopped (SIGSTOP) it uses no SM and its work stands still, to some milliseconds: when
the stop began lies between two of the ticks at which it notes that it runs.

It holds --memory-mib, and --mib-a-sample for each of --batch-size. If its device has not so much
left it fails as a framework does, after --data-seconds in which it holds nothing yet; and so it
does where the compute mode of its device does not let it in.

Where a daemon of MPS answers (mps/), it is a client of MPS, and fails when its server says so.

Exit codes: that of --exit-code; 1 out of memory, not let in, or failed under MPS; 2 usage, or no
such device; ended by TERM or INT as by default, its end noted.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from mps.client import Client, CudaError, connect
from simgpu_state import KINDS, SHAPES, Slot, State, gpm_array, now_s
from visible import visible

SIGNALS = (signal.SIGTERM, signal.SIGINT)
TICK_S = 0.01
TICK_CPU_S = 0.0002


class NoDeviceError(Exception):
    """There is no such device."""


class StoppedError(Exception):
    """A signal asks this training to end."""


class Ticks:
    """Notes in the slot that this process runs, and when it did not."""

    def __init__(self, slot: Slot, client: Client | None) -> None:
        self.slot, self.client = slot, client
        self.stopped_s = 0.0
        slot.seen_s = now_s()
        signal.signal(signal.SIGCONT, self.go_on)

    def go_on(self, signum: int, frame: FrameType | None) -> None:
        at_s = now_s()
        from_s = min(self.slot.seen_s + TICK_S / 2, at_s)
        self.slot.note_stop(from_s, at_s)
        self.slot.seen_s = at_s
        self.stopped_s += at_s - from_s

    def sleep(self, seconds: float) -> None:
        """Sleep for so long, or until the next tick; use a core a little, as trainings do."""
        until_s = time.process_time() + TICK_CPU_S
        while time.process_time() < until_s:
            pass
        time.sleep(min(seconds, TICK_S))
        self.slot.seen_s = now_s()
        if self.client:
            self.client.check()
        while self.client and self.client.hangs:
            time.sleep(TICK_S)


def wait_for_work(state: State, ticks: Ticks, work_s: float, options: argparse.Namespace) -> None:
    """Return when so much work is done since the start of the slot."""
    has_fixed_end = options.seconds is not None
    speed = 1.0 if has_fixed_end else options.shared_speed
    while True:
        at_s = now_s()
        shared_s = state.shared_s(ticks.slot, at_s) if speed != 1 else 0.0
        done_s = at_s - ticks.slot.start_s - (1 - speed) * shared_s
        if not has_fixed_end:
            done_s -= ticks.stopped_s
        if done_s >= work_s:
            return
        # As if alone: a neighbour that ends meanwhile cannot make it late.
        ticks.sleep(max((work_s - done_s) / max(1.0, speed), 0.001))


def train(state: State, ticks: Ticks, options: argparse.Namespace) -> None:
    """Print a line an epoch, in its time."""
    work_s = options.work_seconds if options.seconds is None else options.seconds
    if options.fault_seconds is not None:
        wait_for_work(state, ticks, options.fault_seconds, options)
        raise_fault(state, ticks)
    for epoch in range(1, options.epochs + 1):
        wait_for_work(state, ticks, work_s * epoch / options.epochs, options)
        print(f"Epoch {epoch}/{options.epochs} loss {1 / epoch:.4f}", flush=True)


def raise_fault(state: State, ticks: Ticks) -> NoReturn:
    """Use an address that the GPU may not use: MPS's server hears of it, or the driver alone."""
    if not ticks.client:
        state.report_xid(31, ticks.slot.device)
        raise CudaError("CUDA error: an illegal memory access was encountered")
    ticks.client.fault()
    while True:
        ticks.sleep(TICK_S)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        "train.py",
        description="Pretend to train on the simulated GPU.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = result.add_argument
    add("--device", type=int, default=0, help="among the visible ones")
    add("--kind", choices=KINDS, default="compute", help="hidden: in no list of processes")
    add("--shape", choices=SHAPES, default="level", help="of its power over time")
    add("--watts", type=float, default=200.0, help="level, high part, or end of the ramp")
    add("--low-watts", type=float, default=0.0, help="low part, or begin of the ramp")
    add("--period", type=float, default=1.0, help="of the square wave, or length of the ramp, s")
    add("--duty", type=float, default=0.5, help="share of the period that is high, and first")
    add("--shared-watts", type=float, default=-1.0, help="with another load there; -1: the same")
    add("--shared-speed", type=float, default=1.0, help="of the work with another load there")
    add("--seconds", type=float, help="live so long, whatever else lives there")
    add("--work-seconds", type=float, default=1.0, help="live so long when alone")
    add("--epochs", type=int, default=1, help="lines to print in that time")
    add("--memory-mib", type=float, default=1000.0, help="GPU memory")
    add("--batch-size", type=int, default=0, help="samples in the memory at once")
    add("--mib-a-sample", type=float, default=0.0, help="GPU memory for each of them")
    add("--data-seconds", type=float, default=0.0, help="read data so long, before all else")
    add("--sm-percent", type=int, default=50, help="GPU utilisation")
    add("--gpm", type=json.loads, default={}, help='what GPM counts, as JSON: {"sm_active": 40}')
    add("--fault-seconds", type=float, help="after so much work make a fault on the GPU")
    add("--exit-code", type=int, default=0, help="0: also print an accuracy")
    add("--learning-rate", type=float, default=0.1, help="changes nothing")
    add("--seed", type=int, default=1, help="changes nothing")
    return result


def stop(signum: int, frame: FrameType | None) -> None:
    raise StoppedError(signum)


def place(state: State, client: Client | None, options: argparse.Namespace) -> dict[str, float]:
    """Return where the training lives and how much memory it takes there; CudaError."""
    places = visible(
        state, os.environ.get("CUDA_VISIBLE_DEVICES"), client.places if client else None
    )
    if not 0 <= options.device < len(places):
        raise NoDeviceError(f"train.py: there is no device {options.device}")
    print("Device: simulated GPU", flush=True)
    device, mig = places[options.device]
    time.sleep(options.data_seconds)
    memory_mib = options.memory_mib + options.batch_size * options.mib_a_sample
    server, limit_mib = (client.server, client.limit_mib(options.device)) if client else (0, 0.0)
    if not state.takes(device, server):
        raise CudaError("CUDA error: the device is busy or unavailable")
    if memory_mib > min(state.free_mib(device, mig), limit_mib or math.inf):
        raise CudaError(f"CUDA out of memory: tried to allocate {memory_mib:g} MiB")
    result: dict[str, float] = {"device": device, "mig": mig, "memory_mib": memory_mib}
    if client:
        client.open_context(device)
        result |= {"mps_server": server, "pinned_mib": limit_mib, "thread_percent": client.percent}
    return result


def run(state: State, client: Client | None, options: argparse.Namespace) -> int:
    """Train; the exit code. CudaError, StoppedError."""
    where = place(state, client, options)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    for signum in SIGNALS:
        signal.signal(signum, stop)
    slot = state.claim(
        held=1,
        pid=0,  # who looks from outside learns it: in a namespace this process knows another
        kind=KINDS.index(options.kind),
        shape=SHAPES.index(options.shape),
        sm_percent=min(options.sm_percent, int(where.get("thread_percent", 100))),
        watts=options.watts,
        low_watts=options.low_watts,
        period_s=options.period,
        duty=options.duty,
        shared_watts=options.shared_watts,
        gpm=gpm_array(options.gpm),
        **where,
    )
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        train(state, Ticks(slot, client), options)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    except StoppedError as stopped:
        for signum in SIGNALS:
            signal.signal(signum, signal.SIG_IGN)
        state.end(slot)
        signal.signal(stopped.args[0], signal.SIG_DFL)
        os.kill(os.getpid(), stopped.args[0])
    finally:
        state.end(slot)
    if options.exit_code:
        print("train.py: this training was told to fail", file=sys.stderr)
    else:
        print("Test Accuracy: 91.5", flush=True)
    code: int = options.exit_code
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    options = parser().parse_args(arguments)
    state = State(os.environ["SIMGPU_STATE"])
    client = None
    try:
        client = connect() if options.kind == "compute" else None
        return run(state, client, options)
    except CudaError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    except NoDeviceError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        if client:
            client.close()


if __name__ == "__main__":
    raise SystemExit(main())
