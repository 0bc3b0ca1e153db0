"""The short checks of bench/gpu.sh --checks [--set]: one line each, and nothing is left behind.

Each check finds out one thing that Tandem relies on and that could not be tried without a GPU. What
cannot be tried on a machine is said, with the reason; that is no failure.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "lib"))

from cuda_clients import END_S, NotTried, clients  # noqa: E402
from tandem.nvml.binding import NvmlError, binding, call, opened  # noqa: E402
from tandem.nvml.boards import compute_mode  # noqa: E402
from tandem.nvml.devices import Device, boards, visible  # noqa: E402
from tandem.nvml.sensors import power_usage_w  # noqa: E402

DAEMON = "nvidia-cuda-mps-control"
READY_S, LOOK_S = 30.0, 5.0
CLOCK_SHARE = 0.6  # of the highest SM clock
LIMIT_SHARE = 0.8  # of the limit that was there


# -- checks ----------------------------------------------------------------------------


def watts(device: Device) -> float:
    """Return the mean power over LOOK_S."""
    end_s, found = time.monotonic() + LOOK_S, list[float]()
    while time.monotonic() < end_s:
        found.append(power_usage_w(device))
        time.sleep(0.1)
    return fmean(found)


def of_compute_mode(device: Device) -> str:
    mode = next(compute_mode(each) for each in boards() if each.index == device.index)
    shared = "two trainings can share it" if mode == "default" else "time slicing is refused here"
    return f"{mode}: {shared}"


def of_context(device: Device) -> str:
    idle_w = watts(device)
    with clients("bare"):
        time.sleep(LOOK_S)
        held_w = watts(device)
    return f"{held_w - idle_w:+.1f} W (idle {idle_w:.1f} W, with a bare context {held_w:.1f} W)"


def of_gpm(device: Device) -> str:
    if not call("nvmlGpmQueryDeviceSupport", device.board).isSupportedDevice:
        raise NotTried("this board has no GPM counters")
    idle = gpm_percents(device)
    with clients("busy"):
        time.sleep(1.0)
        busy = gpm_percents(device)
    shown = [f"SMs {sm:.1f} %, DRAM {dram:.1f} %" for sm, dram in (idle, busy)]
    sane = all(0.0 <= value <= 100.0 for value in (*idle, *busy)) and busy[1] > idle[1]
    return f"{'sane' if sane else 'NOT sane'}: idle {shown[0]}; filling memory {shown[1]}"


def gpm_percents(device: Device) -> tuple[float, float]:
    """Return how busy SMs and DRAM were over a second, in percent."""
    nvml = binding()
    samples = [call("nvmlGpmSampleAlloc") for _ in range(2)]
    try:
        for each in samples:
            call("nvmlGpmSampleGet", device.board, each)
            time.sleep(1.0 if each is samples[0] else 0.0)
        wanted = nvml.c_nvmlGpmMetricsGet_t()
        wanted.version, wanted.numMetrics = nvml.NVML_GPM_METRICS_GET_VERSION, 2
        wanted.sample1, wanted.sample2 = samples
        ids = nvml.NVML_GPM_METRIC_SM_UTIL, nvml.NVML_GPM_METRIC_DRAM_BW_UTIL
        wanted.metrics[0].metricId, wanted.metrics[1].metricId = ids
        call("nvmlGpmMetricsGet", wanted)
        return wanted.metrics[0].value, wanted.metrics[1].value
    finally:
        for each in samples:
            call("nvmlGpmSampleFree", each)


def of_power_limit(device: Device) -> str:
    before_mw = call("nvmlDeviceGetPowerManagementLimit", device.board)
    least_mw, _ = call("nvmlDeviceGetPowerManagementLimitConstraints", device.board)
    asked_mw = max(int(before_mw * LIMIT_SHARE), least_mw)
    call("nvmlDeviceSetPowerManagementLimit", device.board, asked_mw)
    try:
        enforced_mw = call("nvmlDeviceGetEnforcedPowerLimit", device.board)
    finally:
        call("nvmlDeviceSetPowerManagementLimit", device.board, before_mw)
    after_mw = call("nvmlDeviceGetPowerManagementLimit", device.board)
    back = "put back" if after_mw == before_mw else f"NOT put back: {after_mw / 1000:g} W"
    return f"asked {asked_mw / 1000:g} W, enforced {enforced_mw / 1000:g} W, {back}"


def of_sm_clock(device: Device) -> str:
    highest_mhz = call("nvmlDeviceGetMaxClockInfo", device.board, 1)
    asked_mhz = int(highest_mhz * CLOCK_SHARE)
    call("nvmlDeviceSetGpuLockedClocks", device.board, asked_mhz, asked_mhz)
    try:
        with clients("busy"):
            time.sleep(2.0)
            held_mhz = call("nvmlDeviceGetClockInfo", device.board, 1)
    finally:
        call("nvmlDeviceResetGpuLockedClocks", device.board)
    return f"asked {asked_mhz} MHz, held {held_mhz} MHz under load, unlocked again"


# -- MPS -------------------------------------------------------------------------------


@contextmanager
def daemon(device: Device) -> Iterator[dict[str, str]]:
    """Yield the variables of a private daemon's clients; daemon and folder are gone afterwards."""
    if not shutil.which(DAEMON):
        raise NotTried(f"there is no {DAEMON}")
    folder = tempfile.mkdtemp(prefix="tandem-mps-", dir="/tmp")
    places = {f"CUDA_MPS_{kind}_DIRECTORY": folder for kind in ("PIPE", "LOG")}
    own = {**os.environ, **places, "CUDA_VISIBLE_DEVICES": device.uuid}
    process = subprocess.Popen(
        [DAEMON, "-f"],
        env=own,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for_daemon(process, own)
        yield places
    finally:
        ask(own, "quit")
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_daemon(process: subprocess.Popen[bytes], own: dict[str, str]) -> None:
    end_s = time.monotonic() + READY_S
    while ask(own, "get_server_list") is None:
        if process.poll() is not None or time.monotonic() > end_s:
            raise NotTried(f"{DAEMON} does not answer (exit code {process.poll()})")
        time.sleep(0.1)


def ask(own: dict[str, str], command: str) -> str | None:
    """Return what the daemon answers; None: it does not."""
    try:
        done = subprocess.run(
            [DAEMON],
            check=False,
            input=f"{command}\n",
            env=own,
            capture_output=True,
            text=True,
            timeout=END_S,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def of_daemon(device: Device) -> str:
    begin_s = time.monotonic()
    with daemon(device):
        started_s, begin_s = time.monotonic() - begin_s, time.monotonic()
    return f"answers after {started_s:.2f} s, gone {time.monotonic() - begin_s:.2f} s after quit"


def of_clients(device: Device) -> str:
    with daemon(device) as places:
        with clients("busy", "busy", **unpinned(places)) as both:
            time.sleep(1.0)
            servers = (ask({**os.environ, **places}, "get_server_list") or "").split()
            rates = [each.rate(2.0) for each in both]
        begin_s = time.monotonic()
    return (
        f"{len(servers)} server for two clients, {rates[0]:.0f} and {rates[1]:.0f} fills a second;"
        f" all gone {time.monotonic() - begin_s:.2f} s after they ended"
    )


def of_stopped_client(device: Device) -> str:
    with daemon(device) as places, clients("busy", "busy", **unpinned(places)) as (one, other):
        before = other.rate(2.0)
        one.process.send_signal(signal.SIGSTOP)
        stopped = other.rate(3.0)
        one.process.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        after, resumed = other.rate(2.0), one.rate(2.0)
    harmless = stopped > 0.5 * before and after > 0.5 * before and resumed > 0.0
    return (
        f"{'looks harmless' if harmless else 'NOT harmless'}: the other made {before:.0f} fills a"
        f" second before, {stopped:.0f} meanwhile, {after:.0f} after; the stopped one {resumed:.0f}"
        " after"
    )


def unpinned(places: dict[str, str]) -> dict[str, str]:
    """Return the variables of a client, which sees what the daemon gives it."""
    return {**places, "CUDA_VISIBLE_DEVICES": "0"}


CHECKS: dict[str, Callable[[Device], str]] = {
    "compute mode": of_compute_mode,
    "a bare context": of_context,
    "GPM counters": of_gpm,
    "MPS's daemon": of_daemon,
    "two MPS clients": of_clients,
    "a stopped MPS client": of_stopped_client,
}
SETTING: dict[str, Callable[[Device], str]] = {
    "power limit": of_power_limit,
    "SM clock": of_sm_clock,
}


def said(check: Callable[[Device], str], device: Device) -> str:
    try:
        return check(device)
    except NotTried as why:
        return f"not tried: {why}"
    except NvmlError as error:
        return f"not possible: {error.with_hint()}"


def main(arguments: list[str]) -> int:
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda number, _: sys.exit(128 + number))
    try:
        with opened():
            device = next(iter(visible(os.environ.get("CUDA_VISIBLE_DEVICES"))), None)
            if device is None:
                raise NvmlError("no GPU is visible", "see CUDA_VISIBLE_DEVICES")
            print(f"Checks on {device.name}, {time.strftime('%Y-%m-%d')}:\n")
            for name, check in {**CHECKS, **(SETTING if "--set" in arguments else {})}.items():
                print(f"- {name}: {said(check, device)}", flush=True)
    except NvmlError as error:
        print(f"gpu.sh: error: no GPU can be checked here: {error.with_hint()}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
