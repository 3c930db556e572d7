"""The folders of products."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Products:
    """The folders of products.

    Attributes:
        root: Where they are.
    """

    root: Path

    def folder(self, kind: str, identity: Mapping[str, Any]) -> Path:
        """The folder of a product: the same for the same identity, and for no other.

        What lies among the products itself is named from here, so that products may be moved together.
        """
        from ambient.runs.identity import describe

        text = json.dumps(_from(self.root, describe(identity)), sort_keys=True)
        return self.root / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _from(root: Path, described: Any) -> Any:
    """A description with the paths inside `root` relative to it."""
    if isinstance(described, dict):
        return {key: _from(root, value) for key, value in described.items()}
    if isinstance(described, list):
        return [_from(root, value) for value in described]
    if isinstance(described, str) and Path(described).is_relative_to(root):
        return str(Path("products") / Path(described).relative_to(root))
    return described
