"""What an artefact shows, as `result.json` and as text."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ambient.runs.damage import DamagedFileError
from ambient.runs.results import read_results
from paper_repro.options import SCALES, Scale
from paper_repro.report.claims import Outcome, Test, overall
from paper_repro.report.tables import Table


class DamagedResultError(ValueError):
    """A result.json cannot be read, or a picture of a result is not there."""


@dataclass(frozen=True)
class Caption:
    """What an artefact is called, shows and claims.

    Attributes:
        paper: Which paper.
        number: "Table 1", "Figure 4", ...
        title: What it shows.
        claim: What the paper says that it shows.
    """

    paper: Literal["P1", "P2"]
    number: str
    title: str
    claim: str

    @property
    def name(self) -> str:
        """As on the command line: p1-table1."""
        return f"{self.paper}-{self.number}".lower().replace(" ", "")


@dataclass(frozen=True)
class Finding:
    """What an artefact shows, on disk.

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
        facts: command, commit, hardware, seconds, date, and the keys of the options, with paths and with contents.
        folder: Where its pictures are.
    """

    name: str
    scale: Scale
    finding: Finding
    facts: dict[str, Any]
    folder: Path

    def check_pictures(self) -> None:
        """Raises DamagedResultError if a picture is not there, naming it."""
        for name in self.finding.pictures:
            if not (self.folder / name).is_file():
                raise DamagedResultError(f"{self.folder / name} is not there")


def folder_of(output: Path, name: str, scale: Scale) -> Path:
    """Where the result of an artefact goes."""
    return output / "results" / scale / name


def as_json(made: Made) -> dict[str, Any]:
    """The content of result.json."""
    finding = dataclasses.asdict(made.finding)
    return {"name": made.name, "scale": made.scale, "verdict": made.finding.verdict, **finding, **made.facts}


def read(folder: Path) -> Made | None:
    """The result in a folder; None if there is none.

    Raises:
        DamagedResultError: If its result.json is damaged, naming it.
    """
    path = folder / "result.json"
    if not path.is_file():
        return None
    try:
        saved = read_results(path)
        finding = Finding(
            tuple(Table(t["title"], tuple(t["head"]), tuple(map(tuple, t["rows"]))) for t in saved["tables"]),
            tuple(map(_test, saved["tests"])),
            dict(saved["pictures"]),
            tuple(saved["surrogates"]),
        )
        if not finding.tests:
            raise ValueError("it has no tests")
        facts = {key: saved[key] for key in ("command", "commit", "hardware", "seconds", "date", "key")}
        if "contents" in saved:  # which earlier versions did not write
            facts["contents"] = saved["contents"]
        return Made(saved["name"], saved["scale"], finding, facts, folder)
    except DamagedFileError as error:
        raise DamagedResultError(error.what) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedResultError(f"{path} is damaged ({error})") from error


def _test(saved: dict[str, Any]) -> Test:
    if saved["outcome"] not in get_args(Outcome):
        raise ValueError(f"there is no outcome {saved['outcome']}")
    return Test(**saved)


def every(output: Path, name: str) -> list[Made]:
    """The results of an artefact that are there, the largest scale last. Raises as `read`."""
    found = [read(folder_of(output, name, scale)) for scale in SCALES]
    return [made for made in found if made is not None]


def text(finding: Finding, claim: str) -> Sequence[str]:
    """The lines that are printed: tables, then claim, tests and verdict."""
    lines = [table.markdown() for table in finding.tables]
    if finding.surrogates:
        lines.append("Surrogates: " + "; ".join(finding.surrogates) + ".\n")
    lines.append(f"Claim: {claim}\n")
    lines += [f"- {test.claim}: **{test.outcome}**: {test.why}" for test in finding.tests]
    return [*lines, "", f"Verdict: **{finding.verdict}**"]
