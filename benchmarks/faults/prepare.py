"""Before faults are made: pictures, and whole results of every command, each made twice and found to be equal.

The second time tells how long a command takes once everything is imported: what it imports is imported here first.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from ambient.runs.files import write_json, write_text
from benchmarks.faults import processes
from benchmarks.faults.commands import EVERY, RUN, wanted
from benchmarks.faults.contents import contents, differences
from benchmarks.faults.damage import PICTURES
from benchmarks.faults.options import FaultOptions
from benchmarks.faults.processes import fresh

COUNT = 12
"""Pictures of a set."""
_CAPTIONS = ("a photo of a cat", "chest x-ray, frontal view", "a dog on a table", "normal lungs")
_MODULES = "modules.json"


@dataclass(frozen=True)
class Prepared:
    """Whole results.

    Attributes:
        given: The folder that holds those of a command `NAME` in `NAME/run`.
        seconds: What each command takes.
    """

    given: Path
    seconds: dict[str, float]


def prepare(options: FaultOptions, given: Path) -> Prepared:
    """Make all that is needed for the chosen commands.

    Raises:
        RuntimeError: If a command fails, or its results differ from one time to the next.
    """
    console, seconds = Console(), {}
    for folder, side in PICTURES.items():
        write_pictures(given / folder, side)
    for name in wanted(options.commands):
        command = EVERY[name]
        fresh(given / name, given)
        first = processes.run(command, given / name, after=_note_modules)
        if first.status:
            raise RuntimeError(f"{name} fails without any fault made: {first.text[-1500:]}")
        processes.import_all(json.loads((given / name / _MODULES).read_text(encoding="utf-8")))
        again = given.parent / "again" / name
        fresh(again, given)
        second = processes.run(command, again)
        different = differences(contents(given / name / RUN), contents(again / RUN))
        if second.status or different:
            raise RuntimeError(f"{name} is not the same the second time: {different} {second.text[-1500:]}")
        seconds[name] = second.seconds
        console.print(f"{name}: {second.seconds:.1f} s", highlight=False)
    return Prepared(given, seconds)


def write_pictures(folder: Path, side: int) -> None:
    """Write smooth random pictures with captions."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(COUNT):
        coarse = np.random.default_rng(i).integers(0, 256, (5, 5, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{i:03d}.png")
        rows.append(json.dumps({"file_name": f"{i:03d}.png", "text": _CAPTIONS[i % len(_CAPTIONS)]}))
    write_text(folder / "metadata.jsonl", "\n".join(rows) + "\n")


def _note_modules() -> None:
    """Write down, in a process whose command has ended, which modules it has imported."""
    write_json(Path(_MODULES), sorted(sys.modules))
