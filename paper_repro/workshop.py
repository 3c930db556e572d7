"""Where a run makes its products and results, and what its scripts are given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from rich.console import Console

from ambient.runs.identity import describe
from paper_repro.options import Options
from paper_repro.sizes import SdxlSizes, sdxl_sizes


@dataclass(eq=False)
class Workshop:
    """One run of `python -m paper_repro`.

    Attributes:
        options: Its options.
        console: Where it prints.
        made: Products made or found in this run, by description.
    """

    options: Options
    console: Console
    made: dict[Any, Any] = field(default_factory=dict)
    _accelerator: Accelerator | None = None

    @property
    def products(self) -> Path:
        """Folder of what artefacts share."""
        return self.options.output / "products"

    @property
    def sizes(self) -> SdxlSizes:
        """Sizes of the experiments with SDXL."""
        return sdxl_sizes(self.options)

    @property
    def on_cpu(self) -> bool:
        """Whether no GPU is to be used."""
        return self.options.device == "cpu"

    @property
    def accelerator(self) -> Accelerator:
        """The device."""
        if self._accelerator is None:
            self._accelerator = Accelerator(cpu=self.on_cpu)
        return self._accelerator

    def folder(self, kind: str, identity: Mapping[str, Any]) -> Path:
        """The folder of a product: the same for the same options, and for no others."""
        text = json.dumps(describe(identity), sort_keys=True)
        return self.products / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
