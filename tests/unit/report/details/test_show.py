"""show on a terminal: whole, in lines that fit, the standing and its reasons first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.raw_files import write_raw_files
from support.records import of, record, write_run
from tandem.base.errors import UsageError
from tandem.commands.experiments import experiment_named
from tandem.report.details.facts import parts_of
from tandem.report.details.show import can_show, text_of_experiment
from tandem.results.reading import RunReading
from tandem.results.record import Record
from tandem.results.record_setup import BoardSetting, MigUse, MpsDaemon

NAME = "digits_mlp_001_parallel"


def shown(run: Path, name: str = NAME, columns: int = 80, *, has_utf8: bool = True) -> str:
    reading = RunReading(run)
    return text_of_experiment(reading, reading.experiment(name), columns, has_utf8=has_utf8)


def made(**values: Any) -> Record:
    return record(experiment_id=NAME, **values)


def test_the_standing_and_its_reasons_come_first(tmp_path: Path) -> None:
    why = ["coverage 61.3 % is below 95 %", "GPU 0 was used by python (user bob)"]
    run = write_run(
        tmp_path / "run", made(valid=False, invalid_reasons=why, warnings=["it is hot"])
    )
    lines = shown(run).splitlines()
    assert lines[:4] == [NAME, "✗ not valid", f"  - {why[0]}", f"  - {why[1]}"]
    titles = [line for line in lines if line and line[0].isupper()]
    assert titles[:3] == ["Trainings", "Times", "Windows"]
    assert titles.index("Metrics") < titles.index("Warnings") < titles.index("Files")
    assert "  warning 1  it is hot" in lines


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_no_line_is_longer_than_the_terminal(tmp_path: Path, columns: int) -> None:
    run = write_run(tmp_path / "run", made(valid=False, invalid_reasons=["word " * 60]))
    write_raw_files(run / NAME, json.loads((run / NAME / "experiment.json").read_text()))
    (run / NAME / "attempts" / "1" / "training.log").write_text("x" * 300 + "\n" + "y z " * 90)
    text = shown(run, columns=columns)
    assert max(map(len, text.splitlines())) <= columns
    assert "Timeline," in text.replace("\n", " ") and "xxxxxxxx" in text and "y z y" in text


def test_a_figure_without_a_value_says_why(tmp_path: Path) -> None:
    values = {"performance_metrics": {"accuracy": None, "loss": 0.25}}
    values["metric_reasons"] = {"accuracy": "no line of the log matches"}  # type: ignore[dict-item]
    text = shown(write_run(tmp_path / "run", made(**values)))
    assert "  accuracy  not found: no line of the log matches\n  loss      0.25\n" in text


def test_a_record_that_cannot_be_read_is_damaged_and_what_is_there_is_shown(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", made())
    (run / NAME / "experiment.json").write_text('{"experiment_id": ')
    (run / NAME / "attempts" / "1").mkdir(parents=True)
    (run / NAME / "attempts" / "1" / "training.log").write_text("Epoch 1\n\x1b[2Jboom\n")
    text = shown(run)
    assert text.splitlines()[1] == "! damaged"
    assert "experiment.json: not JSON" in text and str(tmp_path) not in text.split("Files")[0]
    assert "  Epoch 1\n  boom\n" in text


def test_what_a_record_of_other_shape_lacks_is_said_part_by_part(tmp_path: Path) -> None:
    whole = RunReading(write_run(tmp_path / "run", made())).experiment(NAME)
    assert whole.record
    whole.record["windows"] = [{"name": 5}]  # type: ignore[typeddict-item]
    found = {part.title: part.rows[0] for part in parts_of(whole)}
    assert found["Windows"] == (
        *("damaged", "the record does not have this as this version writes it"),
    )
    assert found["Trainings"][0] == "foreground"


def test_a_failed_round_is_named_and_its_log_shown(tmp_path: Path) -> None:
    part = "background.parts[0].rounds[0]"
    run = write_run(
        tmp_path / "run",
        made(
            valid=False,
            invalid_reasons=["a round failed"],
            **{f"{part}.failed": 1, f"{part}.completed": 0, f"{part}.exit_code": 7},
        ),
    )
    logs = run / NAME / "background_logs"
    logs.mkdir()
    (logs / "rounds.tsv").write_text("start\t4\t1.0\nend\t4\t2.0\t7\tended\n")
    (logs / "run_4.log").write_text("CUDA out of memory\n")
    text = shown(run)
    assert "failed with exit code 7" in text
    assert "End of background_logs/run_4.log\n  CUDA out of memory\n" in text


def test_a_terminal_without_utf8_gets_ascii(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", made(warnings=["warm: 80 °C"]))
    write_raw_files(run / NAME, json.loads((run / NAME / "experiment.json").read_text()))
    text = shown(run, has_utf8=False)
    assert text.isascii() and "#" in text
    assert can_show("█", "utf-8") and not can_show("█", "latin-1") and not can_show("█", "ascii")


def test_an_experiment_is_named_by_path_or_by_id_and_the_nearest_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", made())
    monkeypatch.chdir(run)
    for text, where in ((f"{run}/{NAME}", "none"), (f"../run/{NAME}/", "none"), (NAME, str(run))):
        assert experiment_named(text, Path(where))[1].id == NAME
    with pytest.raises(UsageError, match=f'did you mean "{NAME}"'):
        experiment_named("digits_mlp_01_paralel", run)
    with pytest.raises(UsageError, match="no such folder"):
        experiment_named(NAME + "x", tmp_path / "gone")
    with pytest.raises(UsageError, match="no experiments in it"):
        experiment_named("a", tmp_path)


def test_every_part_can_be_made_of_a_whole_record(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", made())
    parts = parts_of(RunReading(run).experiment(NAME))
    assert not [part for part in parts if part.rows[0][0] == "damaged"]


def test_of_a_worker_its_name_host_board_and_the_other_tries_are_told(tmp_path: Path) -> None:
    own = {"worker": "n1_1_r0", "environment.hostname": "n1"}
    write_run(tmp_path / "workers" / "n1_1_r0", made(**own))
    write_run(tmp_path / "workers" / "n2_2_r0", made(worker="n2_2_r0"))
    (tmp_path / NAME).symlink_to(f"workers/n1_1_r0/{NAME}")
    text = shown(tmp_path, columns=120)
    assert "n1_1_r0" in text
    assert "n1, AMD EPYC 7302" in text
    assert "NVIDIA H100 80GB HBM3, GPU-" in text
    assert f"Other tries\n  workers/n2_2_r0/{NAME}  ended; another stands" in text
    alone = write_run(tmp_path / "alone", made())
    assert "Other tries" not in shown(alone)
    assert "  worker " not in shown(alone)


def setup_rows(tmp_path: Path, **values: Any) -> list[tuple[str, str]]:
    """Return what is shown of how the GPUs were shared and set."""
    run = write_run(tmp_path / "run", made(**{f"gpu_setup.{key}": values[key] for key in values}))
    parts = parts_of(RunReading(run).experiment(NAME))
    return [row for part in parts if part.title == "Sharing" for row in part.rows]


def test_how_the_gpu_was_shared_and_what_was_set(tmp_path: Path) -> None:
    clock = of(BoardSetting, requested=1200, before=None, enforced=1200, after=None, reason="why")
    rows = setup_rows(
        tmp_path,
        **{"requested.sharing": "mig", "sharing": "mig", "boards[0].sm_clock_mhz": clock},
        mig=[of(MigUse, uuid="MIG-a", board_uuid="GPU-0", siblings=[])],
    )
    assert rows == [
        ("sharing", "MIG (asked for)"),
        ("MIG slice", "MIG-a (3g.40gb) of GPU-0; no other slice beside it"),
        ("GPU 0", "compute mode default"),
        (
            "GPU 0",
            "power limit: asked for 300 W by nvml, before 700 W, enforced 300 W,"
            " put back to 700 W, observed 312 W (mean power)",
        ),
        (
            "GPU 0",
            "SM clock: asked for 1200 MHz by nvml, enforced 1200 MHz, not all is known: why,"
            " observed 1755 MHz (mean), observed 1410 MHz (low)",
        ),
    ]


def test_what_was_asked_for_and_was_not_so_is_shown(tmp_path: Path) -> None:
    rows = setup_rows(
        tmp_path,
        **{"requested.sharing": "mps", "sharing": None, "sharing_reason": "no GPU", "boards": None},
        mps=[of(MpsDaemon, faults=["client 7 ended by signal 9"])],
    )
    assert rows == [
        ("sharing", "not known: no GPU; MPS was asked for"),
        ("MPS", "daemon of attempt 1, version 13.0, ended by quit in 0.21 s; mps/1/control.log"),
        ("MPS", "client 7 ended by signal 9"),
    ]


def test_a_record_of_an_earlier_version_says_nothing_of_sharing(tmp_path: Path) -> None:
    assert setup_rows(tmp_path, requested={}) == []
