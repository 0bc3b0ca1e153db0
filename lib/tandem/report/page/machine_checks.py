"""How quiet and how well watched the machine was, over all experiments of a run that count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tandem.base.text import counted, share_text, some_of
from tandem.interference.compare.cells import gpus_in_use
from tandem.interference.compare.setup import MEMORY_CLOCK, POWER_LIMIT, SM_CLOCK, setup_of
from tandem.report.compare.wording import number
from tandem.report.page.board_names import Board, BoardNames
from tandem.report.page.least_and_most import LeastAndMost
from tandem.report.why import limit_name
from tandem.results.record import Record
from tandem.results.record_setup import BoardSetting
from tandem.results.record_window import Window, WindowGpu

Line = tuple[str, list[str]]  # what is asked, and what was seen
_MOST_NAMED = 5


@dataclass
class MachineChecks:
    """What may disturb. `note` the records whose figures stand in the report."""

    records: int = 0
    coverage: LeastAndMost = field(default_factory=LeastAndMost)
    limits: set[float] = field(default_factory=set)
    strangers: Counter[str] = field(default_factory=Counter)
    strangers_unknown: Counter[str] = field(default_factory=Counter)
    strangers_hidden: Counter[str] = field(default_factory=Counter)
    gpu_windows: int = 0
    watched_windows: int = 0  # in which everybody who used the GPUs could be seen
    clocks_unknown: int = 0  # windows in which it is not known whether clocks were held down
    no_gpu: Counter[str] = field(default_factory=Counter)
    others: LeastAndMost = field(default_factory=LeastAndMost)
    steal: LeastAndMost = field(default_factory=LeastAndMost)
    swapped: LeastAndMost = field(default_factory=LeastAndMost)
    gap: LeastAndMost = field(default_factory=LeastAndMost)
    sampled: LeastAndMost = field(default_factory=LeastAndMost)
    sensors: dict[Board, tuple[LeastAndMost, LeastAndMost, float]] = field(default_factory=dict)
    methods: Counter[str] = field(default_factory=Counter)
    setups: Counter[str] = field(default_factory=Counter)
    throttled: dict[str, LeastAndMost] = field(default_factory=dict)
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)  # by host, and what it was
    asleep: list[str] = field(default_factory=list)
    boards: BoardNames = field(default_factory=BoardNames)
    kinds: dict[Board, str] = field(default_factory=dict)  # by board

    def note(self, record: Record) -> None:
        name, host = record["experiment_id"], record["environment"]["hostname"]
        self.records += 1
        if background := record["background"]:
            self.coverage.note(background["coverage"], name, "rounds tell nothing")
            self.limits.add(record["validity"]["min_coverage"])
        strangers: dict[str, None] = {}
        for window in record["windows"]:
            self._note_machine(window, name)
            self._note_window(window)
            for gpu in window["gpus"]:
                for each in gpu["strangers"]:
                    strangers[f"{each['name']} of {each['user']}"] = None
                self._note_gpu(gpu, name, host)
        self.strangers.update(strangers.keys())
        self._note_setup(record)
        for board in record["faults"] or []:
            uncorrected, xids = board["ecc_uncorrected"] or 0, board["xids"] or []
            if uncorrected or xids:
                words = [f"Xid {xid}" for xid in xids]
                words += [f"{uncorrected} ECC errors"] if uncorrected else []
                self.faults[host, f"GPU {board['index']}: {', '.join(words)}"] += 1
        if record["suspensions"]:
            self.asleep.append(name)

    def _note_setup(self, record: Record) -> None:
        """Take how the boards were shared and set, and what could not be set or put back."""
        if label := setup_of(record, gpus_in_use(record)).label:
            self.setups[label] += 1
        for board in record["gpu_setup"]["boards"] or []:
            for name in (POWER_LIMIT, SM_CLOCK, MEMORY_CLOCK):
                setting: BoardSetting = board[name]  # type: ignore[literal-required]
                if setting["requested"] is not None and setting["reason"]:
                    self.setups[f"GPU {board['index']}, {name}: {setting['reason']}"] += 1

    def _note_window(self, window: Window) -> None:
        """Count a window once, on however many boards it was measured."""
        gpus = window["gpus"]
        if not gpus:
            self.no_gpu[window["gpus_reason"] or "there is none"] += 1
            return
        self.gpu_windows += 1
        self.methods.update({gpu["energy_method"] or "not measured": 0 for gpu in gpus}.keys())
        blind = {why: 0 for gpu in gpus if (why := gpu["strangers_reason"])}
        hidden = {why: 0 for gpu in gpus if not blind and (why := gpu["strangers_hidden_reason"])}
        self.strangers_unknown.update(blind.keys())
        self.strangers_hidden.update(hidden.keys())
        self.watched_windows += not blind and not hidden
        self.clocks_unknown += not all(gpu["throttled_percent"] for gpu in gpus)

    def _note_machine(self, window: Window, name: str) -> None:
        machine = window["machine"]
        self.others.note(machine["others_cpu_percent"], name, machine["others_cpu_reason"])
        self.steal.note(machine["steal_percent"], name)
        self.swapped.note(machine["swapped_in_mib"], name)

    def _note_gpu(self, gpu: WindowGpu, name: str, host: str) -> None:
        self.gap.note(gpu["largest_gap_seconds"], name)
        self.sampled.note(gpu["sampling_coverage"], name)
        board = self.boards.note(host, gpu)
        self.kinds[board] = gpu["name"]
        new = LeastAndMost(), LeastAndMost(), gpu["board_gain_percent"]
        counter, power, _ = self.sensors.setdefault(board, new)
        counter.note(gpu["counter_period_seconds"], name)
        power.note(gpu["power_period_seconds"], name)
        for reason, percent in gpu["throttled_percent"].items():
            self.throttled.setdefault(reason, LeastAndMost()).note(percent, name)

    # -- as text -----------------------------------------------------------------------

    def lines(self) -> list[Line]:
        """Return each check with what was seen; without one that has nothing to do here."""
        lines = [
            ("Background's coverage", [*self._coverage_texts()]),
            ("Strangers on the GPU", [*self._stranger_texts()]),
            ("Others on the CPUs", [*self._cpu_texts()]),
            ("Gaps of the monitor", [*self._gap_texts()]),
            ("Sensors", [*self._sensor_texts()]),
            ("Sharing, power limit, clocks", [*self._setup_texts()]),
            ("Clocks held down", [*self._clock_texts()]),
            ("Faults of boards", [*self._fault_texts()]),
            ("Suspended", [f"in {some_of(self.asleep, _MOST_NAMED)}"] if self.asleep else []),
        ]
        return [(title, texts) for title, texts in lines if texts]

    def _coverage_texts(self) -> Iterator[str]:
        if self.coverage.low:
            low, where = self.coverage.low
            least = " or ".join(f"{100 * limit:g} %" for limit in sorted(self.limits))
            text = (
                f"{share_text(low)} of the foreground's time or more; at least {least} is asked for"
            )
            yield f"{text} (least: {where})" if low < 1 else text
        if unknown := sum(self.coverage.unknown.values()):
            yield f"not known in {counted(unknown, 'experiment')}"

    def _stranger_texts(self) -> Iterator[str]:
        if not self.gpu_windows:
            yield from (f"no GPU was measured: {why}" for why in self.no_gpu)
            return
        for who, count in self.strangers.most_common(_MOST_NAMED):
            yield f"{who}, in {counted(count, 'experiment')}"
        if more := len(self.strangers) - _MOST_NAMED:
            yield from [f"and {more} more"] if more > 0 else []
        if self.watched_windows and not self.strangers:
            yield f"none seen in {counted(self.watched_windows, 'window')}"
        for why, count in self.strangers_unknown.items():
            yield f"not known in {counted(count, 'window')}: {why}"
        for why, count in self.strangers_hidden.items():
            yield f"not visible in {counted(count, 'window')}: {why}"

    def _cpu_texts(self) -> Iterator[str]:
        most = self.others.high
        where = f" (most: {most[1]})" if most and most[0] > 1 else ""
        yield f"{self.others.text('% of all CPUs')}{where}"
        if self.steal.high and self.steal.high[0] > 0:
            yield f"other virtual machines took up to {number(self.steal.high[0])} %"
        if self.swapped.high and self.swapped.high[0] > 0:
            yield f"up to {number(self.swapped.high[0])} MiB came back from swap in a window"

    def _gap_texts(self) -> Iterator[str]:
        if self.gap.high and self.sampled.low:
            longest_s, where = self.gap.high
            yield f"the longest took {number(longest_s)} s ({where})"
            yield f"{share_text(self.sampled.low[0])} of each window or more was sampled"

    def _sensor_texts(self) -> Iterator[str]:
        alike: dict[str, list[str]] = {}
        names = self.boards.names()
        for board, (counter, power, gain_percent) in self.sensors.items():
            periods = f"energy counter {_every(counter)}, power {_every(power)}"
            text = f"{periods}; gain known to {gain_percent:g} %"
            alike.setdefault(text, []).append(f"{names[board]} ({self.kinds[board]})")
        yield from (f"{some_of(boards, _MOST_NAMED)}: {text}" for text, boards in alike.items())
        if self.methods:
            each = (f"{counted(count, 'window')} by {how}" for how, count in self.methods.items())
            yield f"energy of {', '.join(each)}".replace("by not measured", "not measured")

    def _fault_texts(self) -> Iterator[str]:
        for (host, text), count in self.faults.items():
            on_host = f"{host}, {text}" if len(self.boards.hosts) > 1 else text
            yield f"{on_host}, in {counted(count, 'experiment')}"

    def _setup_texts(self) -> Iterator[str]:
        for label, count in self.setups.items():
            yield f"{label}, in {counted(count, 'experiment')}"

    def _clock_texts(self) -> Iterator[str]:
        for reason, span in self.throttled.items():
            if span.high and span.high[0] > 0:
                percent, where = span.high
                yield f"{limit_name(reason)}: up to {number(percent)} % of a window (most: {where})"
        if self.throttled and not any(it.high and it.high[0] > 0 for it in self.throttled.values()):
            yield "never"
        if self.clocks_unknown:
            yield f"not known in {counted(self.clocks_unknown, 'window')}"


def _every(period_s: LeastAndMost) -> str:
    """Return how often a sensor has a new value, as far as it was learnt."""
    if period_s.low is None or period_s.high is None:
        return "at unknown periods"
    low, high = (number(1000 * each[0]) for each in (period_s.low, period_s.high))
    return f"every {low if low == high else f'{low} to {high}'} ms"
