"""The facts of one experiment, part by part, each a label and a text: page and terminal say both.

A record may be of an earlier version, or valid JSON with something else in it: each part is made by
itself, and one that cannot be made says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tandem.base.text import counted, two_digits
from tandem.report.compare.wording import number
from tandem.report.details import words
from tandem.report.details.setup import rows_of_setup
from tandem.report.titles import TITLES, source
from tandem.report.why import rows_of_why
from tandem.report.window import energy_text
from tandem.results.reading import ExperimentReading
from tandem.results.record import UNLIKE_A_RECORD, foreground_window

Row = tuple[str, str]


@dataclass(frozen=True)
class Part:
    """Some facts with a title above them."""

    title: str
    rows: Sequence[Row]


def parts_of(reading: ExperimentReading) -> list[Part]:
    """Return what is known of an experiment, in the order in which people want to know it."""
    makers: dict[str, Callable[[Any], Iterator[Row]]] = {"Trainings": _planned}
    if reading.record:
        makers = _MAKERS
    made = [_part(title, maker, reading) for title, maker in makers.items()]
    return [part for part in made if part.rows]


def _part(title: str, maker: Callable[[Any], Iterator[Row]], reading: ExperimentReading) -> Part:
    source: Any = reading if maker in (_planned, _figures, _why) else reading.record
    try:
        return Part(title, list(maker(source)))
    except UNLIKE_A_RECORD:
        return Part(title, [("damaged", "the record does not have this as this version writes it")])


def _planned(reading: ExperimentReading) -> Iterator[Row]:
    if name := words.foreground(reading):
        yield "foreground", name
        yield "values", words.shown_values(words.values(reading)) or "the training's own"
        yield "background", words.background(reading) or "none"


def _trainings(record: Mapping[str, Any]) -> Iterator[Row]:
    yield "foreground", f"{record['repository']}/{record['model']}"
    drawn = set(record.get("mutated") or ())
    values = [
        f"{name}={value}{' (drawn)' if name in drawn else ''}"
        for name, value in record["hyperparameters"].items()
    ]
    yield "values", ", ".join(values) or "the training's own"
    yield "device", record["environment"].get("device") or "the log does not say"
    for part in (record["background"] or {}).get("parts", ()):
        more = [f"{name}={value}" for name, value in part["hyperparameters"].items()]
        training = " ".join([f"{part['repository']}/{part['model']}", *more])
        yield part["name"], f"{training}; {_dose(part)}"


def _dose(part: Mapping[str, Any]) -> str:
    names = {
        "intensity": "intensity {:g}",
        "target_gpu_utilization": "GPU use held at {:g}",
        "gpu_memory_mib": "at most {:g} MiB of GPU memory",
        "gpu_memory_fraction": "at most {:g} of the GPU's memory",
        "max_rounds": "at most {:g} rounds",
    }
    set_ones = [text.format(part[name]) for name, text in names.items() if part[name] is not None]
    return ", ".join(set_ones) or "no dose set"


def _times(record: Mapping[str, Any]) -> Iterator[Row]:
    yield "began", _utc(record["timestamp"])
    yield "foreground", _seconds(record["duration_seconds"])
    epochs = record.get("epochs_done")
    yield "epochs", "not known" if epochs is None else str(epochs)
    for each in record.get("suspensions") or ():
        yield "suspended", f"for {each['duration_seconds']:.1f} s; no figure counts that time"
    cooldown = record.get("cooldown")
    if cooldown and cooldown["duration_seconds"]:
        yield "cool-down", _seconds(cooldown["duration_seconds"])


def _windows(record: Mapping[str, Any]) -> Iterator[Row]:
    for window in record["windows"]:
        of_one = f" (attempt {window['attempt']})" if len(record["attempts"]) > 1 else ""
        yield window["name"] + (of_one if window["attempt"] else ""), "; ".join(_window(window))


def _window(window: Mapping[str, Any]) -> Iterator[str]:
    yield _seconds(window["duration_seconds"])
    for gpu in window["gpus"]:
        power = gpu["power_avg_watts"]
        watts = "" if power is None else f", mean {power:.0f} W"
        yield f"GPU {gpu['index']}: {energy_text(gpu)}{watts}"
    if not window["gpus"]:
        yield f"GPU not measured: {window['gpus_reason'] or 'there is none'}"
    cpu = window["cpu"]["total_joules"]
    reason = window["cpu"]["reason"] or "no reason given"
    yield f"CPU not measured: {reason}" if cpu is None else f"CPU {cpu:.1f} J"
    if load := window["load"]:
        percent = words.percent_text(load["coverage"])
        yield "coverage not known" if percent is None else f"coverage {percent} %"
        if load["sm_avg_percent"] is not None:
            yield f"background's GPU use {load['sm_avg_percent']:.1f} %"


def _rounds(record: Mapping[str, Any]) -> Iterator[Row]:
    kinds = ("completed", "failed", "hollow", "without_metric", "stopped", "open")
    for part in (record["background"] or {}).get("parts", ()):
        counts = {kind: part[f"rounds_{kind}"] for kind in kinds}
        text = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in counts.items() if n)
        yield part["name"], f"{text or 'none'}; in training for {part['training_seconds']:.1f} s"
        for each in part["rounds"]:
            if each["failed"] or each["hollow"]:
                yield _round_name(each), _why_bad(each)
        yield from (("problem", problem) for problem in part["problems"])


def _round_name(each: Mapping[str, Any]) -> str:
    first, last = each["first"], each["last"]
    return f"round {first}" if first == last else f"rounds {first} to {last}"


def _why_bad(each: Mapping[str, Any]) -> str:
    if each["first"] != each["last"]:
        return f"{each['failed']} failed, {each['hollow']} hollow"
    if each["hollow"]:
        return f"hollow: {each['why'] or 'its log does not show work'}"
    return f"failed with exit code {each['exit_code']}, after {each['training_seconds']:.1f} s"


def _attempts(record: Mapping[str, Any]) -> Iterator[Row]:
    for each in record["attempts"]:
        end = f"ended by signal {each['signal']}" if each["signal"] else None
        end = end or f"exit code {each['exit_code']}"
        why = (each["reason"], each["error_message"])
        more = [text for text in why if text not in (None, "ended", end)]
        yield (
            f"attempt {each['number']}",
            ", ".join([_seconds(each["duration_seconds"]), end, *more]),
        )


def _metrics(record: Mapping[str, Any]) -> Iterator[Row]:
    why = record.get("metric_reasons") or {}
    for name, value in record["performance_metrics"].items():
        yield (
            name,
            f"not found: {why.get(name, 'no reason given')}" if value is None else f"{value:g}",
        )


def _figures(reading: ExperimentReading) -> Iterator[Row]:
    """Yield the figures that are known, then for each reason those that are not."""
    found = reading.interference
    unknown: dict[str, list[str]] = {}
    for name, figure in (found["figures"] if found else {}).items():
        title, beside = TITLES.get(name, name), figure["clock_uncertainty"]
        if figure["value"] is None:
            unknown.setdefault(str(figure["reason"]), []).append(title.partition(", J")[0])
            continue
        spread = f" ± {two_digits(beside)} {source(name)}" if beside else ""
        yield title, number(figure["value"]) + spread
    yield from (("not known", f"{', '.join(them)}: {why}") for why, them in unknown.items())


def _why(reading: ExperimentReading) -> Iterator[Row]:
    """Yield what explains the slowdown, where there is one."""
    found = reading.interference
    if found and found["figures"]["slowdown"]["value"] is not None:
        yield from rows_of_why(found["explanation"])


def _warnings(record: Mapping[str, Any]) -> Iterator[Row]:
    found = [*record["warnings"], *record["settings"].get("warnings", ())]
    yield from ((f"warning {number}", str(each)) for number, each in enumerate(found, start=1))


def _machine(record: Mapping[str, Any]) -> Iterator[Row]:
    around = record["environment"]
    if worker := record.get("worker"):
        yield "worker", worker
    yield "host", f"{around['hostname']}, {around['cpu_model'] or 'CPU not known'}"
    window = foreground_window(record)  # type: ignore[arg-type]
    for gpu in window["gpus"] if window else ():
        yield f"GPU {gpu['index']}", f"{gpu['name']}, {gpu['uuid']}"
        if counters := gpu.get("counters"):
            yield f"GPU {gpu['index']}", _counters(counters)
        if (why := gpu.get("counters_reason")) and record["gpu_setup"]["requested"].get("counters"):
            yield f"GPU {gpu['index']}", f"counters: {why}"
        held = {name: share for name, share in gpu["throttled_percent"].items() if share}
        for name, share in held.items():
            yield f"GPU {gpu['index']}", f"held down by {name} for {share:g} % of the foreground"
        for each in gpu["strangers"]:
            yield "stranger", f"process {each['pid']} ({each['name']}, user {each['user']})"
    tries = record.get("cut_off") or ()
    if tries:
        yield "cut off", f"{counted(len(tries), 'earlier try')}: {', '.join(tries)}"


def _counters(found: Mapping[str, Any]) -> str:
    names = {"SMs active": "sm_active", "tensor cores": "tensor_active", "DRAM": "dram_active"}
    values = {name: found[f"{metric}_percent_mean"] for name, metric in names.items()}
    known = [f"{name} {value:.1f} %" for name, value in values.items() if value is not None]
    return f"counters, mean of the foreground: {', '.join(known) or 'none is reported'}"


def _utc(moment: str) -> str:
    return f"{moment[:19].replace('T', ' ')} UTC" if moment.endswith("+00:00") else moment


def _seconds(value: float | None) -> str:
    return "duration not known" if value is None else f"{value:.{1 if value >= 10 else 2}f} s"


_MAKERS: dict[str, Callable[[Any], Iterator[Row]]] = {
    "Trainings": _trainings,
    "Times": _times,
    "Windows": _windows,
    "Rounds": _rounds,
    "Attempts": _attempts,
    "Metrics": _metrics,
    "Beside its control": _figures,
    "Where the slowdown comes from (derived)": _why,
    "Warnings": _warnings,
    "Sharing": rows_of_setup,
    "Machine": _machine,
}
