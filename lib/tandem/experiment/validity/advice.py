"""What would help where experiments are not valid time and again, by the record's own figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from math import ceil, floor

from tandem.base.text import share
from tandem.experiment.validity import rounds
from tandem.experiment.validity.reason import Kind
from tandem.results.record import Record, foreground_window


def advice(kind: Kind, record: Record) -> str:
    """Return what would help against a kind of reason for which a record does not count."""
    return _ADVICE[kind](record)


def _not_ready(record: Record) -> str:
    return (
        f"{_logs(record)} has what its rounds printed; bin/bgrun with its bg_loop.sh runs them by"
        " hand, and ready_timeout_seconds gives them longer to begin"
    )


def _of_rounds(record: Record) -> str:
    failed = rounds.failed(record)
    return f"{failed + '; ' if failed else ''}{_logs(record)} has what the rounds printed"


def _failed(record: Record) -> str:
    last = record["attempts"][-1]
    took_s, name = last["duration_seconds"], record["experiment_id"]
    after = "" if took_s is None else f"it ended after {took_s:.1f} s; "
    return f"{after}{name}/training.log has why, and bin/fgrun with its fg_run.sh runs it by hand"


def _metric(record: Record) -> str:
    log, repo = f"{record['experiment_id']}/training.log", record["repository"]
    return f"compare log_patterns and required_metrics of {repo} in the registry with {log}"


def _epochs(record: Record) -> str:
    if record["epochs"]["begins_late"]:
        return "let each attempt begin anew (without a checkpoint), or set max_retries to 0"
    return 'let it train to its end, or set "early_stopping": true in the registry'


def _coverage(record: Record) -> str:
    coverage = record["background"] and record["background"]["coverage"]
    if coverage is None:
        return f"{_logs(record)}/rounds.tsv says when rounds began and ended"
    return rounds.advice(record, share(coverage))


def _weak(record: Record) -> str:
    load = (foreground_window(record) or {"load": None})["load"]
    used = load and load["sm_avg_percent"]
    most = "" if used is None else f" to at most {floor(used)}"
    return f"give it more to do (batch_size), or set validity.min_background_sm_percent{most}"


def _dose(record: Record) -> str:
    dose = next(iter(rounds.doses(record)), None)
    if dose is None:
        return "ask for a dose that it reaches"
    if dose["mode"] == "target":
        used = dose["sm_avg_percent"] or 0.0
        return f"ask for what it reaches (target_gpu_utilization: {used:.0f}), or give it more work"
    duty, long = dose["duty_mean"] or 0.0, rounds.length(record)
    of = "" if long is None else f" than {long:.1f} s"
    return f"make rounds longer{of}, or ask for what it reaches (intensity: {duty:.2g})"


def _left(record: Record) -> str:
    stop = record["attempts"][-1]["stop"] if record["attempts"] else None
    names = dict.fromkeys(each["name"] for each in (stop["went_on"] if stop else []))
    who = f" ({', '.join(names)})" if names else ""
    return f"let it end what it starts, or name in the registry's helpers who may go on{who}"


def _strangers(record: Record) -> str:
    gpus = (foreground_window(record) or {"gpus": []})["gpus"]
    seen = list(chain.from_iterable(gpu["strangers"] for gpu in gpus))
    names = ", ".join(dict.fromkeys(f"{each['name']} of {each['user']}" for each in seen[:5]))
    most = max((each["sm_percent"] or 0.0 for each in seen), default=0.0)
    most_mib = max((each["memory_mib"] or 0.0 for each in seen), default=0.0)
    return (
        f"have {names or 'who holds that memory'} end, or take another GPU (gpus); up to what"
        f" counts, validity.max_strangers_sm_percent ({most:.0f} here) and"
        f" max_strangers_memory_mib ({most_mib:.0f} here) say"
    )


def _sampling(record: Record) -> str:
    gpus = (foreground_window(record) or {"gpus": []})["gpus"]
    gap_s = max((gpu["largest_gap_seconds"] or 0.0 for gpu in gpus), default=0.0)
    return (
        f"nothing was sampled for {gap_s:.1f} s: leave a CPU free for the monitor, or set"
        " validity.min_sampling_coverage"
    )


def _cpus(record: Record) -> str:
    seen = [window["machine"] for window in record["windows"]]
    shares = (percent for it in seen for percent in (it["others_cpu_percent"], it["steal_percent"]))
    most = max((percent or 0.0 for percent in shares), default=0.0)
    limit = f"validity.max_others_cpu_percent to at least {ceil(most)}"
    return f"stop what else runs here, or set {limit}"


def _clocks(record: Record) -> str:
    shares = (
        percent
        for window in record["windows"]
        for gpu in window["gpus"]
        for percent in gpu["throttled_percent"].values()
    )
    most = max(shares, default=0.0)
    return (
        "let GPUs cool down longer (cooldown_seconds), or set validity.max_throttled_percent to"
        f" at least {ceil(most)}"
    )


def _says(text: str) -> Callable[[Record], str]:
    return lambda _record: text


def _logs(record: Record) -> str:
    return f"{record['experiment_id']}/background_logs"


_ADVICE: Mapping[Kind, Callable[[Record], str]] = {
    "not ready": _not_ready,
    "background failed": _of_rounds,
    "not recorded": lambda record: f"{record['experiment_id']}/record_error.txt says why",
    "failed": _failed,
    "metric": _metric,
    "log": _says("fix what fails, or switch that pattern off (failure_patterns in the registry)"),
    "epochs": _epochs,
    "attempts": _says("let it end soon after TERM, or set max_retries to 0"),
    "loop": _of_rounds,
    "coverage": _coverage,
    "idle": _says("a background that does nothing on the GPU is no load on it: take another"),
    "rounds": _of_rounds,
    "weak": _weak,
    "dose": _dose,
    "unknown load": _says("leave the dose or the limit out: this machine cannot say what it was"),
    "left": _left,
    "stopped": _says("see who stops the training (SIGSTOP): a scheduler, a debugger, a shell"),
    "place": _says('say where it runs: "gpus" in the settings, "device" in the registry'),
    "gpu setup": _says("see who or what else sets these boards (a scheduler, nvidia-smi, DCGM)"),
    "sharing": _says('see that "sharing" and "gpus" fit this machine: make doctor says how it is'),
    "client died": _of_rounds,
    "mps": lambda record: f"{record['experiment_id']}/mps has the logs of its daemons",
    "strangers": _strangers,
    "unknown strangers": _says("make doctor says what NVML reports here"),
    "sampling": _sampling,
    "busy": _says("wait until the GPUs are free: --wait-idle SECONDS"),
    "memory": _says("see who holds GPU memory when a training has ended (nvidia-smi)"),
    "locks": _says("leave the locks of an active run alone: who cleans up there?"),
    "suspended": _says("keep the machine awake: systemd-inhibit --what=sleep make ..."),
    "cpus": _cpus,
    "clocks": _clocks,
    "unknown quiet": _says(
        "leave that limit of validity out, or train longer where the time was too short to tell"
    ),
    "monitor": lambda record: f"{record['experiment_id']}/energy has what the monitor said",
}
