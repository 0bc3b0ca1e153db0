"""check settings and registry; print the design, how long it takes, and what it can tell"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from tandem.base.errors import UsageError
from tandem.base.output import complain, say
from tandem.commands.options import add_plan, read_plan
from tandem.config.problems import ignored_lines

if TYPE_CHECKING:
    from tandem.plan.planner import PlanReading


def add_options(parser: argparse.ArgumentParser) -> None:
    add_plan(parser)
    text = "what is written and has no effect (IGNORED) is an error"
    parser.add_argument("--strict", action="store_true", help=text)
    add = parser.add_mutually_exclusive_group().add_argument
    add("--lines", action="store_true", help="print every command line as it will run")
    add("--json", action="store_true", help="print the plan as plan.json has it, and the problems")


def run(arguments: argparse.Namespace) -> int:
    reading = read_plan(arguments)
    if arguments.strict:
        reading = strictly(reading)
    for line in ignored_lines(reading.problems):
        complain(f"tandem: {line}")
    others = [it for it in reading.problems if arguments.strict or not it.is_ignored]
    if arguments.json:
        from tandem.plan.file import text_of_reading

        say(text_of_reading(reading.plan, reading.problems))
    elif arguments.lines:
        from tandem.report.check.lines import text_of_lines

        say(text_of_lines(reading.plan, others))
    else:
        from tandem.report.check.text import text_of_check
        from tandem.report.grid import screen_columns

        say(text_of_check(reading.plan, others, arguments.results, screen_columns()))
    return UsageError.exit_code if reading.plan is None else 0


def strictly(reading: PlanReading) -> PlanReading:
    """Return the reading in which all that has no effect is an error; with one, no plan."""
    if not any(problem.is_ignored for problem in reading.problems):
        return reading
    problems = (
        replace(problem, severity="error") if problem.is_ignored else problem
        for problem in reading.problems
    )
    return replace(reading, plan=None, problems=tuple(problems))
