"""Making artefacts: each script's evidence, with the facts of its run, to disk and screen."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from ambient.runs.console import say
from ambient.runs.files import sweep
from ambient.runs.identity import describe
from ambient.runs.results import write_results
from paper_repro.backends import backend_of, products_of
from paper_repro.makers.adopted import Adopted
from paper_repro.makers.run import Run
from paper_repro.options import Options
from paper_repro.planning import needs
from paper_repro.registry.artefact import Artefact
from paper_repro.registry.artefacts import ARTEFACTS
from paper_repro.report import page, results
from paper_repro.report.claims import Test, untestable
from paper_repro.report.results import DamagedResultError, Made
from paper_repro.scripts import script_of
from toy.contents import contents


def make_all(artefacts: Sequence[Artefact[Any]], options: Options, console: Console) -> None:
    """Make artefacts, print each, and write the page of all that have been made.

    Args:
        artefacts: Which.
        options: Of the run; its device is there (`paper_repro.makers.run.check_device`).
        console: Where results go.

    Raises:
        MissingError: For the first thing that one needs and does not find.
        ValueError, RuntimeError, OSError: As the commands that it calls do.
    """
    run = Run(
        backend=backend_of(options),
        products=products_of(options),
        device=options.device,
        console=console,
        workers=options.workers,
        only_made=options.only_made,
        adopted=tuple(map(Adopted.read, options.adopt)),
    )
    verdicts = {}
    for artefact in artefacts:
        made = make(artefact, options, run)
        console.rule(f"{artefact.paper} {artefact.number}: {artefact.title}")
        console.print(Markdown("\n".join(results.text(made.finding, artefact.claim))))
        console.print(f"Results: {made.folder}", soft_wrap=True, highlight=False)
        verdicts[artefact.name] = made.finding.verdict
    for adopted in run.adopted:
        if adopted.differs and not adopted.used:
            say("[yellow]warning:[/yellow]", f"--adopt {adopted.folder}: not used; other {', '.join(adopted.differs)}")
    if len(artefacts) > 1:
        table = Table("artefact", "verdict", title=f"{len(artefacts)} artefacts at scale {options.scale}")
        for row in verdicts.items():
            table.add_row(*row)
        console.print(table)
    console.print(f"Results: {write_page(options.output, options.output)}", soft_wrap=True, highlight=False)


def write_page(output: Path, root: Path) -> Path:
    """RESULTS.md in `root`, of what has been made in `output`. Raises ValueError if there is nothing."""
    return page.write(ARTEFACTS, output, root)


def make(artefact: Artefact[Any], options: Options, run: Run) -> Made:
    """The result of an artefact at the scale of the run: made, or taken up if it is there. Raises as `make_all`."""
    folder = results.folder_of(options.output, artefact.name, options.scale)
    key = _key(options)
    for written in (options.output, folder):
        sweep(written)
    saved = None if options.again or options.only_made else _saved(folder)
    if saved is not None:
        if saved.facts["key"] == key or saved.facts.get("contents") == _contents_key(options):
            return saved
        say("[yellow]note:[/yellow]", f"{folder} holds a result of other options; it is made again")
    needs.check(run.backend.needs(artefact.products, artefact.judges), options)
    start = time.time()
    finding = script_of(artefact).evidence(run).write(folder)
    if options.scale == "smoke":
        finding = replace(finding, tests=tuple(map(_undecided, finding.tests)))
    facts = {
        "command": options.command(artefact.name),
        "commit": _commit(),
        "hardware": _hardware(options.device),
        "seconds": round(time.time() - start, 1),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "key": key,
        "contents": _contents_key(options),
    }
    made = Made(artefact.name, options.scale, finding, facts, folder)
    write_results(folder / "result.json", results.as_json(made))
    return made


def _saved(folder: Path) -> Made | None:
    """The result in a folder; none if it is damaged, which is said."""
    try:
        made = results.read(folder)
        if made is not None:
            made.check_pictures()
        return made
    except DamagedResultError as error:
        say("[yellow]warning:[/yellow]", f"{error}; it is made again")
        return None


def _undecided(test: Test) -> Test:
    """A test at scale smoke, whose models have been trained for a few steps."""
    return untestable(test.claim, f"models of a few training steps decide nothing; {test.why}")


def _contents_key(options: Options) -> str:
    """As `_key`, with the contents of files and folders in place of their paths: data may be moved."""
    return _digest(options.identity(lambda path: contents(str(path))))


def _key(options: Options) -> str:
    """What decides a result, with paths: quickly told, where nothing was moved."""
    return _digest(options.identity())


def _digest(identity: dict[str, Any]) -> str:
    text = json.dumps(describe(identity), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _commit() -> str:
    """The commit of this checkout, with a mark if files that git knows were changed; "none" outside of git."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = " with changes" if git("status", "--porcelain", "--untracked-files=no", "--", ".") else ""
        return git("rev-parse", "--short", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return "none"


def _hardware(device: str) -> str:
    if device != "cpu":
        return torch.cuda.get_device_name(torch.device(device))
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), {torch.get_num_threads()} thread(s)"
