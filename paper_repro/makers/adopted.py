"""Folders of toy/run.py whose trained models are used where their options are the same (`--adopt`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(eq=False)
class Adopted:
    """A folder of toy/run.py.

    Attributes:
        folder: Where it is.
        config: What all models in it share.
        used: Whether any model of it was asked for.
        differs: The options in which it differs from what was asked for most nearly.
    """

    folder: Path
    config: dict[str, Any]
    used: bool = False
    differs: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Adopted:
        """Raises ValueError if its config.json is damaged, naming it."""
        path = folder / "config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"--adopt {folder}: {path} is damaged ({error})") from error
        if not isinstance(config, dict):
            raise ValueError(f"--adopt {folder}: {path} holds no options")
        return cls(folder, config)

    def matches(self, wanted: Mapping[str, Any]) -> bool:
        """Whether it holds models of these options; where the images lie is compared as a path."""
        names = sorted(self.config.keys() | wanted.keys())
        differs = [n for n in names if _plain(n, self.config.get(n)) != _plain(n, wanted.get(n))]
        if not differs:
            self.used = True
        if not self.differs or len(differs) < len(self.differs):
            self.differs = differs
        return not differs


def _plain(name: str, value: Any) -> Any:
    return str(Path(str(value)).expanduser().resolve()) if name == "source" else value
