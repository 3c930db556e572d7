"""The mark of networks with random weights, so that no table takes their figures for those of trained ones."""

from __future__ import annotations

from pathlib import Path

RANDOM = "random.json"
"""The file that marks a folder of such a network."""


def is_random(source: str) -> bool:
    """Whether a network was written by `sdxl.tiny.vision.write_vision`."""
    return (Path(source) / RANDOM).is_file()
