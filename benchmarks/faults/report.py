"""What became of all faults: one table, as text, as Markdown and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ambient.runs.files import write_text
from ambient.runs.results import read_results, write_results
from ambient.runs.tables import Entries, markdown, rich_table
from benchmarks.faults.damage import FAULTS
from benchmarks.faults.options import PARTS

Results = Sequence[dict[str, Any]]
_VERDICTS = ("named", "made again", "told", "rewritten", "not read", "foreign", *FAULTS)


def report(folder: Path) -> int:
    """Print the tables of the cells in a folder, write `faults.json` and `table.md`; 1 if there is a fault."""
    results = [read_results(path, "part", "subject", "faults") for path in sorted((folder / "cells").glob("*.json"))]
    tables = {part: _TABLES[part]([each for each in results if each["part"] == part]) for part in PARTS}
    shown = {part: table for part, table in tables.items() if len(table) > 1}
    console = Console(width=max(140, Console().width))
    for part, table in shown.items():
        console.print(rich_table(_TITLES[part], table))
    faults = [f"{each['part']}, {each['subject']}: {fault}" for each in results for fault in each["faults"]]
    for fault in faults:
        console.print(fault, style="red", markup=False, highlight=False)
    write_text(folder / "table.md", "\n".join(markdown(f"**{_TITLES[part]}**", table) for part, table in shown.items()))
    write_results(folder / "faults.json", {"tables": shown, "faults": faults, "cells": results})
    console.print(f"{len(faults)} faults. Results: {folder}  (faults.json, table.md, cells/)", highlight=False)
    return int(bool(faults))


def _kills(results: Results) -> Entries:
    head = ["command", "kills", "SIGKILL", "a worker", "SIGTERM", "SIGINT", "SIGHUP", "ended before", "faults"]
    rows = []
    for name, of in _by_subject(results).items():
        signals = sum((Counter(each.get("signals", {})) for each in of), Counter[str]())
        counts = [sum(signals.values()), *(signals[kind] for kind in head[2:7])]
        rows.append([name, *counts, sum(each.get("ended before", 0) for each in of), _faults(of)])
    return _table(head, rows)


def _damages(results: Results) -> Entries:
    rows = []
    for name, of in _by_subject(results).items():
        verdicts = Counter(damage["verdict"] for each in of for damage in each.get("damages", []))
        rows.append([name, sum(verdicts.values()), *(verdicts[verdict] for verdict in _VERDICTS)])
    return _table(["files of", "damages", *_VERDICTS], rows)


def _disk(results: Results) -> Entries:
    rows = []
    for name, of in _by_subject(results).items():
        real = sum(each.get("means") == "file system in memory" for each in of)
        rows.append([name, len(of), real, sum(bool(each.get("said")) for each in of), _faults(of)])
    return _table(["command", "full disks", "real ones", "named", "faults"], rows)


def _fuzz(results: Results) -> Entries:
    rows: list[list[Any]] = []
    for name, of in _by_subject(results).items():
        slowest, memory = (max(each.get(key, 0) for each in of) for key in ("slowest", "memory"))
        inputs, refused = (sum(each.get(key, 0) for each in of) for key in ("inputs", "refused"))
        rows.append([name, inputs, refused, slowest, memory / 2**20, _faults(of)])
    if not rows:
        return _table(_INPUTS, [])
    slowest, memory = (max(row[i] for row in rows) for i in (3, 4))
    total = ["all", *(sum(row[i] for row in rows) for i in (1, 2)), slowest, memory, sum(row[5] for row in rows)]
    written = [[*row[:3], f"{row[3]:.2f}", f"{row[4]:.0f}", row[5]] for row in [*rows, total]]
    return [_INPUTS, *([f"{entry:,}" if isinstance(entry, int) else str(entry) for entry in row] for row in written)]


_INPUTS = ["reader", "inputs", "refused", "slowest, s", "memory, MiB", "faults"]
_TABLES = {"kills": _kills, "damages": _damages, "disk": _disk, "fuzz": _fuzz}
_TITLES = {
    "kills": "Kills, each series ended by a whole run",
    "damages": "Flipped bits and files cut off",
    "disk": "Full disks, then with space again",
    "fuzz": "Hostile inputs",
}


def _by_subject(results: Results) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in results:
        found.setdefault(each["subject"], []).append(each)
    return found


def _faults(results: Results) -> int:
    return sum(len(each["faults"]) for each in results)


def _table(head: list[str], rows: list[list[Any]]) -> Entries:
    """Rows of a name and counts, with their sums below."""
    if not rows:
        return [head]
    total = ["all", *(sum(row[i] for row in rows) for i in range(1, len(head)))]
    return [
        head,
        *([f"{entry:,}" if isinstance(entry, int) else str(entry) for entry in row] for row in [*rows, total]),
    ]
