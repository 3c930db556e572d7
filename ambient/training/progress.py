"""How a training run is going: means for its log, and a progress bar in images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ambient.objectives import Loss

LEVEL_BINS = torch.logspace(-2.5, 2, 28, dtype=torch.float64)
"""Edges of the bins of sigma / alpha in which the log reports the loss."""

Progress = Callable[[int, float], None]
"""Called with (images seen, running mean of the loss)."""


class Window:
    """Means of what happened since the last record of the log.

    Args:
        state: What `state` gave, as JSON keeps it; none for an empty one.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self.losses: list[float] = list(state.get("losses", []))
        self.norms: list[float] = list(state.get("norms", []))
        self.terms: dict[str, list[float]] = {name: list(values) for name, values in state.get("terms", {}).items()}
        empty = [[0.0] * (len(LEVEL_BINS) - 1)] * 2
        self.by_level = torch.tensor(state.get("by_level", empty), dtype=torch.float64)

    def __len__(self) -> int:
        """Number of updates in it."""
        return len(self.losses)

    def state(self) -> dict[str, Any]:
        """All that was taken in, as numbers that JSON keeps to the last bit; nothing if that is nothing."""
        if not self.losses:
            return {}
        lists = {"losses": self.losses, "norms": self.norms, "terms": self.terms}
        return {**lists, "by_level": self.by_level.tolist()}

    @property
    def mean(self) -> float:
        """The mean loss."""
        return sum(self.losses) / max(len(self.losses), 1)

    def add(self, losses: list[Loss], norm: Tensor) -> None:
        """Take in one update: the losses of its parts, and the norm of its gradient."""
        self.losses.append(_mean([loss.per_sample.detach() for loss in losses]))
        self.norms.append(float(norm))
        for name in {name: None for loss in losses for name in loss.terms}:
            self.terms.setdefault(name, []).append(_mean([loss.terms[name] for loss in losses if name in loss.terms]))
        for loss in losses:
            ratio = loss.level.ratio.detach().cpu().to(torch.float64)
            bins = torch.bucketize(ratio, LEVEL_BINS[1:-1])
            values = next(iter(loss.terms.values())).detach().cpu().to(torch.float64)
            self.by_level[0].index_add_(0, bins, values)
            self.by_level[1].index_add_(0, bins, torch.ones_like(values))

    def record(self) -> dict[str, Any]:
        """The means, as a record of the log."""
        terms = {name: sum(values) / len(values) for name, values in self.terms.items()}
        totals, counts = self.by_level.tolist()
        gradient = sum(self.norms) / len(self.norms)
        return {
            "loss": self.mean,
            "terms": terms,
            "gradient_norm": gradient,
            "level_sum": totals,
            "level_count": counts,
        }


class Bar:
    """A progress bar in images, or the caller's own reporter."""

    def __init__(self, total: int, done: int, progress: Progress | None, show: bool) -> None:
        self.progress = progress
        self.bar = tqdm(total=total, initial=done, unit="img", disable=progress is not None or not show)

    def __enter__(self) -> Progress:
        return self.progress or self._advance

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def _advance(self, images: int, loss: float) -> None:
        self.bar.update(images - self.bar.n)
        self.bar.set_postfix(loss=f"{loss:.4f}", refresh=False)


def _mean(values: list[Tensor]) -> float:
    return sum(float(value.mean()) for value in values) / len(values)
