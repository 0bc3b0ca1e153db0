"""How a GPU was shared follows from where the trainings were seen, or else were given to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support import records
from support.plans import design
from support.records import of
from tandem.base.variables import VISIBLE
from tandem.experiment.sharing import with_sharing
from tandem.experiment.validity.sharing import reasons
from tandem.plan.model import Background, Experiment, Plan
from tandem.results.record_setup import BoardSetup, GpuSetup, MpsDaemon
from tandem.results.record_window import Window, WindowGpu

A, B, C = "MIG-a", "MIG-b", "MIG-c"
WHOLE, OTHER = "GPU-0", "GPU-1"
BOARDS = {A: (0, WHOLE), B: (0, WHOLE), C: (1, OTHER), WHOLE: (0, WHOLE), OTHER: (1, OTHER)}


def setup_of(*slices: str, mode: str = "default", **values: Any) -> GpuSetup:
    """Return what the driver knows where these slices are shown."""
    mig = [
        {"uuid": each, "profile": "3g.40gb", "board_uuid": BOARDS[each][1], "siblings": []}
        for each in slices
    ]
    board = of(BoardSetup, index=0, uuid=WHOLE, compute_mode=mode)
    first = {"sharing": None, "sharing_reason": None, "boards": [board], "mps": [], "mig": mig}
    return of(GpuSetup, **{"requested.sharing": None, **first, **values})


def window_of(*gpus: str, on: str | None = None, beside: str | None = None, **of_gpus: Any) -> Any:
    """Return a window of these GPUs: foreground and background on one each; None: not known."""

    def used(uuid: str | None) -> dict[str, Any]:
        if uuid is None:
            return {"gpus": None, "reason": "too short"}
        seen = {"index": BOARDS[uuid][0], "uuid": uuid, "measured": uuid in gpus}
        return {"gpus": [seen], "reason": None}

    facts = [
        of(
            WindowGpu,
            **{"index": BOARDS[uuid][0], "uuid": uuid, "mig": uuid.startswith("MIG-")},
            foreground_seen=None if on is None else on == uuid,
            background_seen=None if beside is None else beside == uuid,
            **{"mps": False, **of_gpus},
        )
        for uuid in gpus
    ]
    places = {"foreground": used(on), "background": used(beside)}
    return of(Window, gpus=facts, gpus_used=places, gpus_reason=None)


def found(
    experiment: Experiment,
    plan: Plan,
    window: Window | None,
    setup: GpuSetup | None = None,
    given: tuple[str | None, str | None] = (None, None),
) -> tuple[str | None, str | None]:
    """Return how they shared, and why that is None, where the two are given these GPUs."""
    first, second = ({VISIBLE: each} if each else {} for each in given)
    front = replace(experiment.foreground, environment=first)
    back = [
        replace(each, training=replace(each.training, environment=second))
        for each in experiment.backgrounds
    ]
    changed = replace(experiment, foreground=front, backgrounds=tuple(back))
    made = with_sharing(setup or setup_of(), changed, plan, window)
    return made["sharing"], made["sharing_reason"]


@pytest.fixture
def plan() -> Plan:
    return design(blocks=1, loads=1)


@pytest.fixture
def parallel(plan: Plan) -> Experiment:
    [found] = [each for each in plan.experiments if each.backgrounds]
    return found


@pytest.fixture
def solo(plan: Plan, parallel: Experiment) -> Experiment:
    return plan.by_id[str(parallel.twin)]


def test_on_one_whole_gpu_they_take_turns(parallel: Experiment, plan: Plan) -> None:
    for on in (WHOLE, None):  # a short window does not show where they are
        for beside in (WHOLE, None):
            window = window_of(WHOLE, on=on, beside=beside)
            assert found(parallel, plan, window) == ("time_slicing", None)
    assert found(parallel, plan, window_of(WHOLE, OTHER))[0] == "time_slicing"


@pytest.mark.parametrize(
    ("seen", "given", "sharing"),
    [
        ((A, B), (A, B), "mig"),
        ((None, None), (A, B), "mig"),
        ((A, None), (A, B), "mig"),
        ((A, B), (None, None), "mig"),
        ((A, A), (A, A), "time_slicing"),
        ((None, None), (A, A), "time_slicing"),
        ((None, None), (None, None), "time_slicing"),
        ((None, None), (WHOLE, WHOLE), "time_slicing"),
    ],
)
def test_slices_of_one_board_are_mig_and_one_slice_is_not(
    parallel: Experiment,
    plan: Plan,
    seen: tuple[str | None, str | None],
    given: tuple[str | None, str | None],
    sharing: str,
) -> None:
    window = window_of(A, B, on=seen[0], beside=seen[1])
    assert found(parallel, plan, window, setup_of(A, B), given) == (sharing, None)


def test_other_gpus_than_those_given_are_named(parallel: Experiment, plan: Plan) -> None:
    window = window_of(A, B, on=B, beside=B)
    assert found(parallel, plan, window, setup_of(A, B), (A, B)) == (
        None,
        "the foreground was on GPU 0 (MIG-b), and was given MIG-a",
    )
    window = window_of(A, on=A, beside=B)
    assert found(parallel, plan, window, setup_of(A), (A, A))[1] == (
        "the background was on GPU 0 (MIG-b), which was not measured"
    )
    window = window_of(A, C, on=A, beside=C)
    assert found(parallel, plan, window, setup_of(A, C)) == (
        None,
        "the trainings were on different GPUs: the foreground on GPU 0 (MIG-a),"
        " the background on GPU 1 (MIG-c)",
    )


def test_a_number_may_mean_another_gpu_to_cuda(parallel: Experiment, plan: Plan) -> None:
    window = window_of(WHOLE, OTHER, on=OTHER, beside=OTHER)
    assert found(parallel, plan, window, given=("0", "0")) == ("time_slicing", None)


def test_a_solo_run_shares_as_its_twin_would(solo: Experiment, plan: Plan) -> None:
    window = window_of(WHOLE, on=WHOLE)
    assert found(solo, plan, window) == ("time_slicing", None)
    apart = [
        replace(
            each,
            backgrounds=tuple(
                replace(one, training=replace(one.training, environment={VISIBLE: B}))
                for one in each.backgrounds
            ),
        )
        for each in plan.experiments
    ]
    changed = replace(plan, experiments=tuple(apart))
    window = window_of(A, B, on=A)
    assert found(solo, changed, window, setup_of(A, B), (A, None)) == ("mig", None)


def test_a_training_alone_on_its_slice(solo: Experiment, plan: Plan) -> None:
    alone, window = replace(plan, experiments=()), window_of(A, on=A)
    asked = setup_of(A, **{"requested.sharing": "mig"})
    assert found(solo, alone, window, asked, (A, None)) == ("mig", None)
    assert found(solo, alone, window, setup_of(A), (A, None)) == ("time_slicing", None)
    assert found(solo, alone, window_of(WHOLE, on=WHOLE), asked) == ("time_slicing", None)


def test_mps_is_what_our_daemon_served(parallel: Experiment, plan: Plan) -> None:
    ours = setup_of(mps=[of(MpsDaemon)])
    window = window_of(WHOLE, on=WHOLE, beside=WHOLE, mps=True)
    assert found(parallel, plan, window, ours) == ("mps", None)
    assert found(parallel, plan, window_of(WHOLE), ours) == ("mps", None)  # nobody saw where
    window = window_of(WHOLE, on=WHOLE, beside=WHOLE)
    assert found(parallel, plan, window, ours) == (
        None,
        "the foreground was on GPU 0, and no client of MPS was",
    )
    window = window_of(WHOLE, on=WHOLE, mps=True)
    assert found(parallel, plan, window) == (
        None,
        "a server of MPS that is not this run's was on GPU 0",
    )


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"gpus": [], "gpus_reason": "NVML: driver not loaded"}, "NVML: driver not loaded"),
        ({"gpus": [], "gpus_reason": None}, "there is no GPU"),
        ({"gpus[0].foreground_seen": False}, "no process of the foreground was on GPU 0"),
    ],
)
def test_without_a_gpu_nothing_is_shared(
    parallel: Experiment, plan: Plan, values: dict[str, Any], why: str
) -> None:
    window = window_of(WHOLE)
    records.put(window, **values)
    assert found(parallel, plan, window) == (None, why)
    assert found(parallel, plan, None) == (None, "no foreground was measured")


def test_a_compute_mode_that_lets_one_in_shares_nothing(solo: Experiment, plan: Plan) -> None:
    setup = setup_of(mode="exclusive process")
    assert found(solo, plan, window_of(WHOLE, on=WHOLE), setup) == (
        None,
        "GPU 0 lets in one process alone: its compute mode is exclusive process",
    )


def test_slices_that_nobody_was_on_are_not_in_the_record(parallel: Experiment, plan: Plan) -> None:
    window = window_of(A, B, C, on=A, beside=B)
    made = with_sharing(setup_of(A, B, C), parallel, plan, window)
    assert [each["uuid"] for each in made["mig"]] == [A, B]


@pytest.mark.parametrize(
    ("asked", "sharing", "why", "text"),
    [
        ("mps", "time_slicing", None, "MPS was asked for, and it was time slicing"),
        ("mig", None, "no GPU", "MIG was asked for: no GPU"),
        ("mig", "mig", None, None),
        (None, "time_slicing", None, None),
    ],
)
def test_what_was_asked_for_and_was_not_so_does_not_count(
    asked: str | None, sharing: str | None, why: str | None, text: str | None
) -> None:
    made = records.record(
        **{"gpu_setup.sharing": sharing, "gpu_setup.sharing_reason": why},
        **{"gpu_setup.requested.sharing": asked},
    )
    assert [each.text for each in reasons(made)] == ([text] if text else [])
    made["windows"] = []
    assert list(reasons(made)) == []


def test_a_background_given_as_one_of_several(parallel: Experiment, plan: Plan) -> None:
    [one] = parallel.backgrounds
    two = Background(replace(one.training, environment={VISIBLE: B}), one.dose)
    front = replace(parallel.foreground, environment={VISIBLE: A})
    changed = replace(parallel, foreground=front, backgrounds=(two, two))
    made = with_sharing(setup_of(A, B), changed, plan, window_of(A, B, on=A))
    assert made["sharing"] == "mig"
