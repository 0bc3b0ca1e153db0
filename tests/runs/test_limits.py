"""Whole runs on the simulated GPU: limits of its memory, and sizes that are to be found."""

from __future__ import annotations

import json
import shlex
from datetime import datetime
from typing import Any

import pytest
from simgpu import DRIVER_NOT_LOADED, INIT, SimGpu
from support.stage import Stage, training_line
from tandem.base.clock import now

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("on_gpu")]
SIZES = [16, 32, 64, 128]


def front(gpu: SimGpu, **flags: Any) -> str:
    values = {"watts": 200, "memory_mib": 1000, "sm_percent": 30, "seconds": 3, **flags}
    return training_line(gpu.command(**values))


def back(gpu: SimGpu, **flags: Any) -> list[str]:
    values = {"watts": 100, "memory_mib": 3000, "sm_percent": 40, "seconds": 600, **flags}
    return gpu.command(**values)


def noting(command: list[str], what: str = "MEM|FLAGS|ALLOC") -> str:
    """The line of a training that gets its arguments, and notes its environment first."""
    line = training_line(command)
    return f"env | grep -E '{what}' | sort > environment; {line} \"$@\""


def change(stage: Stage, name: str, **values: Any) -> None:
    """Change the background's entry in the settings, or its repository in the registry."""
    file = stage.folder / name
    whole = json.loads(file.read_text())
    if name == "registry.json":
        whole["models"]["back"] |= values
    else:
        whole["experiments"][0]["background"] |= values
    file.write_text(json.dumps(whole))


