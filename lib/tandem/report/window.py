"""A window's facts for people: aligned lines, units beside the numbers, reasons for what is not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tandem.base.text import percent_down, printable
from tandem.nvml.devices import HIDDEN_MIB

_LABEL_COLUMNS = 14
_UNKNOWN = "not measured"


def text_of_window(name: str, facts: Mapping[str, Any]) -> str:
    """Return the lines of one window, without a newline at the end."""
    lines = [printable(name), labelled(2, "window", window_text(facts))]
    for gpu in facts["gpus"]:
        mig = " (a MIG device)" if gpu["mig"] else ""
        lines.append(labelled(2, f"GPU {gpu['index']}", f"{gpu['name']}, {gpu['uuid']}{mig}"))
        lines += gpu_lines(gpu)
    if not facts["gpus"]:
        lines.append(labelled(2, "GPU", f"{_UNKNOWN}: {facts['gpus_reason'] or 'there is none'}"))
    lines += ["  CPU", *cpu_lines(facts["cpu"])]
    lines.append(labelled(4, "others", machine_text(facts["machine"])))
    lines += [labelled(2, "warning", warning) for warning in facts["warnings"]]
    return "\n".join(lines)


def window_text(facts: Mapping[str, Any]) -> str:
    edges = f"{local_text(facts['started'])} to {local_text(facts['ended'])}"
    boottime = f"{facts['start_boottime_s']:.3f} to {facts['end_boottime_s']:.3f}"
    suspended_s = facts["suspended_seconds"] or 0.0
    without = f" without {suspended_s:.3f} s of suspension" if suspended_s else ""
    return f"{facts['duration_seconds']:.3f} s{without}, {edges} (boot time {boottime})"


def local_text(moment: str | None) -> str:
    """Return a moment in ISO 8601 as the clock on the wall showed it, "?" for an unknown one."""
    if moment is None:
        return "?"
    return datetime.fromisoformat(moment).astimezone().isoformat(timespec="milliseconds")


def gpu_lines(gpu: Mapping[str, Any]) -> list[str]:
    texts = [
        ("energy", energy_text(gpu)),
        ("power", span_text(gpu, "power", "watts", "W")),
        ("temperature", span_text(gpu, "temperature", "celsius", "°C")),
        ("SM", span_text(gpu, "sm", "percent", "%")),
        ("memory", quantity(gpu["memory_max_mib"], "MiB", 0, "at most ")),
        ("foreground", role_text(gpu["foreground"])),
        ("background", role_text(gpu["background"])),
        ("samples", sampling_text(gpu)),
    ]
    if gpu["event_reasons"]:
        texts.append(("clocks", f"held down by {', '.join(gpu['event_reasons'])}"))
    if any(gpu["throttled_percent"].values()):
        texts.append(("held down", throttled_text(gpu)))
    texts += [("stranger", stranger_text(each)) for each in gpu["strangers"]]
    if (gpu["hidden_memory_mib"] or 0.0) > HIDDEN_MIB:
        held = f"{gpu['hidden_memory_mib']:.0f} MiB at most were held by no visible process"
        texts.append(("strangers", held))
    if gpu["strangers_reason"]:
        texts.append(("strangers", f"not known: {gpu['strangers_reason']}"))
    elif gpu["strangers_hidden_reason"]:
        texts.append(("strangers", f"not visible: {gpu['strangers_hidden_reason']}"))
    texts += [("warning", warning) for warning in gpu["warnings"]]
    return [labelled(4, label, text) for label, text in texts]


def energy_text(gpu: Mapping[str, Any]) -> str:
    counter, trapezoid = gpu["energy_counter_joules"], gpu["energy_trapezoid_joules"]
    if gpu["energy_joules"] is None:
        return f"{_UNKNOWN}: {gpu['energy_reason']}"
    sure = f"{gpu['energy_joules']:.1f} J ± {gpu['energy_uncertainty_joules']:.1f} J"
    gain = f"and ± {gpu['board_gain_percent']:g} % of the board's own"
    if gpu["energy_method"] == "trapezoid":
        return f"{sure} {gain}, by trapezoid"
    beside = "" if trapezoid is None or counter is None else f"; by trapezoid {trapezoid:.1f} J"
    percent = gpu["disagreement_percent"]
    apart = "" if percent is None else f" ({percent:+.2f} %)"
    return f"{sure} {gain}, by counter{beside}{apart}"


def span_text(gpu: Mapping[str, Any], what: str, unit: str, sign: str) -> str:
    """Return mean, lowest or first, and highest of a quantity, as far as they are known."""
    words = {"start": "at the start", "avg": "mean", "min": "lowest", "max": "highest"}
    values = {word: gpu.get(f"{what}_{key}_{unit}") for key, word in words.items()}
    known = [f"{value:.1f} {sign} {word}" for word, value in values.items() if value is not None]
    return ", ".join(known) or _UNKNOWN


def role_text(role: Mapping[str, Any] | None) -> str:
    if role is None:
        return _UNKNOWN
    sm = quantity(role["sm_avg_percent"], "%", 1, after=" mean")
    return f"SM {sm}, memory {quantity(role['memory_max_mib'], 'MiB', 0, 'at most ')}"


def throttled_text(gpu: Mapping[str, Any]) -> str:
    shares = gpu["throttled_percent"].items()
    parts = [f"{reason} {percent:g} %" for reason, percent in shares if percent]
    return f"{', '.join(parts)} of the time, by {gpu['throttled_by']}"


def sampling_text(gpu: Mapping[str, Any]) -> str:
    gap_s, share = gpu["largest_gap_seconds"], gpu["sampling_coverage"]
    if share is None:
        return _UNKNOWN
    seen = f"{percent_down(share)}% of the window"
    return f"{gpu['samples']} of power, longest gap {gap_s:.3f} s, {seen}"


def stranger_text(stranger: Mapping[str, Any]) -> str:
    memory = quantity(stranger["memory_mib"], "MiB", 0)
    sm = quantity(stranger["sm_percent"], "%", 0)
    return (
        f"process {stranger['pid']} ({stranger['name']}, user {stranger['user']},"
        f" {stranger['kind']}), memory {memory}, SM {sm}, seen {local_text(stranger['seen'])},"
        f" {'gone ' + local_text(stranger['gone']) if stranger['gone'] else 'still there'}"
    )


def cpu_lines(cpu: Mapping[str, Any]) -> list[str]:
    energy = [
        f"{what} {cpu[key]:.1f} J"
        for what, key in (("package", "package_joules"), ("DRAM", "dram_joules"))
        if cpu[key] is not None
    ]
    if cpu["total_joules"] is not None:
        energy.append(f"together {cpu['total_joules']:.1f} J")
    missing = [f"{_UNKNOWN}: {cpu['reason']}"] if cpu["reason"] else []
    lines = [labelled(4, "energy", "; ".join(filter(None, [", ".join(energy), *missing])))]
    for role in ("foreground", "background"):
        seconds = quantity(cpu[f"{role}_cpu_seconds"], "s", 2)
        memory = quantity(cpu[f"{role}_pss_max_mib"], "MiB", 0, "at most ")
        lines.append(labelled(4, role, f"CPU time {seconds}, memory {memory}"))
    return lines


def machine_text(machine: Mapping[str, Any]) -> str:
    others = quantity(machine["others_cpu_percent"], "% of all CPUs", 1)
    steal = quantity(machine["steal_percent"], "%", 1)
    swapped = quantity(machine["swapped_in_mib"], "MiB", 1)
    return f"CPU time {others}, stolen {steal}, swapped in {swapped}"


def quantity(value: float | None, unit: str, digits: int, before: str = "", after: str = "") -> str:
    return _UNKNOWN if value is None else f"{before}{value:.{digits}f} {unit}{after}"


def labelled(indent: int, label: str, text: str) -> str:
    return f"{' ' * indent}{label:<{_LABEL_COLUMNS - indent}}  {printable(text)}".rstrip()
