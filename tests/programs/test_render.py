"""Values through the real templates and a real Bash: they arrive as written, or are refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from support.stage import wait_for
from tandem.base.paths import BGRUN, FGRUN, ROOT, TEMPLATES
from tandem.base.templates import TemplateError, Values, render, render_file
from tandem.experiment.scripts import prepare
from tandem.plan.command import MAX_ARGUMENT_BYTES
from tandem.plan.model import Experiment
from tandem.plan.planner import read_plan
from tandem.processes.namespace import off
from tandem.report.shell import shell_line
from tandem.results.shared.local_samples import Samples

RENDER = [sys.executable, "-S", "-E", str(ROOT / "lib" / "render.py")]
DEADLINE_S = 120.0  # a hang guard, not a figure

PIECES = [
    *(
        " ",
        "'",
        '"',
        "\n",
        "\r",
        "\t",
        ";",
        "&",
        "|",
        "*",
        "~",
        "#",
        "!",
        "$x",
        "${PATH}",
        "=",
        "-",
    ),
    *("$(touch pwned)", "`touch pwned`", "';touch pwned;'", '"$(touch pwned)"', "\n touch pwned\n"),
    *(
        "\\",
        "\\n",
        "--",
        "-n",
        "--help",
        "{{ x }}",
        "'{{ many }}'",
        "('{{ command }}')",
        "%s",
        "\x01",
        "\x7f",
    ),
    *("é", "日本語", "\U0001f600", "\u2028", "\u202e", "a" * 3000),
]
UNDECODABLE = ["\udce9", "\udcff", "\udcc3"]  # bytes that are no UTF-8, as Python hands them on
TEXTS = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
)
RAW = st.binary(max_size=30).map(
    lambda raw: raw.replace(b"\0", b"").decode(errors="surrogateescape")
)
WORDS = st.one_of(TEXTS, RAW, st.lists(st.sampled_from(PIECES + UNDECODABLE)).map("".join))

# What each template needs; the tests replace what they are about.
COMMON: Values = {
    **{"root": str(ROOT), "python": sys.executable, "grace_s": "1"},
    "environment": [],
    "out_words": "0",
}
FOREGROUND: Values = {**COMMON, "timeout": []}
BACKGROUND: Values = {
    **COMMON,
    "restart_delay_s": "0",
    "max_rounds": "0",
    "logs_kept": "5",
    "log_rules": "",
    "rounds_kept": "5",
    "isolation": [],
}

# Each example starts processes: it is not shrunk, which would take minutes.
few = settings(
    max_examples=settings().max_examples * 3 // 10,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def raw(words: Sequence[str]) -> list[bytes]:
    return [word.encode(errors="surrogateescape") for word in words]


def lines_of(event: str, rounds: Path) -> list[str]:
    return [line for line in rounds.read_text().splitlines() if line.startswith(f"{event}\t")]


def told(printed: bytes) -> list[bytes]:
    """Return the words that were printed, each with a NUL behind it."""
    assert printed.endswith(b"\0")
    return printed[:-1].split(b"\0")


def folder_name(text: str) -> str:
    """Return a text as the name of one folder: what no file system takes is left out."""
    cut = text.replace("/", "_").encode(errors="surrogateescape")[:200]
    return cut.decode(errors="surrogateescape") if cut.strip(b".") else f"_{text}"


@contextmanager
def place(name: str) -> Iterator[tuple[Path, Path]]:
    """Yield an empty folder and one of that name below it; the first is also where Bash stands."""
    with tempfile.TemporaryDirectory() as top:
        inner = Path(top, folder_name(name))
        inner.mkdir()
        yield Path(top), inner


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def run(command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command,
        cwd=folder,
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_S,
    )


# -- values arrive -------------------------------------------------------------------------


@settings(max_examples=settings().max_examples * 3 // 2)
@given(one=WORDS, many=st.lists(WORDS, max_size=12))
@example(one="", many=[""])
@example(one="-n", many=["-e", "--", "\\c"])
@example(one="a" * 3000, many=PIECES + UNDECODABLE)
def test_bash_reads_back_every_value(one: str, many: list[str]) -> None:
    template = (
        "readonly ONE='{{ one }}' # a remark\nreadonly -a MANY=('{{ many }}') # another\n"
        'printf "%s\\0" "$ONE" "${MANY[@]}"\n'
    )
    with place("here") as (folder, inner):
        script = folder / "script"
        text = render(template, {"one": one, "many": many})
        script.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        done = run(["bash", script], inner)
        assert (done.returncode, done.stderr) == (0, b"")
        assert told(done.stdout) == raw([one, *many])
        assert files_below(folder) == {"script"}


LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=5
)


@given(arguments=LINES)
@example(arguments=["\\n'\n", "\x1b[31m", "", "-n", "\u2028é中", "$(x)"])
def test_bash_reads_a_line_back_as_the_same_arguments(arguments: list[str]) -> None:
    line = shell_line(arguments)
    assert line.isprintable()
    shown = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' x {line}"], capture_output=True, check=True
    )
    assert shown.stdout.decode().split("\0")[1:-1] == arguments


def test_the_kernel_takes_the_longest_argument_allowed() -> None:
    argument = "x" * (MAX_ARGUMENT_BYTES - 1)
    program = "import sys; print(len(sys.argv[1]))"
    shown = subprocess.run(
        [sys.executable, "-c", program, argument], capture_output=True, text=True, check=True
    )
    assert shown.stdout == f"{MAX_ARGUMENT_BYTES - 1}\n"


@few
@given(words=st.lists(WORDS, min_size=1, max_size=8), name=WORDS)
@example(words=PIECES + UNDECODABLE, name="$(touch pwned)\n';\"-é\udce9 ")
@example(words=["", "-", "--", "-x"], name="-n\n")
def test_fgrun_gives_the_training_its_arguments(words: list[str], name: str) -> None:
    """The working folder, that of script and results, and variables carry any text as well."""
    with place(name) as (folder, inner):
        command = ["bash", "-c", 'printf "%s\\0" "$@" "$GIVEN" "$TANDEM_OUT" >args', "bash", *words]
        values = {
            **FOREGROUND,
            "work_dir": str(inner),
            "environment": ["NEVER=1", f"GIVEN={words[0]}"],
            "command": command,
        }
        script, out = inner / "fg_run.sh", inner / "out"
        render_file(TEMPLATES / "fg_run.sh.j2", script, values)
        done = run([FGRUN, "--quiet", "--out", out, script], folder)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert told((inner / "args").read_bytes()) == raw([*words, words[0], str(out)])
        report = json.loads((out / "keeper.json").read_text())
        assert raw(report["command"]) == raw(command)
        here = {"args", "fg_run.sh", "out/training.log", "out/keeper.json"}
        assert files_below(inner) == here
        assert len(files_below(folder)) == len(here)


@pytest.mark.parametrize("name", ["&a\\&b\\\\c", "{out}", "$(touch pwned)\n';\"-é\udce9 "])
def test_only_the_words_of_the_registry_have_the_folder_of_the_log_in_them(name: str) -> None:
    with place(name) as (_, inner):
        out, script = inner / "out", inner / "fg_run.sh"
        command = ["bash", "-c", 'printf "%s\\0" "$@" >args', "bash", "a={out}/x{out}", "{out}"]
        values = {**FOREGROUND, "work_dir": str(inner), "command": command, "out_words": "5"}
        render_file(TEMPLATES / "fg_run.sh.j2", script, values)
        assert run([FGRUN, "--quiet", "--out", out, script], inner).returncode == 0
        words = [f"a={out}/x{out}", "{out}"]
        assert told((inner / "args").read_bytes()) == raw(words)
        assert raw(json.loads((out / "keeper.json").read_text())["command"][4:]) == raw(words)


def test_the_folder_of_a_round_that_is_stopped_goes(tmp_path: Path) -> None:
    script, logs = tmp_path / "bg_loop.sh", tmp_path / "logs"
    command = ["bash", "-c", 'touch "$1/saved"; exec sleep 60', "bash", "{out}"]
    values = {**BACKGROUND, "work_dir": str(tmp_path), "command": command, "out_words": "5"}
    render_file(TEMPLATES / "bg_loop.sh.j2", script, {**values, "grace_s": str(DEADLINE_S)})
    loop = subprocess.Popen([BGRUN, "--logs", logs, script], stderr=subprocess.DEVNULL)
    try:
        wait_for("the round works", (logs / "run_1" / "saved").exists)
    finally:
        loop.terminate()
        loop.wait()
    assert not (logs / "run_1").exists()
    assert (logs / "run_1.log").exists()


def test_each_round_has_a_folder_of_its_own_until_it_succeeds(tmp_path: Path) -> None:
    script, logs = tmp_path / "bg_loop.sh", tmp_path / "logs"
    line = 'echo "$1" >>outs; ls "$1" && touch "$1/saved"; [ $(wc -l <outs) != 2 ] || exit 1'
    command = ["bash", "-c", line, "bash", "{out}"]
    values = {**BACKGROUND, "work_dir": str(tmp_path), "command": command, "out_words": "5"}
    render_file(TEMPLATES / "bg_loop.sh.j2", script, {**values, "max_rounds": "3"})
    loop = subprocess.Popen([BGRUN, "--logs", logs, script], stderr=subprocess.DEVNULL)
    try:
        rounds = logs / "rounds.tsv"
        wait_for("round 3 ended", lambda: rounds.exists() and "end\t3" in rounds.read_text())
        wait_for("its folder is removed", lambda: not (logs / "run_3").exists())
    finally:
        loop.terminate()
        loop.wait()
    assert (tmp_path / "outs").read_text().split() == [f"{logs}/run_{n}" for n in (1, 2, 3)]
    assert [path.name for path in logs.iterdir() if path.is_dir()] == ["run_2"]
    assert (logs / "run_2" / "saved").exists()


@settings(few, max_examples=6)
@given(words=st.lists(WORDS, min_size=1, max_size=8), name=WORDS)
@example(words=PIECES + UNDECODABLE, name="$(touch pwned)\n';\"-é\udce9 ")
def test_bgrun_gives_every_round_its_arguments(words: list[str], name: str) -> None:
    with place(name) as (folder, inner):
        script, logs = inner / "bg_loop.sh", inner / "logs"
        command = ["bash", "-c", 'printf "%s\\0" "$@" "$GIVEN" "$TANDEM_OUT"', "bash", *words]
        given = {"environment": [f"GIVEN={words[0]}"], "command": command}
        values = {**BACKGROUND, "work_dir": str(inner), **given}
        render_file(TEMPLATES / "bg_loop.sh.j2", script, values)
        loop = subprocess.Popen(
            [BGRUN, "--logs", logs, script], cwd=folder, stderr=subprocess.DEVNULL
        )
        try:
            rounds = logs / "rounds.tsv"
            wait_for("round 2 ended", lambda: rounds.exists() and "end\t2" in rounds.read_text())
        finally:
            loop.terminate()
            loop.wait(DEADLINE_S)
        for number in (1, 2):
            log = (logs / f"run_{number}.log").read_bytes()
            assert told(log) == raw([*words, words[0], str(logs)])
        assert "end\t1" in rounds.read_text()
        assert {line.split("\t")[3] for line in lines_of("end", rounds)[:2]} == {"0"}
        names = files_below(folder)
        assert not [name for name in names if Path(name).name.startswith("pwned")]


@pytest.mark.parametrize(
    ("tool", "results", "work_dir"),
    [
        (BGRUN, "a 'b' \"c\" é\n;d", "$(touch pwned)"),
        (FGRUN, "a 'b' \"c\" é\n;d", "$(touch pwned)"),
        (BGRUN, "$(touch pwned)", "-C"),
        (FGRUN, "$(touch pwned)", "-C"),
        (BGRUN, "-results", "."),
        (FGRUN, "-results", "."),
        (FGRUN, "behind\n", "."),
        (FGRUN, "results", "behind\n"),
    ],
)
def test_folders_typed_by_hand(tmp_path: Path, tool: Path, results: str, work_dir: str) -> None:
    """Relative ones, as a person types them; results go there, and the training runs there."""
    folder = tmp_path / "here"
    for name in (results, work_dir):
        (folder / name).mkdir(parents=True, exist_ok=True)
    out, log = ("--logs", "run_1.log") if tool == BGRUN else ("--out", "training.log")
    training = subprocess.Popen(
        [tool, out, results, "-C", work_dir, "--", "bash", "-c", "pwd; touch done"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    done = folder / work_dir / "done"
    try:
        wait_for("an end", lambda: done.exists() or training.poll() is not None)
    finally:
        training.terminate()
        training.wait(DEADLINE_S)
    assert done.exists()
    assert (folder / results / log).read_text() == f"{os.path.normpath(folder / work_dir)}\n"
    assert not list(tmp_path.rglob("pwned"))


@pytest.fixture
def latin1(tmp_path: Path) -> dict[str, str]:
    """The environment of a user whose locale is not UTF-8."""
    sources = Path("/usr/share/i18n/charmaps/ISO-8859-1.gz")
    if not shutil.which("localedef") or not sources.exists():
        pytest.skip("this machine cannot make a locale")
    locale = "de_DE.ISO-8859-1"
    made = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(tmp_path / locale)]
    subprocess.run(made, check=True)
    return {**os.environ, "LOCPATH": str(tmp_path), "LC_ALL": locale}


def test_a_locale_that_is_not_utf8(tmp_path: Path, latin1: dict[str, str]) -> None:
    command = [str(FGRUN), "--quiet", "--out", "out", "--", "printf", "%s", "é"]
    subprocess.run(command, cwd=tmp_path, env=latin1, check=True, timeout=DEADLINE_S)
    assert (tmp_path / "out" / "training.log").read_bytes() == "é".encode()


def test_a_driver_in_a_locale_that_is_not_utf8(tmp_path: Path, latin1: dict[str, str]) -> None:
    script = tmp_path / "é" / "train.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/bash\necho Accuracy: 5\n")
    script.chmod(0o755)
    repository = {
        "path": ".",
        "train_script": "./train.sh",
        "models": ["m"],
        "performance_metrics": {"log_patterns": {"accuracy": "Accuracy: ([0-9]+)"}},
    }
    (tmp_path / "registry.json").write_text(json.dumps({"models": {"r": repository}}))
    options = ["--registry", "registry.json", "--root", "é", "--results", "results"]
    command = [sys.executable, str(ROOT / "driver.py"), "run", "--repo", "r", "--model", "m"]
    done = subprocess.run(
        [*command, *options],
        cwd=tmp_path,
        env=latin1,
        check=False,
        capture_output=True,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr


# -- from the settings to the training -----------------------------------------------------

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53), 2**53),
    st.sampled_from([1e-7, 5e-324, 1.7976931348623157e308, -0.0, 0.1 + 0.2, 1e22, 1e16]),
)
FLAGS = {"note": "--note", "rate": "--rate", "count": "-c"}


def planned(folder: Path, work_dir: str, model: str, values: dict[str, Any]) -> Experiment:
    """Return the one experiment of settings and a registry that are written to the folder."""
    name = f"{model} of $(touch pwned)"
    repository = {
        "path": work_dir,
        "train_script": "./it's a $(touch pwned).sh",
        "models": [model],
        "model_flag": "-n",
        "required_args": "-d 'a b'",
        "supported_hyperparams": {
            "note": {"flag": FLAGS["note"], "type": "str", "default": ""},
            "rate": {"flag": FLAGS["rate"], "type": "float", "default": 1.0},
            "count": {"flag": FLAGS["count"], "type": "int", "default": 1},
        },
    }
    entry = {"mode": "default", "repo": name, "model": model, "hyperparameters": values}
    (folder / "registry.json").write_text(json.dumps({"models": {name: repository}}))
    (folder / "settings.json").write_text(
        json.dumps({"experiment_name": name, "timeout_seconds": 60, "experiments": [entry]})
    )
    reading = read_plan(folder / "settings.json", folder / "registry.json", root=folder)
    assert reading.plan, reading.problems
    assert reading.plan.name == name
    return reading.plan.experiments[0]


@few
@given(
    note=TEXTS,
    rate=NUMBERS,
    count=st.integers(-(2**63), 2**63),
    model=TEXTS.filter(lambda text: text not in ("", "default")),
    name=TEXTS,
)
@example(note="".join(PIECES), rate=1e-7, count=3, model="'; touch pwned; '", name="x\ny")
@example(note=" ", rate=-0.0, count=-1, model=" m\n", name=" x \n")
def test_the_training_gets_what_the_settings_say(
    note: str, rate: float, count: int, model: str, name: str
) -> None:
    """The whole chain: settings, registry, plan, rendered script, Bash, keeper, training."""
    with place(name) as (folder, work_dir):
        script = work_dir / "it's a $(touch pwned).sh"
        script.write_text("#!/bin/bash\nprintf '%s\\0' \"$@\" >args\n")
        script.chmod(0o755)
        values = {"note": note, "rate": rate, "count": count}
        experiment = planned(folder, work_dir.name, model, values)
        assert re.fullmatch("[A-Za-z0-9_][A-Za-z0-9._-]{0,119}", experiment.id)
        prepared = folder / experiment.id
        nobody: Any = None
        parts: Any = {"environment": {}, "monitor": nobody, "samples": Samples(prepared)}
        prepare(experiment, prepared, off("a test"), **parts, say=nobody)
        done = run([FGRUN, "--quiet", "--out", prepared / "1", prepared / "fg_run.sh"], folder)
        assert (done.returncode, done.stderr) == (0, b"")
        words = [word.decode() for word in told((work_dir / "args").read_bytes())]
        assert words[:4] == ["-d", "a b", "-n", model]
        assert words[4::2] == [*FLAGS.values()]
        recorded = experiment.foreground.hyperparameters
        assert words[5] == recorded["note"] == note
        assert float(words[7]).hex() == float(recorded["rate"]).hex() == float(rate).hex()
        assert int(words[9]) == recorded["count"] == count
        assert not list(folder.rglob("pwned"))


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 200_000])
def test_what_no_argument_can_hold_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "train.sh").write_text("#!/bin/bash\n")
    (tmp_path / "train.sh").chmod(0o755)
    parameter = {"flag": "-x", "type": "str", "default": ""}
    registry = {
        "models": {
            "r": {
                "path": ".",
                "train_script": "./train.sh",
                "models": ["m"],
                "supported_hyperparams": {"note": parameter},
            }
        }
    }
    entry = {"mode": "default", "repo": "r", "model": "m", "hyperparameters": {"note": text}}
    (tmp_path / "registry.json").write_text(json.dumps(registry))
    (tmp_path / "settings.json").write_text(json.dumps({"experiments": [entry]}))
    reading = read_plan(tmp_path / "settings.json", tmp_path / "registry.json", root=tmp_path)
    assert reading.plan is None
    errors = [problem for problem in reading.problems if problem.severity == "error"]
    assert [problem.path for problem in errors] == ["experiments[0].hyperparameters.note"]


# -- values are refused --------------------------------------------------------------------

SMALL = "readonly NAME='{{ name }}'\nreadonly -a WORDS=('{{ words }}')\n"
FITTING: Values = {"name": "x", "words": ["y"]}


@pytest.mark.parametrize(
    ("template", "values", "message"),
    [
        (SMALL, {"name": "x"}, "no value for words"),
        (SMALL, {}, "no value for name, words"),
        (SMALL, {**FITTING, "colour": "red"}, "no place in the template for colour"),
        (SMALL + "'{{ name }}'\n", FITTING, "more than one place in the template for name"),
        (SMALL, {**FITTING, "name": ["x"]}, "name must be one string"),
        (SMALL, {**FITTING, "words": "y"}, "words must be a list of words"),
        (SMALL, {**FITTING, "name": "x\0"}, "name holds a NUL"),
        (SMALL, {**FITTING, "words": ["y", "\0"]}, "words holds a NUL"),
        (SMALL + 'OTHER="{{ other }}"\n', FITTING, "line 3: a brace is left over"),
        (SMALL + "# '{{other}}'\n", FITTING, "line 3: a brace is left over"),
        (SMALL + "\n: }}\n", FITTING, "line 4: a brace is left over"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(template: str, values: Values, message: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(message)):
        render(template, values)


@pytest.mark.parametrize("name", ["fg_run.sh.j2", "bg_loop.sh.j2"])
def test_a_real_template_needs_each_of_its_values(name: str) -> None:
    template = (TEMPLATES / name).read_text()
    more = BACKGROUND if name.startswith("bg") else FOREGROUND
    values: dict[str, str | Sequence[str]] = {**more, "work_dir": "/", "command": ["true"]}
    render(template, values)
    for missing in values:
        rest = {key: value for key, value in values.items() if key != missing}
        with pytest.raises(TemplateError, match=f"no value for {missing}$"):
            render(template, rest)


@pytest.mark.parametrize("name", ["fg_run.sh.j2", "bg_loop.sh.j2"])
def test_the_unrendered_template_is_bash(name: str, tmp_path: Path) -> None:
    done = run(["bash", "-n", TEMPLATES / name], tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


# -- files, and render.py as a program -----------------------------------------------------


def test_a_file_that_cannot_be_rendered_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "template").write_text(SMALL)
    output = tmp_path / "script"
    output.write_text("earlier")
    with pytest.raises(TemplateError):
        render_file(tmp_path / "template", output, {"name": "x"})
    assert output.read_text() == "earlier"
    render_file(tmp_path / "template", output, FITTING)
    assert output.read_text() == "readonly NAME=x\nreadonly -a WORDS=(y)\n"
    assert os.access(output, os.X_OK)
    assert files_below(tmp_path) == {"template", "script"}


def test_the_program_takes_strings_arrays_and_a_command(tmp_path: Path) -> None:
    (tmp_path / "template").write_text(SMALL + "COMMAND=('{{ command }}')\nNONE=('{{ none }}')\n")
    values = ["name=a=b", "words[]=x y", "words[]=-z", "none[]=", "--", "--", "name=c", ""]
    done = run([*RENDER, "template", "-script", *values], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "-script").read_text().splitlines() == [
        "readonly NAME=a=b",
        "readonly -a WORDS=('x y' -z)",
        "COMMAND=(-- name=c '')",
        "NONE=()",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["template", "script", "name=x"], "no value for words"),
        (["template", "script", "name=x", "words[]=y", "colour"], "no place in the template for"),
        (["nowhere", "script"], "No such file or directory"),
        (["template", "nowhere/script", "name=x", "words[]=y"], "No such file or directory"),
        (["template"], "not enough values"),
    ],
)
def test_the_program_refuses_in_one_line(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "template").write_text(SMALL)
    done = run([*RENDER, *arguments], tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"render: error: ")
    assert message in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert files_below(tmp_path) == {"template"}
