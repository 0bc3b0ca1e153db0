"""compare for a person and for other programs: whole, in lines that fit, and nothing executed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from support.compared import NO_SOLO, design, designed, figure, figures, parallel, rows
from support.records import put, write_run
from tandem.interference.compare.comparison import comparison
from tandem.interference.figures import NAMES
from tandem.report.compare.exports import COLUMNS, cell
from tandem.report.compare.text import NOTHING, text_of_compare
from tandem.report.compare.wording import told_apart
from tandem.report.titles import TITLES


def text(*words: Any, **options: Any) -> str:
    return text_of_compare([str(word) for word in words], **options)[0]


def line(shown: str, begin: str) -> list[str]:
    return next(line for line in shown.splitlines() if line.startswith(begin)).split()


def test_every_figure_has_a_title() -> None:
    assert set(TITLES) == set(NAMES)


def test_effect_and_interval_come_first_and_verdicts_behind(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1], [1], range(1, 9)))
    shown = text(run)
    heading = "digits/mlp dropout=0.0 epochs=20 beside digits/wide epochs=8, intensity=0.25"
    assert shown.startswith(f"{heading}, on cuda, NVIDIA A100\n8 pairs; its name: ")
    titles = ["figure", "label", "pairs", "estimate", "95", "%", "interval"]
    assert line(shown, "figure ") == titles
    [group] = comparison([str(run)])["groups"]
    row = rows(group)["slowdown"]
    interval = [f"{row['low']:.4g}", "to", f"{row['high']:.4g}"]
    expected = ["slowdown", "derived", "8", f"{row['estimate']:.4g}", *interval]
    assert line(shown, "slowdown ") == expected
    assert f"\nslowdown: above 1 (Holm p {3 * 2 / 2**8:.2g})\n" in shown
    assert shown.index("saving of sharing") < shown.index("slowdown: above")


def test_few_pairs_show_all_values_and_what_they_do_not_show(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", designed(1, 1, 1, 1.5), designed(1, 1, 2, 1.25))
    shown = text(run)
    assert line(shown, "figure ")[-2:] == ["all", "values"]
    assert line(shown, "slowdown ")[-2:] == ["1.5,", "1.25"]
    assert "run-to-run variation unknown" in shown
    assert "slowdown: " not in shown
    three = write_run(tmp_path / "three", *design([1], [1], [1, 2, 3]))
    assert "run-to-run variation unknown" not in text(three)
    one = text(write_run(tmp_path / "one", parallel(1)))
    assert line(one, "slowdown ")[3:] == ["1.25", "±", "0.01", "by", "its", "clocks"]
    assert "run-to-run variation unknown" in one


def test_equivalence_in_words(tmp_path: Path) -> None:
    made = [designed(1, 1, block) for block in range(1, 8)]
    for number, (_, its) in enumerate(made):
        its["figures"] = figures(1 + number / 10_000, energy_ratio=1.2 + number / 100)
        its["figures"]["background_progress_ratio"]["value"] = 1 + (-1) ** number * number / 50
    shown = text(write_run(tmp_path / "run", *made), margin=0.02)
    assert "\nslowdown: less than 2 % different\n" in shown
    assert f"\nenergy ratio: more than 2 % (Holm p {3 * 2 / 2**7:.2g})\n" in shown
    more = line(shown, "background progress: not known; about")
    assert more[5].isdigit()
    assert more[6:] == ["more", "repeats", "would", "tell"]


def test_levels_stand_below_each_other_in_one_table(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1], [1, 2, 4], range(1, 7)))
    for shown in (text(run), text(run, by="intensity")):
        heading = "levels of intensity of digits/wide epochs=8, on cuda, NVIDIA A100"
        _, _, table = shown.partition(heading)
        lines = [line.split() for line in table.splitlines() if line.startswith("  intensity ")]
        assert [words[1] for words in lines] == ["0.25", "0.5", "1"] * 3
        assert all("to" in words for words in lines)
    assert "(Holm p" in text(run, by="intensity")


def test_two_things_say_what_they_are_and_in_what_they_differ(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1], [1, 2], range(1, 7)))
    shown = text(f"{run}:b1", "vs", f"{run}:b2")
    assert (
        f"\nA: {run}:b1 (intensity=0.25)\nB: {run}:b2 (intensity=0.5)\npaired by block\n" in shown
    )
    assert "\nslowdown: B above A (Holm p 0.094)\n" in shown
    assert "delta" not in line(shown, "figure ")
    other = {"timestamp": "later", "environment.cpu_governor": "powersave"}
    second = write_run(tmp_path / "2", *(designed(1, 1, each, **other) for each in range(1, 7)))
    shown = text(run, "vs", second)
    assert "(governor performance)" in " ".join(shown.split())  # the run's folder may be long
    assert "\nnot paired\n" in shown
    assert "delta" in line(shown, "figure ")


def test_a_figure_that_nobody_has(tmp_path: Path) -> None:
    record, interference = parallel(1)
    interference["figures"] = dict.fromkeys(NAMES, figure(None, None, NO_SOLO))
    shown = text(write_run(tmp_path / "run", (record, interference)))
    assert "\nwithout a value: slowdown; slowdown of epochs; background progress; " in shown
    assert f"\nmissing in 1 of 1: {NO_SOLO}\n" in shown


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", parallel(1, valid=False, invalid_reasons=["why"]))
    assert text(run) == f"{NOTHING}\nleft out: 1 not valid: why"
    assert text_of_compare([str(run)], form="csv")[1] == ["left out: 1 not valid: why"]


def test_joules_of_several_boards_name_them(tmp_path: Path) -> None:
    made = list(design([1], [1], range(1, 4)))
    put(made[0][0], **{"windows[1].gpus[0].uuid": "GPU-1234567890"})
    shown = text(write_run(tmp_path / "run", *made))
    assert "\nmarginal energy, J (GPU-12345678)  " in shown
    assert line(shown, "slowdown ")[:3] == ["slowdown", "derived", "3"]


def test_a_narrow_screen_is_kept_to(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1], [1, 2], range(1, 8)))
    words = [str(run)], [f"{run}:b1", "vs", f"{run}:b2"]
    for columns, kept in ((40, 40), (80, 80), (160, 100)):
        lines = [
            line
            for each in words
            for line in text_of_compare(each, margin=0.02, columns=columns)[0].splitlines()
            if str(run) not in line  # a name to type stays whole
        ]
        assert kept - 12 < max(map(len, lines)) <= kept


@pytest.mark.parametrize("form", ["table", "markdown"])
@pytest.mark.parametrize("by", [None, "config", "path"])
def test_no_line_is_longer_than_a_hundred_columns(
    tmp_path: Path, form: str, by: str | None
) -> None:
    """Also with long names, the largest numbers and characters that no screen shows."""
    made = []
    for block, value in enumerate((-12345678.9, -98765432.1, 1.23456, 9999999.0, 0.00001), 1):
        record, interference = designed(1, 1, block, value)
        put(record, **{"background.hyperparameters": {"a" * 90: "x\x1b[31m", "b": 1}})
        put(record, **{"hyperparameters.path": "y\x1b" * 40})
        interference["figures"]["stp"] = figure(None, None, "why " * 60)
        made.append((record, interference))
    shown = text(write_run(tmp_path / "run", *made), by=by, form=form, margin=0.01)
    assert shown.replace("\n", "").isprintable()
    if form == "table":
        assert max(map(len, shown.splitlines())) <= 100


# -- other forms -----------------------------------------------------------------------


def test_json_is_the_comparison(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1], [1, 2], range(1, 7)))
    for words in ([str(run)], [f"{run}:b1", "vs", f"{run}:b2"]):
        found = json.loads(text(*words, form="json"))
        assert found == comparison(words)
        assert found["comparison_version"] == 1
    keys = [tuple(row) for group in found["groups"] for row in group["rows"]]
    assert len(set(keys)) == 1


def test_csv_has_a_row_a_figure_with_its_unit(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1], [1, 2], range(1, 7)))
    found = list(csv.DictReader(io.StringIO(text(run, form="csv"))))
    assert tuple(found[0]) == COLUMNS
    assert [row["figure"] for row in found] == [*NAMES] * 2
    assert {row["measure"] for row in found if row["figure"].endswith("_joules")} == {"J"}
    expected = comparison([str(run)])["groups"][1]["rows"][0]
    row = found[len(NAMES)]
    assert [float(row[name]) for name in ("estimate", "low", "high", "p_holm")] == [
        expected[name] for name in ("estimate", "low", "high", "p_holm")
    ]
    assert (row["verdict"], row["below_resolution"]) == ("above", "False")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((None, ""), (True, "True"), (-1.5, "-1.5"), (3, "3"), ([1.5, -2.0], "1.5 -2.0")),
        *(("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("  +1", "  '+1"), ("-x", "'-x")),
        *(("a=1", "a=1"), ("a;=cmd", "a;'=cmd"), ("a,-1", "a,'-1"), ("\uff1d1", "'\uff1d1")),
        *(("a\r\n=1", r"a\r\n=1"), ("\t=1", r"\t=1"), (["=a", "b"], "'=a b")),
    ],
)
def test_no_spreadsheet_executes_a_cell(value: Any, shown: str) -> None:
    assert cell(value) == shown


def test_markdown_is_a_table_whatever_names_there_are(tmp_path: Path) -> None:
    values = {"repository": "a|b_c", "model": "<img>`"}
    run = write_run(tmp_path / "run", *(designed(1, 1, block, **values) for block in (1, 2)))
    shown = text(run, form="markdown")
    assert shown.startswith("### a\\|b\\_c/\\<img\\>\\` dropout")
    assert shown.count("###") == 1
    table = [line for line in shown.splitlines() if line.startswith("|")]
    assert table[1] == "| --- | --- | --- | --- | --- |"
    assert len(table) == 2 + len(NAMES)
    assert table[2] == "| slowdown | derived | 2 | 1.25 | 1.25, 1.25 |"


def test_a_name_that_is_no_unicode_can_be_shown(tmp_path: Path) -> None:
    record, interference = parallel(1)
    put(record, **{"background.hyperparameters": {"path": "\udcff"}})
    run = write_run(tmp_path / "run", (record, interference))
    assert r"path=\udcff" in text(run)
    assert r"path=\udcff" in text(run, form="csv")
    assert json.loads(text(run, form="json"))["groups"][0]["hyperparameters"] == "path=\udcff"


# -- what is shown and what is said of it agree ----------------------------------------


def test_a_bound_never_looks_like_the_number_that_the_verdict_goes_by(tmp_path: Path) -> None:
    made = [designed(1, 1, block, 1 + block / 100_000) for block in range(1, 8)]
    run = write_run(tmp_path / "run", *made)
    assert line(text(run), "slowdown ")[-3:] == ["1.00002", "to", "1.0001"]
    assert "slowdown: above 1 (Holm p 0.047)" in text(run)
    at_margin = [designed(1, 1, block, 1.02 + block / 100_000) for block in range(1, 8)]
    shown = text(write_run(tmp_path / "margin", *at_margin), margin=0.02)
    assert line(shown, "slowdown ")[-3:] == ["1.02002", "to", "1.0201"]
    assert "slowdown: more than 2 %" in shown
    assert told_apart(0.0504, "0.05", [0.05]) == "0.0504"
    assert told_apart(0.05, "0.05", [0.05]) == "0.05"


def test_more_of_what_counts_once_would_tell(tmp_path: Path) -> None:
    """More repeats of the same configurations would not."""
    many = write_run(tmp_path / "many", *design(range(1, 8), [1], [1, 2], step=0.1))
    assert "more configurations would tell" in text(many, margin=0.3)
    one = write_run(tmp_path / "one", *design([1], [1], [1, 2, 3], step=0.1))
    assert "more repeats would tell" in text(one, margin=0.3)


def test_loads_of_several_runs_with_one_number_are_told_apart(tmp_path: Path) -> None:
    first = write_run(tmp_path / "first", *design([1], [1], [1, 2]))
    made = [*design([1], [1], [1, 2])]
    for record, _ in made:
        put(record, timestamp="2027-01-01T00:00:00+00:00", **{"background.model": "other"})
    shown = text(first, write_run(tmp_path / "second", *made), by="background")
    assert "\nb1: digits/wide " in shown
    assert "\nb1 (2): digits/other " in shown
    assert (shown.count("\n  b1  "), shown.count("\n  b1 (2)  ")) == (3, 3)
