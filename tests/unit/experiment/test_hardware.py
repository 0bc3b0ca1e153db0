"""A record counts where its trainings were on the boards that were measured, as far as is known."""

from __future__ import annotations

from typing import Any

import pytest
from support import records
from support.records import of
from tandem.experiment.validity.hardware import reasons as reasons_of
from tandem.experiment.validity.hardware import warnings
from tandem.results.record import Record
from tandem.results.record_background import BackgroundPart
from tandem.results.record_window import GpuSeen, Window, WindowGpu

ON_0: GpuSeen = {"index": 0, "uuid": "GPU-0", "measured": True}
ON_1: GpuSeen = {"index": 1, "uuid": "GPU-1", "measured": True}
OTHER: GpuSeen = {"index": 7, "uuid": "GPU-7", "measured": False}
NVML = "NVML: version mismatch"
ABSENT = {"on": [], "is_on": False}


def record(**values: Any) -> Record:
    """Return a parallel record, of one GPU that both were seen on unless the values say otherwise.

    `on` and `background_on` are the GPUs on which they were seen, `is_on` and `is_background_on`
    whether they were on those that are measured, `boards` how many are.
    """
    given: dict[str, Any] = {
        **{"boards": 1, "device": "auto", "background_device": "auto", "why": None, "window": {}},
        **{"on": [ON_0], "background_on": [ON_0], "is_on": True, "is_background_on": True},
        **values,
    }
    seen = {"foreground_seen": given["is_on"], "background_seen": given["is_background_on"]}
    window = of(
        Window,
        gpus=[of(WindowGpu, index=index, **seen) for index in range(given["boards"])],
        gpus_used={
            "foreground": {"gpus": given["on"], "reason": given["why"]},
            "background": {"gpus": given["background_on"], "reason": None},
        },
        warnings=[],
        **{"duration_seconds": 10.0, **given["window"]},
    )
    part = of(BackgroundPart, declared_device=given["background_device"])
    changes = {name: value for name, value in given.items() if "." in name}
    made = {"windows": [window], "environment.declared_device": given["device"]}
    return records.record(**{**made, "background.parts": [part], **changes})


def alone(**values: Any) -> Record:
    made = record(**{"background_on": [], **values})
    made["background"] = None
    return made


def reasons(made: Record) -> list[str]:
    return [reason.text for reason in reasons_of(made)]


def verdict(made: Record) -> tuple[list[str], list[str]]:
    return reasons(made), list(warnings(made))


NOWHERE = "no process of the foreground was on GPU 0"


@pytest.mark.parametrize(
    ("device", "why", "warned"),
    [
        ("auto", [], [NOWHERE]),
        ("cpu", [], []),
        ("gpu", [f'{NOWHERE}, and its device is "gpu" in the registry'], []),
    ],
)
def test_a_foreground_that_was_on_no_gpu(device: str, why: list[str], warned: list[str]) -> None:
    assert verdict(alone(device=device, **ABSENT)) == (why, warned)


@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_where_it_was_is_not_known_there_is_no_verdict(device: str) -> None:
    """As in a container without the host's process ids, or under MPS."""
    unknown = {"on": None, "is_on": None, "why": "ids do not map"}
    assert verdict(alone(device=device, **unknown)) == ([], [])


def test_what_ran_for_too_short_is_not_refused() -> None:
    short = {"window": {"duration_seconds": 4.0}, "on": None, "is_on": False}
    assert verdict(alone(device="gpu", **short)) == ([], [])
    assert verdict(alone(**short)) == ([], [NOWHERE])


def test_on_a_gpu_that_is_neither_measured_nor_locked() -> None:
    why = "the foreground was on GPU 7, which was neither measured nor locked"
    for device in ("auto", "cpu", "gpu"):
        made = alone(device=device, on=[OTHER], is_on=False)
        assert reasons(made) == [why]
    assert reasons(alone(on=[ON_0, OTHER])) == [why]
    made = record(background_on=[OTHER], is_background_on=False)
    assert why.replace("foreground", "background") in reasons(made)


