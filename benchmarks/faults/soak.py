"""The soak: prepare whole results of every command, then make cell after cell, some at a time, and report after each.

A cell is a few kills of one command, a few damages of one case, one full disk, or some thousands of inputs of one
reader; its result is a file, and a cell that has one is not made again. A cell whose process dies is a fault.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ambient.runs.identity import claim_folder
from ambient.runs.locks import locked
from ambient.runs.results import read_results, write_results
from benchmarks.faults import damage, disk, fuzzing, kills, processes
from benchmarks.faults.commands import COMMANDS, wanted
from benchmarks.faults.options import FaultOptions
from benchmarks.faults.prepare import Prepared, prepare
from benchmarks.faults.report import report

KILLS, DAMAGES = 5, 4
"""Kills and damages of a cell."""


@dataclass(frozen=True)
class Cell:
    """Something that is made at one time.

    Attributes:
        name: Of its file.
        part: Of the soak.
        subject: What is tried.
        size: How many faults it makes.
        make: Makes it in a folder, and returns the result.
    """

    name: str
    part: str
    subject: str
    size: int
    make: Callable[[Path], dict[str, Any]]


def soak(options: FaultOptions) -> int:
    """Make what is missing and report; returns 1 if there was a fault.

    Raises:
        RuntimeError: If another soak works in the folder, or a command fails without any fault made.
        ConfigMismatchError: If the folder holds a soak of another seed.
    """
    torch.set_num_threads(1)
    digest = hashlib.sha256(str(options.output.resolve()).encode()).hexdigest()[:12]
    scratch = options.scratch / f"ambient-faults-{digest}"
    with locked(options.output):
        claim_folder(options.output, {"seed": options.seed})
        try:
            needs_commands = set(options.only) != {"fuzz"}
            prepared = prepare(options, scratch / "given") if needs_commands else Prepared(scratch / "given", {})
            if "fuzz" in options.only:
                fuzzing.every_reader()
            _make(list(cells(options, prepared)), options, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return report(options.output)


def cells(options: FaultOptions, prepared: Prepared) -> Iterator[Cell]:
    """All cells, so that those of different subjects take turns."""
    chosen = [name for name in wanted(options.commands) if name in COMMANDS]
    if "kills" in options.only:
        yield from _cells_of_kills(
            options, prepared, [name for name in chosen if not options.commands or name in options.commands]
        )
    if "damages" in options.only:
        yield from _cells_of_damage(options, prepared, chosen)
    if "disk" in options.only:
        names = [name for name in chosen if COMMANDS[name].resumes]
        for number in range(options.disk if names else 0):
            name, seed = names[number % len(names)], options.seed + number
            yield Cell(f"disk-{number:03d}-{name}", "disk", name, 1, _on_disk(prepared, name, seed))
    if "fuzz" in options.only:
        yield from _cells_of_inputs(options)


def _cells_of_kills(options: FaultOptions, prepared: Prepared, names: list[str]) -> Iterator[Cell]:
    for number, first in enumerate(range(0, options.kills, KILLS)):
        name, count = names[number % len(names)], min(KILLS, options.kills - first)
        yield Cell(
            f"kills-{number:04d}-{name}", "kills", name, count, _killing(prepared, name, count, options.seed + number)
        )


def _cells_of_damage(options: FaultOptions, prepared: Prepared, names: list[str]) -> Iterator[Cell]:
    cases = damage.cases(names)
    for number, start in enumerate(range(0, options.damages, DAMAGES)):
        case, count = cases[number % len(cases)], min(DAMAGES, options.damages - start)
        first = number // len(cases) * DAMAGES
        name = f"damages-{number:04d}-{case.name.replace(' ', '-')}"
        yield Cell(name, "damages", case.name, count, _damaging(prepared, case, first, count, options.seed))


def _cells_of_inputs(options: FaultOptions) -> Iterator[Cell]:
    left = fuzzing.counts(options.fuzz)
    first = dict.fromkeys(left, 0)
    while left:
        for name in list(left):
            count = min(left[name], fuzzing.CELL if fuzzing.every_reader()[name].share > 1 else fuzzing.CELL // 8)
            label = f"fuzz-{name.replace(' ', '-')}-{first[name]:07d}"
            yield Cell(label, "fuzz", name, count, _fuzzing(name, first[name], count))
            first[name] += count
            left[name] -= count
            if not left[name]:
                del left[name]


def _killing(prepared: Prepared, name: str, count: int, seed: int) -> Callable[[Path], dict[str, Any]]:
    def make(folder: Path) -> dict[str, Any]:
        given = prepared.given
        return kills.series(
            COMMANDS[name], given, given / name, folder, kills=count, seconds=prepared.seconds[name], seed=seed
        )

    return make


def _damaging(
    prepared: Prepared, case: damage.Case, first: int, count: int, seed: int
) -> Callable[[Path], dict[str, Any]]:
    def make(folder: Path) -> dict[str, Any]:
        found = damage.damage_all(case, prepared.given, folder, first, count, prepared.seconds[case.reader], seed)
        faults = [f"{each['verdict']}: {each['said']}" for each in found if each["verdict"] in damage.FAULTS]
        return {"damages": found, "faults": faults}

    return make


def _on_disk(prepared: Prepared, name: str, seed: int) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: disk.fill(COMMANDS[name], prepared.given, prepared.given / name, folder, seed)


def _fuzzing(name: str, first: int, count: int) -> Callable[[Path], dict[str, Any]]:
    def make(folder: Path) -> dict[str, Any]:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.tempdir = str(folder)
        return fuzzing.fuzz_cell(name, first, count)

    return make


def _make(every: list[Cell], options: FaultOptions, scratch: Path) -> None:
    """Make the cells that have no result, so many at a time, each in a process."""
    todo = [cell for cell in every if not _result(options.output, cell).exists()]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    running: dict[int, Cell] = {}
    with Progress(*columns) as progress:
        tasks = {}
        for part in dict.fromkeys(cell.part for cell in every):
            total = sum(cell.size for cell in every if cell.part == part)
            done = total - sum(cell.size for cell in todo if cell.part == part)
            tasks[part] = progress.add_task(part, total=total, completed=done)
        try:
            for cell in todo:
                if len(running) == options.workers:
                    _wait(running, options.output, progress, tasks)
                running[_start(cell, options.output, scratch)] = cell
            while running:
                _wait(running, options.output, progress, tasks)
        finally:
            for pid in running:  # whose commands end with them
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _start(cell: Cell, output: Path, scratch: Path) -> int:
    def work() -> int:
        folder = scratch / cell.name
        try:
            result = {"part": cell.part, "subject": cell.subject, "size": cell.size, **cell.make(folder)}
            write_results(_result(output, cell), result)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(folder.with_name(folder.name + "-control"), ignore_errors=True)
        return 0

    sys.stdout.flush()
    return processes.fork(work)


def _wait(running: dict[int, Cell], output: Path, progress: Progress, tasks: dict[str, Any]) -> None:
    """Wait until one of the cells ends, and show its faults."""
    pid, raw = os.wait()
    cell = running.pop(pid)
    path = _result(output, cell)
    if not path.exists():
        status = os.waitstatus_to_exitcode(raw)
        fault = f"the process of {cell.name} ended with {status} and left no result"
        write_results(path, {"part": cell.part, "subject": cell.subject, "size": cell.size, "faults": [fault]})
    for fault in read_results(path)["faults"]:
        progress.console.print(f"{cell.name}: {fault}", markup=False, highlight=False)
    progress.advance(tasks[cell.part], cell.size)


def _result(output: Path, cell: Cell) -> Path:
    return output / "cells" / f"{cell.name}.json"
