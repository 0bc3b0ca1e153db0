"""--notify: one program at the end of a run, however that comes, and nothing of it stays."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from support import ROOT
from support.stage import Stage, processes, wait_for
from tandem.run import notice
from tandem.run.notice import Notice, command_of

FRONT = "echo Test Accuracy: 50; sleep 0.1"
NOTING = """#!/bin/bash
{ env -0 | grep -z ^TANDEM_ | tr '\\0' '\\n'; echo "words $*"; cat; } >>"$(dirname "$0")/noted"
"""


def program(folder: Path, text: str) -> Path:
    """Write a program whose path has a space."""
    file = folder / "tell me"
    file.write_text(text)
    file.chmod(0o755)
    return file


def noted(folder: Path) -> dict[str, str]:
    """Return the variables that the program got, its words, and its stdin; it has run once."""
    text = (folder / "noted").read_text()
    assert text.count("\nwords ") == 1
    before, _, stdin = text.partition("\nwords ")
    words, _, stdin = stdin.partition("\n")
    variables = dict(line.split("=", 1) for line in before.splitlines() if "=" in line)
    return {**variables, "words": words, "stdin": stdin}


def test_it_gets_counts_as_variables_and_the_summary_on_stdin(stage: Stage) -> None:
    stage.build("[[ $PWD == *front ]] && exit 3", None)
    tell = shlex.quote(str(program(stage.folder, NOTING)))
    done = stage.run("--notify", f"{tell} a 'b c' ';touch pwned' '$HOME' *")
    assert done.returncode == 1, done.stdout
    got = noted(stage.folder)
    run = next(stage.folder.glob("results/run_*"))
    assert got["words"] == "a b c ;touch pwned $HOME *"
    assert (got["TANDEM_RUN"], got["TANDEM_EXIT_CODE"]) == (str(run), "1")
    counts = [got[f"TANDEM_{what}"] for what in ("VALID", "NOT_VALID", "MISSING")]
    assert counts == ["0", "1", "0"]
    assert got["TANDEM_SUMMARY"] == "1 experiment: 1 not valid"
    assert "front_default_001 is not valid: " in got["stdin"]
    assert got["stdin"].rstrip().endswith(f"results: {run}")


def test_a_run_that_a_signal_stops_tells_so_before_it_ends(stage: Stage) -> None:
    stage.build("echo at work; exec sleep 1000", None)
    driver = stage.start(
        stage.command("--notify", str(shlex.quote(str(program(stage.folder, NOTING)))))
    )
    stage.wait_for_foreground()
    driver.send_signal(signal.SIGTERM)
    output, _ = driver.communicate()
    assert driver.returncode == -signal.SIGTERM, output
    got = noted(stage.folder)
    assert (got["TANDEM_EXIT_CODE"], got["TANDEM_MISSING"]) == ("143", "1")
    assert got["TANDEM_SUMMARY"] == "stopped by SIGTERM"
    assert "1 experiment: 1 missing (" in got["stdin"]


def test_what_never_began_is_told_too(stage: Stage) -> None:
    stage.build(FRONT, None)
    (stage.folder / "settings.json").write_text('{"experiments": [}')
    done = stage.run("--notify", shlex.quote(str(program(stage.folder, NOTING))))
    assert done.returncode == 2
    got = noted(stage.folder)
    assert (got["TANDEM_EXIT_CODE"], got["TANDEM_RUN"], got["TANDEM_VALID"]) == ("2", "", "0")
    done = stage.run("--resume", "nowhere", "--notify", "false")
    assert done.returncode == 2
    assert "warning: --notify false: exit code 1" in done.stdout


def test_its_failure_is_one_line_and_changes_no_exit_code(stage: Stage) -> None:
    stage.build(FRONT, None)
    words = "bash -c 'echo one; echo no such host >&2; exit 7'"
    done = stage.run("--no-report", "--notify", words)
    assert done.returncode == 0, done.stdout
    last = done.stdout.splitlines()[-1]
    assert last == f"tandem: warning: --notify {words}: exit code 7: no such host"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not nothing"),
        ("'a", "No closing quotation"),
        ("no_such_program -x", "no such program"),
    ],
)
def test_what_cannot_be_started_is_said_before_anything_runs(text: str, why: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=why):
        command_of(text)


def test_it_has_little_time_and_nothing_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notice, "LIMIT_S", 0.5)
    monkeypatch.setattr(notice, "GRACE_S", 0.2)
    marker = f"{tmp_path}/marker"
    loop = "while true; do sleep 0.1; done"
    deaf = f"trap '' TERM; (setsid bash -c '{loop}' {marker} &); {loop} # {marker}"
    notice_of = Notice(("bash", "-c", deaf))
    notice_of.send(0)
    notice_of.send(0)
    assert capsys.readouterr().err.count(": not done after 0.5 s") == 1
    wait_for("nothing of it is left", lambda: not processes(marker))


def test_of_a_command_that_prints_one_endless_line_little_is_shown() -> None:
    command = ["bash", "-c", "printf '%09999d'; exit 3"]
    why = notice.started(command, os.environ, "")
    assert why == "exit code 3: " + "0" * notice.MOST_SHOWN


def test_a_reader_that_reads_nothing_is_no_trouble(tmp_path: Path) -> None:
    told = Notice(("true",), text="word " * 100_000)
    told.send(0)
    assert told.is_sent
    environment = {**os.environ, "WHERE": str(tmp_path / "got")}
    assert notice.started(["bash", "-c", 'wc -c >"$WHERE"'], environment, told.text) == ""
    assert int((tmp_path / "got").read_text()) == 500_001


class Ntfy(BaseHTTPRequestHandler):
    """A server as ntfy's: what is posted to a topic is its message."""

    got: ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.got.append((self.path, text))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def example(begin: str) -> str:
    """Return an example of docs/cron.md, as it stands behind --notify."""
    text = (ROOT / "docs" / "cron.md").read_text(encoding="utf-8")
    [line] = [line for line in text.splitlines() if line.startswith(f"--notify {begin}")]
    return shlex.split(line, comments=True)[1]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_example_for_ntfy_posts_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Ntfy) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        place = f"http://127.0.0.1:{server.server_port}"
        Notice(
            command_of(example("'curl").replace("https://ntfy.sh", place)), text="2 valid\nand more"
        ).send(0)
        server.shutdown()
        thread.join()
    assert capsys.readouterr().err == ""
    assert Ntfy.got == [("/a_topic_that_nobody_guesses", "2 valid\nand more\n")]


@pytest.mark.parametrize("name", ["mail", "notify-send"])
def test_the_examples_for_mail_and_the_desktop_say_what_is_to_be_said(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a mail server nor a desktop is here: their programs are played."""
    played = tmp_path / name
    played.write_text(f'#!/bin/bash\n{{ printf "%s\\n" "$@"; cat; }} >{tmp_path}/got\n')
    played.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    words = (
        example("'mail") if name == "mail" else example("$HOME").replace("$HOME/tandem", str(ROOT))
    )
    Notice(command_of(words), known={"TANDEM_RUN": "/r"}, text="1 experiment: 1 valid").send(0)
    got = (tmp_path / "got").read_text()
    expected = {
        "mail": "-s\nTandem\nyou@example.org\n1 experiment: 1 valid\n",
        "notify-send": "--app-name\nTandem\n--\nTandem: 1 experiment: 1 valid\n/r\n"
        "1 experiment: 1 valid\n",
    }
    assert got == expected[name]
