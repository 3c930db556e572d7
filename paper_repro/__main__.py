"""`python -m paper_repro list | all | page | NAME ... --scale smoke|cpu|gpu|paper`: see `Options`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from paper_repro import needs, page, plan, results
from paper_repro.options import SCALES, Options
from paper_repro.products import closure
from paper_repro.registry import ARTEFACTS, Artefact, find

_EXPECTED = (ValueError, RuntimeError, OSError, ArithmeticError, ImportError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    short = (tyro.conf.FlagCreatePairsOff,)
    options = tyro.cli(Options, args=arguments, compact_help=True, config=short)
    console = Console()
    try:
        options.check()
        _run(options, console)
    except KeyboardInterrupt:
        console.print("\nStopped. Run the same command again to go on.")
        return 130
    except _EXPECTED as error:
        Console(stderr=True, soft_wrap=True).print("[red]error:[/red]", Text(" ".join(str(error).split())))
        return 1
    return 0


def _run(options: Options, console: Console) -> None:
    if options.what == ("list",):
        _list(options, console)
    elif options.what == ("page",):
        console.print(f"Results: {page.write(options, options.to)}", soft_wrap=True)
    elif options.dry_run:
        _plan(find(options.what), options, console)
    else:
        _make(find(options.what), options, console)


def _make(artefacts: list[Artefact], options: Options, console: Console) -> None:
    from paper_repro import running
    from paper_repro.workshop import Workshop

    warnings.simplefilter("ignore", UserWarning)
    shop = Workshop(options, console)
    verdicts = {}
    for artefact in artefacts:
        made = running.make(artefact, shop)
        running.show(made, artefact, shop)
        verdicts[artefact] = made.finding.verdict
    if len(artefacts) > 1:
        table = Table("artefact", "verdict", title=f"{len(artefacts)} artefacts at scale {options.scale}")
        for artefact, verdict in verdicts.items():
            table.add_row(artefact.name, verdict)
        console.print(table)
    console.print(f"Results: {page.write(options, options.output)}", soft_wrap=True, highlight=False)


def _list(options: Options, console: Console) -> None:
    """What there is, what each needs at the papers' scale, and what has been made."""
    table = Table(
        "name", "what", "needs at scale paper", "GPU hours", "made", title="Tables and figures of both papers"
    )
    paper = replace(options, scale="paper")
    for artefact in ARTEFACTS:
        products = artefact.needs(False)
        names = ", ".join(need.name for need in needs.needs([artefact], paper))
        hours = plan.total(plan.jobs(products, paper)).hours
        found = [s for s in SCALES if results.read(results.folder_of(options, artefact, s)) is not None]
        table.add_row(artefact.name, artefact.title, names, f"{hours:,.0f}", ", ".join(found) or "–")
    console.print(table)
    console.print("At the scales smoke and cpu nothing is needed; products are shared, so hours do not add up.")


def _plan(artefacts: list[Artefact], options: Options, console: Console) -> None:
    """The dry run."""
    products = closure(tuple(p for artefact in artefacts for p in artefact.needs(options.substitute)))
    jobs = plan.jobs(products, options)
    title = f"Plan of {', '.join(a.name for a in artefacts)} at scale {options.scale}; hours of one A100, estimated"
    table = Table(*plan.HEAD, title=title)
    for job in jobs:
        table.add_row(*plan.entry(job))
    table.add_section()
    table.add_row(*plan.entry(plan.total(jobs)))
    console.print(table)
    for need in needs.needs(artefacts, options):
        console.print(f"Needs {need}", soft_wrap=True, highlight=False)
    if options.scale == "paper":
        console.print(f"P1's recipe: {options.p1_recipe}; P2's budget: {options.p2_budget}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
