"""What list prints of a registry."""

from __future__ import annotations

import json
from pathlib import Path

from tandem.config.registry import load_registry
from tandem.report.registry import text_of_registry


def test_the_registry_as_text(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    repository = {
        "path": "repos/vision",
        "train_script": "./train.sh",
        "models": ["resnet20", "a\nb"],
        "required_args": {"data": "-d 'x y'"},
        "supported_hyperparams": {
            "epochs": {"flag": "-e", "type": "int", "default": 10, "range": [5, 15]},
            "decay": {
                "flag": "--wd",
                "type": "float",
                "range": [1e-5, 0.001],
                "distribution": "log_uniform",
                "zero_probability": 0.3,
            },
            "tag": {"flag": "--tag", "type": "str", "default": "a b"},
            "rate": {"flag": "lr=", "type": "float", "choices": [1e-5, 1]},
            "amp": {"flag": "-a", "off_flag": "-b", "type": "switch", "default": True},
        },
        "model_flag": "-n",
        "performance_metrics": {"log_patterns": {"accuracy": "acc ([0-9.]+)"}},
    }
    bare = {"path": "b", "train_script": "t", "models": ["m"], "trian_script": 1}
    bare["performance_metrics"] = repository["performance_metrics"]
    path.write_text(json.dumps({"models": {"vision": repository, "bare": bare}}))
    assert text_of_registry(load_registry(path)) == (
        "vision\n"
        "  path    repos/vision\n"
        "  script  ./train.sh -d 'x y'\n"
        '  models  resnet20, "a\\nb"\n'
        "  hyperparameter  flag     type    range           "
        "distribution                         default\n"
        "  epochs          -e       int     5 to 15         "
        "uniform                              10\n"
        "  decay           --wd     float   1e-05 to 0.001  "
        "log_uniform, 0 with probability 0.3  -\n"
        "  tag             --tag    str     -               "
        "-                                    'a b'\n"
        "  rate            lr=      float   0.00001, 1.0    "
        "uniform                              -\n"
        "  amp             -a / -b  switch  -               "
        "-                                    true\n"
        "\n"
        "bare\n"
        "  path    b\n"
        "  script  t\n"
        "  models  m\n"
        "\n"
        "1 warning:\n"
        f"  {path}: models.bare.trian_script: IGNORED: unknown key"
        ' (did you mean "train_script"?)'
    )
