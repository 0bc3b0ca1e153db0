"""How trainings are started: what the registry says reaches the training, as it was meant."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from support.stage import Stage, wait_for

FRONT = """\
printf '[%s]' "$@"; echo
echo "in $VIRTUAL_ENV with $(command -v python3), buffered: $_STDBUF_O"
touch "$2/model"; until [ -e go ]; do sleep 0.01; done; echo Test Accuracy: 1"""
BACK = 'printf "[%s]" "$@"; echo; ls -d "$2"; touch "$2/model"; sleep 60'


def change(stage: Stage, name: str, **keys: Any) -> None:
    file = stage.folder / "registry.json"
    registry = json.loads(file.read_text())
    registry["models"][name] |= keys
    file.write_text(json.dumps(registry))


def values(stage: Stage, **hyperparameters: Any) -> None:
    """Give the foreground of a stage's settings these values."""
    file = stage.folder / "settings.json"
    settings = json.loads(file.read_text())
    settings["experiments"][0]["foreground"]["hyperparameters"] = hyperparameters
    file.write_text(json.dumps(settings))


def make_venv(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(sys.executable)
    return folder


def test_all_that_the_registry_says_of_a_start_arrives(stage: Stage) -> None:
    stage.build(FRONT, BACK)
    venv = make_venv(stage.folder / "env")
    stage.more_environment["HOME"] = str(stage.folder)
    supported = {
        "shift": {"flag": "--shift", "type": "float"},
        "rate": {"flag": "optimizer.lr=", "type": "float"},
        "amp": {"flag": "--amp", "type": "switch", "default": False},
        "cudnn": {"flag": "--cudnn", "off_flag": "--no-cudnn", "type": "switch"},
        "optimizer": {"flag": "--optimizer", "type": "str", "choices": ["sgd", "adam"]},
    }
    change(
        stage,
        "front",
        required_args="--out {out} --data ~/data",
        python={"venv": "~/env"},
        line_buffered=True,
        supported_hyperparams=supported,
    )
    change(stage, "back", required_args="--out {out}")
    given = {"shift": -2e-5, "rate": 1e-5, "amp": True, "cudnn": False, "optimizer": "adam"}
    values(stage, **given)
    driver = stage.start(stage.command())
    logs = "results/run_*/*/background_logs/run_1"
    wait_for("the background works", lambda: list(stage.folder.glob(f"{logs}/model")))
    stage.wait_for_foreground()
    (stage.folder / "repos/front/go").touch()
    printed, _ = driver.communicate()
    record, folder = stage.record(), stage.experiment
    assert record["valid"], (record["invalid_reasons"], printed)
    assert (folder / "training.log").read_text().splitlines() == [
        f"[--out][{folder}/attempts/1][--data][{stage.folder}/data]"
        "[--shift][-0.00002][optimizer.lr=0.00001][--amp][--no-cudnn][--optimizer][adam]",
        f"in {venv} with {venv}/bin/python3, buffered: L",
        "Test Accuracy: 1",
    ]
    assert (folder / "attempts/1/model").exists()
    log = (folder / "background_logs/run_1.log").read_text()
    assert log == f"[--out][{folder}/background_logs/run_1]\n{folder}/background_logs/run_1\n"
    assert record["hyperparameters"] == given
    assert record["environment"]["env"]["VIRTUAL_ENV"] == str(venv)
    assert record["environment"]["command"][1:5] == ["-oL", "./train.sh", "--out", "{out}"]
    assert "True" in (folder.parent / "summary.csv").read_text()


def test_check_says_what_will_not_start_and_what_does_not_arrive(stage: Stage) -> None:
    stage.build("exit 0", None)
    change(stage, "front", required_args="--cache=$HOME/c", needs_modules=["no_such_module"])
    script = stage.folder / "repos/front/train.sh"
    driver, run, *_ = stage.command()[1:]
    places = ["--registry", "registry.json", "--root", ".", "settings.json"]

    def check() -> tuple[int, str]:
        words = [sys.executable, driver, "check", *places]
        done = stage.run_command(["env", "-C", str(stage.folder), *words])
        return done.returncode, done.stdout

    assert run == "run"
    status, printed = check()
    assert status == 0
    assert '"--cache=$HOME/c" is passed as it stands' in printed
    assert 'has no module "no_such_module"' in printed
    script.write_text("#!/bin/bash\r\nexit 0\r\n")
    status, printed = check()
    assert status == 2
    assert 'needs the interpreter "/bin/bash\\r"' in printed
    script.write_text("exit 0\n")
    status, printed = check()
    assert status == 2
    assert "has no interpreter line" in printed
