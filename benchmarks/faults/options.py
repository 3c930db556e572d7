"""The options of the soak; nothing heavy is imported here."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ambient.runs.places import require_folder

Part = Literal["kills", "damages", "disk", "fuzz"]
PARTS: tuple[Part, ...] = ("kills", "damages", "disk", "fuzz")
"""In the order in which they are made."""
_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class FaultOptions:
    """Kill every command, damage every kind of file, fill the disk, and feed every reader: count what becomes of it.

    Interrupted? Run the same command again: it goes on where it was.
    """

    kills: int = 200
    """Kills, over all commands."""
    damages: int = 200
    """Flipped bits and cut-off files, over all kinds of file."""
    disk: int = 20
    """Runs on a full disk."""
    fuzz: int = 1_000_000
    """Hostile inputs, over all readers."""
    only: tuple[Part, ...] = PARTS
    """Parts that are made."""
    commands: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")] = ()
    """Commands that are killed and whose files are damaged, such as toy or sdxl.train; all if not given."""
    seed: int = 0
    """Decides moments, places and inputs."""
    workers: int = 2
    """Cells at a time, a process each."""
    scratch: Path = field(default_factory=lambda: _MEMORY if _MEMORY.is_dir() else Path(tempfile.gettempdir()))
    """Where the commands work; a file system in memory is much faster."""
    output: Path = Path("runs/faults")
    """Folder of the cells, of faults.json and of table.md."""

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        require_folder(self.output)
        for name in ("kills", "damages", "disk", "fuzz", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"--{name} {getattr(self, name)}: 0 or more")
        if self.workers < 1:
            raise ValueError(f"--workers {self.workers}: at least 1")
        if not self.only:
            raise ValueError("--only: name at least one part")
        from benchmarks.faults.commands import COMMANDS

        if unknown := [name for name in self.commands if name not in COMMANDS]:
            raise ValueError(f"--commands {unknown[0]}: there are {', '.join(COMMANDS)}")
