"""What a reader of a report has to know beside its numbers: exact duplicates, and what could not be measured."""

from __future__ import annotations

from collections.abc import Mapping

from toy.audit import FEWEST_UNSEEN
from toy.data import Split

Splits = Mapping[tuple[int, int], Split]
"""By number of training images and seed."""


def duplicates(splits: Splits) -> list[dict[str, int]]:
    """The counts of exact duplicates in each split, as JSON."""
    return [
        {
            "images": images,
            "seed": seed,
            "training": split.duplicates.training,
            "left_out": split.duplicates.left_out,
        }
        for (images, seed), split in splits.items()
    ]


def notes(splits: Splits) -> list[str]:
    """In words, a line each; there is always one about duplicates."""
    return [_on_duplicates(splits), *_on_small_sets(splits)]


def _on_duplicates(splits: Splits) -> str:
    parts = []
    for (images, seed), split in splits.items():
        found = split.duplicates
        if found.training:
            parts.append(f"{found.training} of {images} training images equal another one (split {seed})")
        if found.left_out:
            parts.append(f"{found.left_out} copies of the {images} training images are used for nothing (split {seed})")
    return "Exact duplicates: " + (
        "; ".join(parts) or "none among the training images, and no copies of them elsewhere"
    )


def _on_small_sets(splits: Splits) -> list[str]:
    lines = []
    for (images, seed), split in splits.items():
        held_out, unseen = len(split.held_out), len(split.unseen)
        if held_out < len(split.train):
            lines.append(f"No P_tr for N = {images}, split {seed}: only {held_out} images are held out")
        if unseen < FEWEST_UNSEEN:
            lines.append(f"No row of unseen real images for N = {images}, split {seed}: only {unseen} are left")
    return lines