def test_a_background_that_was_on_no_gpu() -> None:
    absent = {"background_on": [], "is_background_on": False}
    text = NOWHERE.replace("foreground", "background")
    assert verdict(record(**absent)) == ([], [text])
    assert verdict(record(background_device="cpu", **absent)) == ([], [])
    why = f'{text}, and its device is "gpu" in the registry'
    assert verdict(record(background_device="gpu", **absent)) == ([why], [])


def test_a_cpu_training_that_is_seen_on_a_gpu_is_warned_of() -> None:
    text = 'the foreground was on GPU 0, and its device is "cpu" in the registry'
    assert verdict(alone(device="cpu")) == ([], [text])


@pytest.mark.parametrize(
    ("given", "counts"),
    [(({}, {}), True), (({"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}), False)],
)
def test_trainings_that_share_no_gpu(given: tuple[dict[str, str], ...], counts: bool) -> None:
    part = of(BackgroundPart, declared_device="auto", env=given[1])
    env = {"background.parts": [part], "environment.env": given[0]}
    made = record(boards=2, background_on=[ON_1], **env)
    text = 'the background was on GPU 1, the foreground on GPU 0, and no "gpus" in the settings'
    assert verdict(made) == ([f"{text} says so"] if counts else [], [])
    assert verdict(record(boards=2, background_on=[ON_0, ON_1], **env)) == ([], [])


BARE = {"gpus_reason": "NVML Shared Library Not Found", "has_gpu": False}


def test_a_laptop_without_a_gpu() -> None:
    for device in ("auto", "cpu"):
        assert verdict(alone(boards=0, device=device, on=[], window=BARE)) == ([], [])
    text = 'no GPU is here, and the device of the foreground is "gpu" in the registry'
    assert verdict(alone(boards=0, device="gpu", on=[], window=BARE)) == ([], [text])


def test_gpus_that_were_given_where_none_can_be_seen() -> None:
    env = {"environment.env": {"CUDA_VISIBLE_DEVICES": "0,1"}}
    why = "no GPU can be seen: NVML Shared Library Not Found"
    text = f"the foreground was given GPU 0, 1, and {why}"
    assert verdict(alone(boards=0, on=[], window=BARE, **env)) == ([], [text])
    none = {"environment.env": {"CUDA_VISIBLE_DEVICES": ""}}
    assert verdict(alone(boards=0, on=[], window=BARE, **none)) == ([], [])


def test_a_gpu_that_nobody_could_look_at() -> None:
    blind = {"gpus_reason": NVML, "has_gpu": True}
    warned = [f"this machine has a GPU that was not measured: {NVML}"]
    for device, counts in {"auto": True, "gpu": True, "cpu": False}.items():
        made = alone(boards=0, device=device, on=None, why=NVML, window=blind)
        why = [f"nobody could look who was on the GPU: {NVML}"] if counts else []
        assert verdict(made) == (why, warned)


def test_a_training_without_a_gpu_on_a_machine_that_has_one() -> None:
    """CUDA_VISIBLE_DEVICES shows none: none is measured, and all are looked at."""
    none = {"gpus_reason": 'CUDA_VISIBLE_DEVICES is "", which shows none'}
    assert verdict(alone(boards=0, on=[], window=none)) == ([], [])
    why = 'no process of the foreground was on a GPU, and its device is "gpu" in the registry'
    assert verdict(alone(boards=0, device="gpu", on=[], window=none)) == ([why], [])
    hidden = "the foreground was on GPU 7, which was neither measured nor locked"
    assert reasons(alone(boards=0, on=[OTHER], window=none)) == [hidden]


def test_without_a_window_nothing_is_said() -> None:
    assert verdict(records.record(windows=[])) == ([], [])


def test_energy_of_a_gpu_that_nobody_was_on_is_warned_of() -> None:
    """It is in the sum, where the foreground was on another one."""
    made = alone(boards=3)
    idle = made["windows"][0]["gpus"][1:]
    text = "no process of the foreground was on GPU 1, 2, whose energy counts as well"
    assert verdict(made) == ([], [])
    for gpu in idle:
        gpu["foreground_seen"] = gpu["background_seen"] = False
    assert verdict(made) == ([], [text])
    idle[1]["background_seen"] = True
    assert verdict(made) == ([], [text.replace(", 2", "")])
    idle[0]["foreground_seen"] = None
    assert verdict(made) == ([], [])