def part_of(record: dict[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = record["background"]["parts"][0]
    return part


def environment(stage: Stage) -> dict[str, str]:
    lines = (stage.folder / "repos/back/environment").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


# -- limits ------------------------------------------------------------------------------------


def test_a_limit_is_handed_on_and_kept(stage: Stage, gpu: SimGpu) -> None:
    gpu.set(memory_total_mib=40000)
    stage.build(front(gpu), noting(back(gpu)))
    change(stage, "settings.json", gpu_memory_mib=8000)
    change(stage, "registry.json", env={"FLAGS_fraction_of_gpu_memory_to_use": "0.5"})
    change(stage, "registry.json", memory_limit=["pytorch"])
    stage.more_environment |= {"PYTORCH_CUDA_ALLOC_CONF": "max_split_size_mb:64"}
    run = stage.run()
    assert run.returncode == 0, run.stdout
    told = environment(stage)
    assert told["TANDEM_GPU_MEMORY_MIB"] == "8000"
    assert told["TANDEM_GPU_MEMORY_FRACTION"] == told["XLA_CLIENT_MEM_FRACTION"] == "0.2"
    assert told["CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"] == "0=8000M"
    assert told["FLAGS_fraction_of_gpu_memory_to_use"] == "0.5"  # the registry's own word
    options = "max_split_size_mb:64,per_process_memory_fraction:0.2"
    assert told["PYTORCH_CUDA_ALLOC_CONF"] == options
    found = part_of(stage.record())["gpu_memory"]
    assert (found["limit_mib"], found["max_mib"], found["exceeded"]) == (8000, 3000, False)
    assert (found["exceeded_at"], found["reason"]) == (None, None)
    assert found["env"] == {name: told[name] for name in found["env"]}
    used_utc_s = datetime.fromisoformat(found["used_at"]).timestamp()
    assert used_utc_s == pytest.approx(now().at(found["used_boottime_s"]).utc_s, abs=5)
    assert "warning: background" not in run.stdout


def test_more_than_the_limit_is_said_once_and_does_not_make_invalid(
    stage: Stage, gpu: SimGpu
) -> None:
    gpu.set(memory_total_mib=40000)
    stage.build(front(gpu), noting(back(gpu)))
    change(stage, "settings.json", gpu_memory_fraction=0.05)
    run = stage.run()
    assert run.returncode == 0, run.stdout
    warning = "background holds 3000 MiB of GPU 0, more than its limit of 2000 MiB"
    assert run.stdout.count(warning) == 1
    record = stage.record()
    found = part_of(record)["gpu_memory"]
    assert (found["limit_mib"], found["max_mib"], found["exceeded"]) == (2000, 3000, True)
    assert found["exceeded_at"] > record["timestamp"]
    assert record["valid"] is True
    assert "PYTORCH_CUDA_ALLOC_CONF" not in environment(stage)  # nobody said that it is new enough


def test_without_nvml_only_what_needs_no_size_is_set(stage: Stage, gpu: SimGpu) -> None:
    gpu.fail(DRIVER_NOT_LOADED, *INIT)
    stage.build(front(gpu), noting(back(gpu)))
    change(stage, "settings.json", gpu_memory_mib=8000)
    run = stage.run()
    assert run.returncode == 0, run.stdout
    told = environment(stage)
    assert told["TANDEM_GPU_MEMORY_MIB"] == "8000"
    assert not any("FRACTION" in name for name in told)
    assert "background: its GPU cannot be asked" in run.stdout
    found = part_of(stage.record())["gpu_memory"]
    assert (found["limit_mib"], found["max_mib"], found["exceeded"]) == (8000, None, None)
    assert found["reason"].startswith("its GPU cannot be asked: ")


def test_where_nvml_hides_who_is_there_nothing_is_known(stage: Stage, gpu: SimGpu) -> None:
    gpu.set(processes="without memory")
    stage.build(front(gpu), noting(back(gpu)))
    change(stage, "settings.json", gpu_memory_mib=2000)
    stage.run()
    found = part_of(stage.record())["gpu_memory"]
    assert (found["max_mib"], found["exceeded"]) == (None, None)
    assert found["reason"] == "the memory of a process is not reported"


def test_a_background_that_is_on_no_gpu_was_not_measured(stage: Stage, gpu: SimGpu) -> None:
    stage.build(front(gpu), "echo works; exec sleep 600")
    stage.run()
    found = part_of(stage.record())["gpu_memory"]
    assert (found["limit_mib"], found["max_mib"], found["exceeded"]) == (None, None, None)
    assert found["reason"] == "none of its processes was seen on a GPU"
    assert found["env"] == {}


# -- what cannot fit together ------------------------------------------------------------------


def test_what_cannot_fit_together_is_said_beforehand(stage: Stage, gpu: SimGpu) -> None:
    stage.build(front(gpu, memory_mib=30000), training_line(back(gpu, memory_mib=20000)))
    for _ in range(2):  # nothing is known yet, then that they fit
        run = stage.run()
        assert run.returncode == 0, run.stdout
        assert "cannot fit" not in run.stdout
    gpu.set(memory_total_mib=45000)
    run = stage.run()
    assert (
        "warning: cannot fit together on GPU 0, which has 45000 MiB, as measured before:"
        " front default 30000 MiB (run_"
    ) in run.stdout
    assert "back default 20000 MiB (run_" in run.stdout
    assert "in all 50000 MiB" in run.stdout
    [misfit] = stage.record()["background"]["misfits"]
    assert f"warning: {misfit}" in run.stdout


# -- sizes that are to be found ----------------------------------------------------------------


def choosing(stage: Stage, gpu: SimGpu, max_retries: int = 0, **flags: Any) -> None:
    """A background that needs 100 MiB a sample, of which "auto" may take 16 to 128."""
    line = training_line(back(gpu, mib_a_sample=100, **flags))
    stage.build(front(gpu), f'{line} "$@"', max_retries=max_retries)
    size = {"flag": "--batch-size", "type": "int", "sizes": SIZES}
    change(stage, "registry.json", supported_hyperparams={"batch_size": size})
    change(stage, "settings.json", hyperparameters={"batch_size": "auto"})


def test_the_largest_size_that_fits_is_taken(stage: Stage, gpu: SimGpu) -> None:
    gpu.set(memory_total_mib=8000)  # 3000 and 16 or 32 times 100 fit
    choosing(stage, gpu)
    run = stage.run()
    assert run.returncode == 0, run.stdout
    assert "background: batch_size 32 fits" in run.stdout
    record = stage.record()
    part = part_of(record)
    full = "out of memory in round 1"
    tried = [{"value": 128, "reason": full}, {"value": 64, "reason": full}]
    assert part["auto"] == {"name": "batch_size", "value": 32, "tried": tried}
    assert part["hyperparameters"] == {"batch_size": 32}
    assert part["command"][-2:] == ["--batch-size", "32"]
    assert (part["rounds_failed"], part["gpu_memory"]["max_mib"]) == (0, 6200)
    assert record["valid"] is True
    logs = stage.experiment / "background_logs"
    assert "CUDA out of memory" in (logs / "tried_128/run_1.log").read_text()
    assert "end\t1" in (logs / "tried_64/rounds.tsv").read_text()
    assert "Device: simulated GPU" in (logs / "run_1.log").read_text()
    assert "--batch-size 32)" in (stage.experiment / "bg_loop.sh").read_text()


def test_room_is_left_for_a_foreground_that_was_measured(stage: Stage, gpu: SimGpu) -> None:
    """With 128 the background holds 15800 MiB, with 64 it holds 9400 MiB, with 16 4600 MiB."""
    choosing(stage, gpu)
    assert stage.run().returncode == 0
    assert part_of(stage.record())["auto"]["value"] == 128
    gpu.set(memory_total_mib=16500)  # the foreground held 1000 MiB
    run = stage.run()
    assert run.returncode == 0, run.stdout
    auto = part_of(stage.record())["auto"]
    assert (auto["value"], [it["value"] for it in auto["tried"]]) == (64, [128])
    assert auto["tried"][0]["reason"].startswith("the foreground held 1000 MiB before (run_")
    assert auto["tried"][0]["reason"].endswith("no 15800 MiB of the 16500 MiB of GPU 0")
    gpu.set(memory_total_mib=5200)
    stage.run()
    assert part_of(stage.record())["auto"]["value"] == 16


def test_memory_that_fills_up_late_is_noticed_before_the_foreground(
    stage: Stage, gpu: SimGpu
) -> None:
    """The warm-up is long over when the training has read its data and wants its memory."""
    gpu.set(memory_total_mib=8000)
    choosing(stage, gpu, data_seconds=1.5)
    run = stage.run()
    assert part_of(stage.record())["auto"]["value"] == 32, run.stdout


def test_where_none_fits_the_foreground_is_not_started(stage: Stage, gpu: SimGpu) -> None:
    gpu.set(memory_total_mib=4000)
    choosing(stage, gpu)
    run = stage.run()
    assert run.returncode == 1
    why = "background not ready: none of batch_size 128, 64, 32, 16 fits into the GPU's memory"
    assert why in run.stdout
    assert "CUDA out of memory" in run.stdout
    record = stage.record()
    assert (record["status"], record["attempts"]) == ("background not ready", [])
    auto = part_of(record)["auto"]
    assert (auto["value"], [it["value"] for it in auto["tried"]]) == (None, [128, 64, 32, 16])


def test_another_failure_is_no_reason_for_a_smaller_size(stage: Stage, gpu: SimGpu) -> None:
    choosing(stage, gpu, exit_code=3, seconds=0.1)
    top = json.loads((stage.folder / "settings.json").read_text())
    (stage.folder / "settings.json").write_text(json.dumps({**top, "ready_timeout_seconds": 3}))
    stage.run()
    part = part_of(stage.record())
    assert part["auto"] == {"name": "batch_size", "value": None, "tried": []}
    assert part["rounds_failed"] > 0


def test_a_retry_begins_again_with_the_size_that_was_found(stage: Stage, gpu: SimGpu) -> None:
    gpu.set(memory_total_mib=8000)
    choosing(stage, gpu, max_retries=1)
    script = stage.folder / "repos/front/train.sh"
    line = script.read_text()
    script.write_text(line.replace("\nexec", "\n[ -e once ] || { touch once; exit 3; }\nexec"))
    run = stage.run()
    record = stage.record()
    assert [each["exit_code"] for each in record["attempts"]] == [3, 0], run.stdout
    assert part_of(record)["auto"]["value"] == 32
    assert run.stdout.count("does not fit") == 2


def test_what_a_larger_size_held_is_not_counted(stage: Stage, gpu: SimGpu) -> None:
    """The one of 128 holds 9450 MiB for a while before more cannot be had."""
    gpu.set(memory_total_mib=40000)
    choosing(stage, gpu)
    script = stage.folder / "repos/back/train.sh"
    holder = shlex.join(back(gpu, memory_mib=9450, seconds=2.5))
    failing = f'[[ "$*" == *128 ]] && {{ {holder}; echo RuntimeError: out of memory; exit 1; }}'
    script.write_text(script.read_text().replace("\nexec", f"\n{failing}\nexec"))
    change(stage, "settings.json", gpu_memory_mib=9500)
    top = json.loads((stage.folder / "settings.json").read_text())
    (stage.folder / "settings.json").write_text(json.dumps({**top, "warmup_seconds": 4}))
    run = stage.run()
    assert run.returncode == 0, run.stdout
    part = part_of(stage.record())
    assert (part["auto"]["value"], part["auto"]["tried"][0]["value"]) == (64, 128)
    assert part["gpu_memory"]["max_mib"] == pytest.approx(9400)
    assert part["gpu_memory"]["exceeded"] is False


def test_without_auto_a_full_memory_is_a_failure_as_any_other(stage: Stage, gpu: SimGpu) -> None:
    big = training_line(back(gpu, memory_mib=90000))
    stage.build(front(gpu), big, ready_timeout_seconds=3)
    run = stage.run()
    record = stage.record()
    assert (record["status"], record["attempts"]) == ("background not ready", [])
    assert "background not ready: no round succeeded, " in run.stdout
    assert "CUDA out of memory" in run.stdout
    assert part_of(record)["auto"] is None


def test_a_size_is_found_for_a_dosed_background_too(stage: Stage, gpu: SimGpu) -> None:
    gpu.set(memory_total_mib=8000)
    choosing(stage, gpu)
    change(stage, "settings.json", intensity=0.5)
    run = stage.run()
    assert run.returncode == 0, run.stdout
    part = part_of(stage.record())
    assert (part["auto"]["value"], len(part["auto"]["tried"])) == (32, 2)
    assert part["problems"] == []
    load = next(it for it in stage.record()["windows"] if it["name"] == "foreground")["load"]
    assert 0 < load["parts"][0]["dose"]["duty_mean"] < 1
