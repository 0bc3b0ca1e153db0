"""The home folder is expanded where a shell would; what else one would expand is warned of."""

from __future__ import annotations

from typing import Any

import pytest
from tandem.config.expansion import expanded, shell_flaws, split_words, value_doubt


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/a b")


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("~/data", "/home/a b/data"),
        ("$HOME/data", "/home/a b/data"),
        ("${HOME}/data", "/home/a b/data"),
        ("~", "/home/a b"),
        ("$HOME", "/home/a b"),
        ("$HOMEWORK/data", "$HOMEWORK/data"),
        ("~other/data", "~other/data"),
        ("~x", "~x"),
        ("a/~/b", "a/~/b"),
        ("--data=~/b", "--data=~/b"),
        ("", ""),
    ],
)
def test_only_a_leading_home_is_expanded(word: str, result: str) -> None:
    assert expanded(word) == result


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--data ~/d --out $HOME/out", ("--data", "/home/a b/d", "--out", "/home/a b/out")),
        ("-d 'a b' \"$HOME/x y\"", ("-d", "a b", "/home/a b/x y")),
        ("'~/d' \"~/d\" \\~/d '$HOME/d' \\$HOME", ("~/d", "~/d", "~/d", "$HOME/d", "$HOME")),
        ("a#b 'it''s'", ("a#b", "its")),
    ],
)
def test_what_is_quoted_stays(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


def flaws(**raw: Any) -> list[tuple[str, str, str]]:
    return list(shell_flaws("models.m", raw))


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"required_args": "--data=~/d"}, "required_args"),
        ({"required_args": {"data": "--data=$DATA/d"}}, "required_args.data"),
        ({"required_args": "-n $(nproc)"}, "required_args"),
        ({"required_args": "-n `nproc`"}, "required_args"),
        ({"required_args": "-x ${SCRATCH}/d"}, "required_args"),
        ({"required_args": '-x "$SCRATCH/d"'}, "required_args"),
        ({"required_args": "-x 1 > log.txt"}, "required_args"),
        ({"required_args": "-x 1 2>&1"}, "required_args"),
        ({"required_args": "-x 1 | tee"}, "required_args"),
        ({"env": {"PATH": "$HOME/bin:$PATH"}}, "env.PATH"),
        ({"env": {"CACHE": "~alice/cache"}}, "env.CACHE"),
        ({"model_args": {"big": ["-x", "$SCRATCH"]}}, "model_args.big[1]"),
        ({"train_command": ["python3", "$REPO/x.py"]}, "train_command[1]"),
    ],
)
def test_shell_syntax_that_no_shell_sees_is_a_warning(raw: dict[str, Any], place: str) -> None:
    [(severity, where, message)] = flaws(**raw)
    assert (severity, where) == ("warning", f"models.m.{place}")
    assert "is passed as it stands: no shell " in message


@pytest.mark.parametrize(
    "raw",
    [
        {"required_args": "--data ~/d --out $HOME/out -x '$5' --pattern 'acc$'"},
        {"required_args": "dir=${now:%Y} name=${model.name} x='a|b' -n {out}/a"},
        {"required_args": "--filter '>' --cost 5$ --glob *.tar --range {0..9}"},
        {"required_args": "'$HOME' \\~"},
        {"env": {"CACHE": "$HOME/.cache", "SPACE": "a; (b) c", "NONE": ""}},
        {"train_command": ["bash", "-c", "cd $REPO && exec ./x"]},
        {"train_command": ["~/envs/t/bin/python", "x.py"]},
        {},
    ],
)
def test_what_needs_no_shell_is_not_accused(raw: dict[str, Any]) -> None:
    assert flaws(**raw) == []


@pytest.mark.parametrize("value", ["~/d", "~", "$HOME", "$SCRATCH/d", "${HOME}/d"])
def test_a_value_is_never_expanded_and_that_is_said(value: str) -> None:
    assert "no shell expands it" in value_doubt(value)


@pytest.mark.parametrize("value", ["a~b", "5$", "it's $(x) `id`", "${model.x}", "", 0.5, True])
def test_usual_values(value: object) -> None:
    assert value_doubt(value) == ""
