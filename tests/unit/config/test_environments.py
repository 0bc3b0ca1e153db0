"""The Python environment of a registry entry: its variables, and where conda's lie."""

from __future__ import annotations

from pathlib import Path

import pytest
from tandem.base.errors import UsageError
from tandem.config.environments import environment_of


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CONDA_EXE", "CONDA_ENVS_PATH", "CONDA_ENVS_DIRS", "MAMBA_ROOT_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("PYTHONHOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return tmp_path


def make(prefix: Path) -> Path:
    (prefix / "bin").mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    (prefix / "bin" / "python").write_text("#!/bin/sh\n")
    (prefix / "bin" / "python").chmod(0o755)
    return prefix


def refusal(python: dict[str, str], folder: Path) -> str:
    with pytest.raises(UsageError) as caught:
        environment_of(python, {}, folder)
    return str(caught.value)


def test_without_one_the_variables_are_those_of_the_registry(home: Path) -> None:
    assert environment_of({}, {"A": "1"}, home) == {"A": "1"}


@pytest.mark.parametrize("given", ["~/envs/t", "$HOME/envs/t", "../envs/t", "{absolute}"])
def test_a_venv(home: Path, given: str) -> None:
    prefix, folder = make(home / "envs" / "t"), home / "repo"
    python = {"venv": given.format(absolute=prefix)}
    path = f"{prefix}/bin:/usr/bin:/bin"
    assert environment_of(python, {}, folder) == {"VIRTUAL_ENV": str(prefix), "PATH": path}
    assert environment_of(python, {"PATH": "/p", "A": "1"}, folder) == {
        **{"VIRTUAL_ENV": str(prefix), "PATH": f"{prefix}/bin:/p", "A": "1"},
    }


def test_a_home_of_another_python_is_not_handed_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/usr")
    make(home / "t")
    assert environment_of({"venv": "~/t"}, {}, home)["PYTHONHOME"] == ""


def test_what_is_not_there_is_an_error(home: Path) -> None:
    assert refusal({"venv": "~/t"}, home) == (
        f'its venv "{home}/t" has no bin/python (make it, or fix the registry)'
    )
    assert 'its conda environment "/no/such" has no bin/python' in refusal(
        {"conda": "/no/such"}, home
    )
    assert refusal({"conda": "torch"}, home) == (
        'there is no conda environment "torch" (write its whole path)'
    )


def test_conda_by_its_folder(home: Path) -> None:
    prefix = make(home / "miniconda3" / "envs" / "torch")
    found = environment_of({"conda": "~/miniconda3/envs/torch"}, {}, home)
    assert found == {
        **{"CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": "torch"},
        "PATH": f"{prefix}/bin:/usr/bin:/bin",
    }
    elsewhere = make(home / "mine")
    found = environment_of({"conda": str(elsewhere)}, {}, home)
    assert found["CONDA_DEFAULT_ENV"] == str(elsewhere)


def test_conda_by_its_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prefix(name: str) -> str:
        return environment_of({"conda": name}, {}, home)["CONDA_PREFIX"]

    usual = make(home / "miniforge3" / "envs" / "torch")
    base = make(home / "miniforge3" / "base").parent
    make(base / "again").rename(home / "spare")
    assert prefix("torch") == str(usual)
    listed = make(home / "far" / "envs" / "jax")
    (home / ".conda").mkdir()
    (home / ".conda" / "environments.txt").write_text(f"{usual}\n{listed}\n/gone/jax\n")
    assert prefix("jax") == str(listed)
    told = make(home / "opt" / "conda")
    monkeypatch.setenv("CONDA_EXE", str(told / "bin" / "conda"))
    assert prefix("base") == str(told)
    by_variable = make(home / "more" / "flax")
    monkeypatch.setenv("CONDA_ENVS_PATH", f"/none:{by_variable.parent}")
    assert prefix("flax") == str(by_variable)


def test_a_name_that_two_have_is_refused(home: Path) -> None:
    first = make(home / "miniforge3" / "envs" / "torch")
    second = make(home / "anaconda3" / "envs" / "torch")
    message = refusal({"conda": "torch"}, home)
    assert str(first) in message
    assert str(second) in message
    (home / "mambaforge").symlink_to(home / "miniforge3")
    second.rename(home / "other")
    assert environment_of({"conda": "torch"}, {}, home)["CONDA_PREFIX"] == str(first)
