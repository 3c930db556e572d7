"""What an artefact shows, as `result.json` and as text."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paper_repro.claims import Outcome, Test, overall
from paper_repro.options import SCALES, Options, Scale
from paper_repro.registry import Artefact


@dataclass(frozen=True)
class Table:
    """Rows of text under a head; the first column is the row's name."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """With the title above."""
        rule = ("---", *["--:"] * (len(self.head) - 1))
        lines = ["| " + " | ".join(row) + " |" for row in (self.head, rule, *self.rows)]
        return "\n".join([f"*{self.title}*", "", *lines]) + "\n"


@dataclass(frozen=True)
class Finding:
    """What a script found.

    Attributes:
        tables: Ours beside the paper's.
        tests: The claim on our figures.
        pictures: File name in the artefact's folder -> caption.
        surrogates: What stands for what at this scale.
    """

    tables: tuple[Table, ...]
    tests: tuple[Test, ...]
    pictures: dict[str, str]
    surrogates: tuple[str, ...] = ()

    @property
    def verdict(self) -> Outcome:
        """What follows from the tests."""
        return overall(self.tests)


@dataclass(frozen=True)
class Made:
    """A result on disk.

    Attributes:
        name: Of the artefact.
        scale: Of the run.
        finding: What was found.
        facts: command, commit, hardware, seconds and date.
        folder: Where its pictures are.
    """

    name: str
    scale: Scale
    finding: Finding
    facts: dict[str, Any]
    folder: Path


def folder_of(options: Options, artefact: Artefact, scale: Scale) -> Path:
    """Where the result of an artefact goes."""
    return options.output / "results" / scale / artefact.name


def as_json(made: Made) -> dict[str, Any]:
    """The content of result.json."""
    finding = dataclasses.asdict(made.finding)
    return {"name": made.name, "scale": made.scale, "verdict": made.finding.verdict, **finding, **made.facts}


def read(folder: Path) -> Made | None:
    """The result in a folder; None if there is none.

    Raises:
        ValueError: If its result.json is damaged, naming it.
    """
    path = folder / "result.json"
    if not path.is_file():
        return None
    try:
        saved = json.loads(path.read_text())
        finding = Finding(
            tuple(Table(t["title"], tuple(t["head"]), tuple(map(tuple, t["rows"]))) for t in saved["tables"]),
            tuple(Test(**test) for test in saved["tests"]),
            dict(saved["pictures"]),
            tuple(saved["surrogates"]),
        )
        facts = {key: saved[key] for key in ("command", "commit", "hardware", "seconds", "date", "key")}
        return Made(saved["name"], saved["scale"], finding, facts, folder)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it and make the artefact again") from error


def largest(options: Options, artefact: Artefact) -> Made | None:
    """The result at the largest scale made so far."""
    found = [read(folder_of(options, artefact, scale)) for scale in SCALES]
    return next((made for made in reversed(found) if made is not None), None)


def text(finding: Finding, claim: str) -> Sequence[str]:
    """The lines that are printed: tables, then claim, tests and verdict."""
    lines = [table.markdown() for table in finding.tables]
    if finding.surrogates:
        lines.append("Surrogates: " + "; ".join(finding.surrogates) + ".\n")
    lines.append(f"Claim: {claim}\n")
    lines += [f"- {test.claim}: **{test.outcome}**: {test.why}" for test in finding.tests]
    return [*lines, "", f"Verdict: **{finding.verdict}**"]
