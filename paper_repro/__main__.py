"""`python -m paper_repro list | all | page | NAME ... --scale smoke|cpu|gpu|paper`: see `Options`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.table import Table

from ambient.runs.console import run, say
from paper_repro.backends import backend_of
from paper_repro.makers.backend import Backend
from paper_repro.makers.run import check_device
from paper_repro.options import Options
from paper_repro.planning.jobs import HEAD, Job, entry, total
from paper_repro.registry.artefact import Artefact
from paper_repro.registry.artefacts import ARTEFACTS, find
from paper_repro.report import results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run(Options, _work, arguments, prog="python -m paper_repro")


def _work(options: Options) -> None:
    console = Console()
    for option in options.unused():
        say("[yellow]warning:[/yellow]", f"{option} is not used by this command at scale {options.scale}")
    if options.what == ("list",):
        _list(options, console)
    elif options.what == ("page",):
        from paper_repro.making import write_page

        console.print(f"Results: {write_page(options.output, options.to)}", soft_wrap=True)
    else:
        _make(find(options.what), options, console)


def _make(artefacts: Sequence[Artefact[Any]], options: Options, console: Console) -> None:
    """Make artefacts, or say what that would take."""
    backend = backend_of(options)
    for artefact in artefacts:
        _check_blocks(artefact, options, backend)
    if options.dry_run:
        _plan(artefacts, options, backend, console)
        return
    check_device(options.device)
    from paper_repro.making import make_all

    make_all(artefacts, options, console)


def _check_blocks(artefact: Artefact[Any], options: Options, backend: Backend) -> None:
    """Raises ValueError if --blocks leaves an artefact nothing."""
    whole = backend_of(replace(options, blocks=()))
    for product in artefact.products:
        if product.data_sets(whole) and not product.data_sets(backend):
            known = ", ".join(product.data_sets(whole))
            raise ValueError(
                f"--blocks {' '.join(options.blocks)}: {artefact.name} has {known} at scale {options.scale}; "
                "name one of these, or leave the artefact out"
            )


def _list(options: Options, console: Console) -> None:
    """What there is, what each needs at the papers' scale, and what has been made."""
    table = Table(
        "name", "what", "needs at scale paper", "GPU hours", "made", title="Tables and figures of both papers"
    )
    paper = backend_of(replace(options, scale="paper"))
    for artefact in ARTEFACTS:
        needed = ", ".join(need.name for need in paper.needs(artefact.products, artefact.judges))
        hours = total(_jobs([artefact], paper)).hours
        made = ", ".join(found.scale for found in results.every(options.output, artefact.name))
        table.add_row(artefact.name, artefact.title, needed, f"{hours:,.0f}", made or "–")
    console.print(table)
    console.print("At the scales smoke and cpu nothing is needed; products are shared, so hours do not add up.")


def _plan(artefacts: Sequence[Artefact[Any]], options: Options, backend: Backend, console: Console) -> None:
    """The dry run."""
    jobs = _jobs(artefacts, backend)
    title = f"Plan of {', '.join(a.name for a in artefacts)} at scale {options.scale}; hours of one A100, estimated"
    table = Table(*HEAD, title=title)
    for job in jobs:
        table.add_row(*entry(job))
    table.add_section()
    table.add_row(*entry(total(jobs)))
    console.print(table)
    products = [product for artefact in artefacts for product in artefact.products]
    for need in backend.needs(products, [need for artefact in artefacts for need in artefact.judges]):
        console.print(f"Needs {need}", soft_wrap=True, highlight=False)
    if options.scale == "paper":
        console.print(f"P1's recipe: {options.p1_recipe}; P2's budget: {options.p2_budget}", highlight=False)


def _jobs(artefacts: Sequence[Artefact[Any]], backend: Backend) -> list[Job]:
    """What some artefacts take, products that they share counted once."""
    asked = [product for artefact in artefacts for product in artefact.products]
    stand_ins = [stand_in for artefact in artefacts for stand_in in artefact.stand_ins]
    return [job for product in backend.products(asked, stand_ins) for job in product.cost(backend)]


if __name__ == "__main__":
    sys.exit(main())
