"""The work of `python -m theory`: choose statements, run them, show and write what they found, and judge it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches

import torch
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ambient.runs.results import write_results
from theory.options import Options
from theory.report import JSON, as_json, write_report
from theory.running import Result, check_all
from theory.statements import STATEMENTS, Statement

_COLOURS = {"exact": "green", "correction": "yellow", "misprint": "yellow"}


def check_statements(options: Options) -> int:
    """Run what `options` ask for.

    Returns:
        0 if every verdict is the one on record, 1 if one is not.

    Raises:
        ValueError: If there is no statement of a name.
        OSError: If a result cannot be written.
    """
    torch.set_num_threads(1)  # the worlds are small: more threads would only wait for one another
    chosen = _choose(options.only)
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)  # so that a path that cannot be is refused before the work
    results = _run(chosen, 1 if options.only else options.workers)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(_table(results))
    console.print(f"{len(results)} statements, {sum(result.seconds for result in results):.0f} s in their checks")
    if options.output is not None and options.only:
        write_results(options.output / JSON, as_json(results))
        console.print(f"results: {options.output / JSON}", markup=False)
    elif options.output is not None:
        console.print(f"report: {write_report(options.output, results)}", markup=False)
    return _judge(results)


def _choose(only: Sequence[str]) -> list[Statement]:
    known = {statement.id: statement for statement in STATEMENTS}
    for id_ in only:
        if id_ not in known:
            near = get_close_matches(id_, known, n=3, cutoff=0.4)
            hint = f"did you mean {', '.join(near)}?" if near else "`python -m theory` lists them all"
            raise ValueError(f"unknown statement {id_!r}; {hint}")
    return [known[id_] for id_ in dict.fromkeys(only)] if only else list(STATEMENTS)


def _run(statements: Sequence[Statement], workers: int) -> list[Result]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("checking", total=len(statements))

        def done(result: Result) -> None:
            progress.update(task, advance=1, description=f"checked {result.statement.id}")

        return check_all(statements, workers, done)


def _table(results: Sequence[Result]) -> Table:
    table = Table(show_lines=True, expand=True)
    for name, ratio in (("id", 4), ("place", 5), ("claim", 12), ("evidence", 14), ("verdict", 3)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for result in results:
        statement, colour = result.statement, _COLOURS.get(result.verdict, "red") if result.agrees else "red"
        table.add_row(
            escape(statement.id),
            escape(statement.place),
            _claim(statement),
            _evidence(result),
            f"[{colour}]{result.verdict}",
        )
    return table


def _claim(statement: Statement) -> str:
    label = "Sharper" if statement.expected == "exact" else "Corrected"
    more = f"\n[dim]{label}: {escape(statement.corrected_form)}[/]" if statement.corrected_form else ""
    return escape(statement.claim) + more


def _evidence(result: Result) -> str:
    if result.findings is None:
        return f"[red]{escape(result.error)}[/]"
    printed = [f"{'' if e.holds else 'as printed, fails: '}{escape(str(e))}" for e in result.findings.printed]
    corrected = [f"{'' if e.holds else '[red]fails: [/]'}[dim]{escape(str(e))}[/]" for e in result.findings.corrected]
    return "\n".join((*printed, *corrected))


def _judge(results: Sequence[Result]) -> int:
    for result in results:
        if not result.agrees:
            found = result.error or "; ".join(str(e) for e in result.evidence if not e.holds)
            print(
                f"{result.statement.id}: on record as {result.statement.expected}, now {result.verdict}: {found}",
                file=sys.stderr,
            )
    return int(not all(result.agrees for result in results))
