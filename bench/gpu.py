"""The measuring part of bench/gpu.sh. Arguments: OUT SETTINGS "LENGTH ..." [DRIVER OPTION ...]."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "lib"))

from gpu_report import Cost, Measured, report, smi_samples  # noqa: E402
from speed import cpu_s  # noqa: E402
from tandem.background.rounds import read_rounds  # noqa: E402
from tandem.base.errors import NotReadyError, TandemError, UsageError  # noqa: E402
from tandem.base.files import last_lines  # noqa: E402
from tandem.base.paths import BGRUN, POWERMON  # noqa: E402
from tandem.nvml.binding import NvmlError, opened  # noqa: E402
from tandem.nvml.devices import Device, utilisation, visible  # noqa: E402
from tandem.processes import proc  # noqa: E402
from update_period import Period, update_periods  # noqa: E402

DRIVER = [sys.executable, str(ROOT / "driver.py")]
LOAD_TIMEOUT_S = 120.0
SETTLE_S = 3.0
COST_S = 30.0
PERIODS_S = 10.0
STOP_S = 60.0
# As it is usually written, with the time of each sample added. Arguments: UUID, file.
SMI_LOOP = """
while kill -0 "$PPID" 2>/dev/null; do
  read -r up _ </proc/uptime
  watts=$(nvidia-smi -i "$1" --query-gpu=power.draw --format=csv,noheader,nounits)
  printf '%s %s\\n' "$up" "$watts"
  sleep 1
