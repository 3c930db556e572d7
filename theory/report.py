"""The report of `python -m theory --output FOLDER`: README.md for readers, theory.json for programs, and the plots."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ambient.runs.files import write_atomically
from ambient.runs.results import write_results
from theory.running import Result
from theory.statements import NOT_CHECKED, Evidence

JSON = "theory.json"
"""The file of every number."""
_PAPERS = {
    "P1": "Consistent Diffusion Meets Tweedie",
    "P2": "Does Generation Require Memorization?",
    "AD": "Ambient Diffusion",
    "SID": "Score identity Distillation",
    "RSD": "Restoration Score Distillation",
}
"""Where a statement is from, by the first part of its id."""

_HEAD = """\
# The statements of both papers, checked

`python -m theory` runs every numbered statement of two papers that says something checkable and judges it by what it
measures: P1 is *Consistent Diffusion Meets Tweedie* (arXiv 2404.10177), P2 *Does Generation Require Memorization?
Creative Diffusion Models using Ambient Diffusion*. After them come statements of the systems round them: AD is Ambient
Diffusion (masked pixels), SID and RSD are score distillation. The checks call the formulas of `ambient` and hold them
against computations that share no code with them: Gaussian conditioning, quadrature, automatic differentiation, exact
enumeration. All of it runs in float64 on worlds whose answers are known.

A verdict is computed from the evidence. *Exact*: the printed form passes. *Correction* and *misprint*: the printed form
fails its bound and the corrected form passes. Each number stands with the bound it is held against; `python -m theory
--only ID` finds a row again with all its evidence, `python -m theory --output docs/theory` all of this page, and
[theory.json](theory.json) holds every number.
"""


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """The results and what is not checked, as JSON values; infinite and undefined numbers become None."""
    return {
        "statements": [_record(result) for result in results],
        "not_checked": [asdict(entry) for entry in NOT_CHECKED],
    }


def write_report(folder: Path, results: Sequence[Result]) -> Path:
    """Write README.md, theory.json and the plots.

    Args:
        folder: Where to; made if need be.
        results: Of the statements to report on.

    Returns:
        The path of the README.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_results(folder / JSON, as_json(results))
    readme = folder / "README.md"
    text = "\n".join(_markdown(results, _draw(folder))) + "\n"
    write_atomically(readme, lambda file: file.write_text(text, encoding="utf-8"))
    return readme


def _draw(folder: Path) -> list[tuple[str, str, str]]:
    from theory import plots, plots_p2  # matplotlib, which a run without a report should not wait for

    return [*plots.plots(folder), *plots_p2.plots(folder)]


def _record(result: Result) -> dict[str, Any]:
    statement, findings = result.statement, result.findings
    return {
        "id": statement.id,
        "place": statement.place,
        "claim": statement.claim,
        "corrected_form": statement.corrected_form,
        "expected": statement.expected,
        "verdict": result.verdict,
        "printed": [_number(e) for e in findings.printed] if findings else [],
        "corrected": [_number(e) for e in findings.corrected] if findings else [],
        "error": result.error,
    }


def _number(evidence: Evidence) -> dict[str, Any]:
    finite = abs(evidence.measured) < float("inf")
    return {
        "what": evidence.what,
        "measured": float(evidence.measured) if finite else None,
        "relation": evidence.relation,
        "bound": float(evidence.bound),
        "holds": evidence.holds,
    }


def _markdown(results: Sequence[Result], drawn: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    yield _HEAD
    yield from _counts(results)
    if wrong := [result for result in results if result.statement.expected != "exact"]:
        yield "## What needs correcting\n"
        yield "| id | as printed | instead | evidence |\n|---|---|---|---|"
        yield from map(_correction, wrong)
        yield ""
    yield "## Plots\n"
    for title, name, caption in drawn:
        yield f"### {title}\n\n![{title}]({name})\n\n{_text(caption)}\n"
    yield "All plots: `python -m theory --output docs/theory`.\n"
    for paper, title in _PAPERS.items():
        mine = [r for r in results if r.statement.id.split("-")[0] == paper and r.statement.expected == "exact"]
        if mine:
            yield f"## {paper}, {title}: what holds\n"
            yield "| id | claim | evidence |\n|---|---|---|"
            yield from map(_row, mine)
            yield ""
    yield "## Not checked\n\n| place | why |\n|---|---|"
    yield from (f"| {_text(entry.place)} | {_text(entry.why)} |" for entry in NOT_CHECKED)


def _counts(results: Sequence[Result]) -> Iterator[str]:
    yield "| | statements | exact | correction | misprint | otherwise |\n|---|---|---|---|---|---|"
    for paper in _PAPERS:
        verdicts = [result.verdict for result in results if result.statement.id.split("-")[0] == paper]
        known = [verdicts.count(verdict) for verdict in ("exact", "correction", "misprint")]
        cells = (paper, len(verdicts), *known, len(verdicts) - sum(known))
        yield "| " + " | ".join(map(str, cells)) + " |"
    yield ""


def _correction(result: Result) -> str:
    statement, findings = result.statement, result.findings
    if findings is None:
        lines = [f"**error**: {_text(result.error)}"]
    else:
        failing = [e for e in findings.printed if not e.holds]
        lines = [f"*Printed:* {line}" for line in _lines(failing)]
        lines += [f"*Instead:* {line}" for line in _lines(findings.corrected)]
    cells = (_name(result), _text(statement.claim), _text(statement.corrected_form), "<br>".join(lines))
    return f"| {' | '.join(cells)} |"


def _row(result: Result) -> str:
    statement = result.statement
    claim = _text(statement.claim)
    if statement.corrected_form:
        claim += f"<br>*Sharper:* {_text(statement.corrected_form)}"
    lines = _lines(result.evidence) if result.findings else [_text(result.error)]
    return f"| {_name(result)} | {claim} | {'<br>'.join(lines)} |"


def _name(result: Result) -> str:
    """The id, the place, and the verdict where it is not plain from the section."""
    statement = result.statement
    verdict = result.verdict if result.agrees else f"**{result.verdict}**"
    shown = "" if result.agrees and statement.expected == "exact" else f"<br>{verdict}"
    return f"{_text(statement.id)}<br>{_text(statement.place)}{shown}"


def _lines(evidence: Sequence[Evidence], most: int = 2) -> list[str]:
    """Evidence for the page: what fails, then the rest, `most` in all; theory.json has every number."""
    ordered = sorted(evidence, key=lambda e: e.holds)
    lines = [_text(str(e)) + ("" if e.holds else ": **fails**") for e in ordered[:most]]
    return lines + ([f"and {len(ordered) - most} more"] if len(ordered) > most else [])


def _text(text: str) -> str:
    """`text` with the characters that Markdown or HTML would take for their own escaped."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", text).replace("<", "&lt;").replace(">", "&gt;")
