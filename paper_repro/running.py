"""Making artefacts: each script's finding, with the facts of its run, to disk and screen."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import os
import platform
import shlex
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.markdown import Markdown

from ambient.runs.files import sweep, write_json
from ambient.runs.identity import describe
from paper_repro import needs, results
from paper_repro.claims import Test, untestable
from paper_repro.options import Options
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Made
from paper_repro.workshop import Workshop

_PLACES = (
    "what",
    "dry_run",
    "download",
    "device",
    "processes",
    "adopt",
    "only_made",
    "again",
    "output",
    "to",
    "blocks",
)
"""Options that do not decide a result, or are a part of it whatever they are."""


def make(artefact: Artefact, shop: Workshop) -> Made:
    """The result of an artefact at the scale of the run: made, or taken up if it is there.

    Raises:
        MissingError: For the first thing that it needs and does not find.
        ValueError, RuntimeError, OSError: As the commands that it calls do.
    """
    options = shop.options
    folder = results.folder_of(options, artefact, options.scale)
    key = _key(options)
    sweep(options.output)
    sweep(folder)
    saved = None if options.again or options.only_made else results.read(folder)
    if saved is not None and saved.facts["key"] == key:
        return saved
    needs.check(artefact, options)
    start = time.time()
    finding: Finding = importlib.import_module(artefact.module).make(shop, artefact, folder)
    if options.scale == "smoke":
        finding = dataclasses.replace(finding, tests=tuple(map(_undecided, finding.tests)))
    facts = {
        "command": f"python -m paper_repro {artefact.name} {_arguments(options)}",
        "commit": _commit(),
        "hardware": _hardware(options),
        "seconds": round(time.time() - start, 1),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "key": key,
    }
    made = Made(artefact.name, options.scale, finding, facts, folder)
    write_json(folder / "result.json", results.as_json(made))
    return made


def _undecided(test: Test) -> Test:
    """A test at scale smoke, whose models have been trained for a few steps."""
    return untestable(test.claim, f"models of a few training steps decide nothing; {test.why}")


def show(made: Made, artefact: Artefact, shop: Workshop) -> None:
    """Print a result."""
    shop.console.rule(f"{artefact.paper} {artefact.number}: {artefact.title}")
    shop.console.print(Markdown("\n".join(results.text(made.finding, artefact.claim))))
    shop.console.print(f"Results: {made.folder}", soft_wrap=True, highlight=False)


def _key(options: Options) -> str:
    facts = {f.name: getattr(options, f.name) for f in dataclasses.fields(options) if f.name not in _PLACES}
    text = json.dumps(describe({**facts, "blocks": options.blocks}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _arguments(options: Options) -> str:
    """The options that differ from their defaults, as on the command line; where data lie is left to the reader."""
    parts = [f"--scale {options.scale}"]
    default = Options()
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.name in ("what", "scale", "output", "to", "again", "dry_run", "processes"):
            continue
        if value == getattr(default, field.name):
            continue
        name = field.name.replace("_", "-")
        if isinstance(value, bool):
            parts.append(f"--{name}")
        elif field.name in ("cifar10", "ffhq", "tiny_imagenet", "laion", "xrays", "adopt", "inception"):
            parts.append(f"--{name} {name.upper()}")
        elif isinstance(value, tuple):
            parts.append(f"--{name} {' '.join(map(str, value))}")
        else:
            parts.append(f"--{name} {shlex.quote(str(value))}")
    return " ".join(parts)


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


def _hardware(options: Options) -> str:
    if options.device != "cpu":
        return torch.cuda.get_device_name(torch.device(options.device))
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), {torch.get_num_threads()} thread(s)"