done >"$2"
"""


@dataclass(frozen=True)
class Bench:
    """What is to be measured and where it is kept; lengths of windows in seconds."""

    out: Path
    settings: Path
    lengths_s: Sequence[float]
    driver_options: Sequence[str]


def say(text: str) -> None:
    print(f"gpu.sh: {text}", file=sys.stderr, flush=True)


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process, and end it with TERM however the block is left."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first_gpu() -> Device:
    """Return the GPU that is reported; NVML is open. NotReadyError: there is none."""
    devices = visible(os.environ.get("CUDA_VISIBLE_DEVICES"))
    if not devices:
        raise NotReadyError("no GPU is visible (see CUDA_VISIBLE_DEVICES)")
    return devices[0]


def planned_load(bench: Bench) -> dict[str, Any]:
    """Return command and work_dir of the first background that has a solo control."""
    command = [*DRIVER, "check", "--json", *bench.driver_options, "--", str(bench.settings)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        raise SystemExit(done.returncode)
    check = json.loads(done.stdout)
    for problem in check["problems"]:
        if problem["severity"] == "error":
            say(f"error: {problem['path']}: {problem['message']}")
    entries = check["plan"]["entries"] if check["plan"] else []
    pairs = [each for each in entries if each["backgrounds"] and each["controls"]["solo"]]
    if not pairs:
        raise UsageError(f"{bench.settings}: no parallel experiment with controls.solo is planned")
    load: dict[str, Any] = pairs[0]["backgrounds"][0]["training"]
    return load


def wait_for_load(device: Device, logs: Path) -> None:
    """Return when the GPU is used; NotReadyError where that does not happen."""
    end_s = time.monotonic() + LOAD_TIMEOUT_S
    problem = "the background does not use the GPU"
    while time.monotonic() < end_s:
        if utilisation(device)[0] > 0:
            time.sleep(SETTLE_S)
            return
        if any(stretch.failed for stretch in read_rounds(logs / "rounds.tsv")):
            problem = "the background fails"
            break
        time.sleep(0.1)
    words = " / ".join(last_lines(logs / "run_1.log", 2))
    raise NotReadyError(f"{problem}: {words or 'it says nothing'}")


def cost_of_monitor(folder: Path, background: int) -> Cost:
    """Run powermon at its defaults beside a background; its cost from the first samples on."""
    command = [str(POWERMON), "--out", str(folder), "--background", str(background)]
    with running(command, stdout=sys.stderr) as monitor:
        end_s = time.monotonic() + LOAD_TIMEOUT_S
        while not (folder / "monitor.json").exists():
            if monitor.poll() is not None or time.monotonic() > end_s:
                raise NotReadyError("powermon does not start")
            time.sleep(0.1)
        begin_s, before_s = time.monotonic(), cpu_s(monitor.pid)
        time.sleep(COST_S)
        used_s, duration_s = cpu_s(monitor.pid) - before_s, time.monotonic() - begin_s
        return Cost(used_s / duration_s, peak_mib(monitor.pid))


def peak_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def look_at_sensors(bench: Bench, device: Device) -> tuple[Cost, list[Period]]:
    """Loop the background by itself: what the monitor costs, how often the sensors have news."""
    load, logs = planned_load(bench), bench.out / "load"
    bench.out.mkdir(parents=True)
    say("the background alone: what powermon costs, how often the sensors have news")
    command = [str(BGRUN), "--logs", str(logs), "-C", load["work_dir"], "--", *load["command"]]
    with running(command, stdout=sys.stderr) as loop:
        wait_for_load(device, logs)
        cost = cost_of_monitor(bench.out / "energy", loop.pid)
        return cost, update_periods(device, PERIODS_S)


def run_experiments(bench: Bench, device: Device) -> tuple[Path | None, float | None]:
    """Run the settings; the file of nvidia-smi's samples and its loop's share of a core, if any."""
    options = ["--results", str(bench.out), *bench.driver_options]
    options += ["--stop-with-parent", str(os.getpid())]
    command = [*DRIVER, "run", *options, "--", str(bench.settings)]
    samples = bench.out / "nvidia_smi.txt"
    loop = ["bash", "-c", SMI_LOOP, "bash", device.uuid, str(samples)]
    begin_s = time.monotonic()
    with (
        running(loop, stderr=subprocess.DEVNULL) as smi,
        running(command, stdout=sys.stderr) as driver,
    ):
        mark_until_end(driver, bench)
        share = proc.cpu_s(smi.pid) / (time.monotonic() - begin_s)
    if driver.returncode not in (0, 1):
        raise SystemExit(driver.returncode if driver.returncode > 0 else 128 - driver.returncode)
    return (samples, share) if len(smi_samples(samples)) > 1 else (None, None)


def mark_until_end(driver: subprocess.Popen[bytes], bench: Bench) -> None:
    """Have the monitor write a row, for the edge of a window, every shortest length."""
    while True:
        monitor = live_monitor(bench.out)
        if monitor:
            try:
                os.kill(monitor, signal.SIGUSR1)
            except ProcessLookupError:
                pass
        try:
            driver.wait(min(bench.lengths_s))
            return
        except subprocess.TimeoutExpired:
            continue


def live_monitor(out: Path) -> int | None:
    """Return the process of the experiment that is running."""
    for file in out.glob("run_*/*/energy/monitor.json"):
        monitor = json.loads(file.read_text())
        pid = int(monitor["pid"])
        if not monitor["end_boottime_s"] and str(file.parent) in proc.read(f"/proc/{pid}/cmdline"):
            return pid
    return None


def measure(bench: Bench) -> Measured:
    """Do everything; NVML is open. TandemError: what keeps it from being done."""
    device = first_gpu()
    cost, periods = look_at_sensors(bench, device)
    samples, share = run_experiments(bench, device)
    return Measured(bench.out, device.uuid, bench.lengths_s, cost, periods, samples, share)


def check_lengths(lengths_s: Sequence[float]) -> None:
    first_s = lengths_s[0] if lengths_s else 0.0
    if first_s < 1 or any(each % first_s > 1e-9 for each in lengths_s):
        raise UsageError("--windows takes lengths of 1 s or more, multiples of the first")


def stop(signum: int, frame: object) -> None:
    raise SystemExit(128 + signum)


def main(arguments: Sequence[str]) -> int:
    out, settings, lengths, *driver_options = arguments
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, stop)
    lengths_s = [float(text) for text in lengths.split()]
    bench = Bench(Path(out).absolute(), Path(settings), lengths_s, driver_options)
    try:
        check_lengths(lengths_s)
        with opened():
            measured = measure(bench)
        print("\n".join(report(measured)))
    except NvmlError as error:
        hint = f" ({error.hint})" if error.hint else ""
        say(f"error: no GPU can be measured here: {error}{hint}")
        return 3
    except TandemError as error:
        say(f"error: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
