"""What several scripts show alike: the papers' figures as text, similarities of attacks, pictures of tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from ambient.metrics.similarity import P1_THRESHOLDS, summarise
from paper_repro import pictures
from paper_repro.claims import Estimate, over_splits
from paper_repro.results import Table
from sdxl.attack.chunks import MeasuredRestoration, picture
from sdxl.attack.report import AttackResult

RANDOM = "the pipeline has random weights, which have learnt nothing"
"""Why the tiny pipeline says nothing about a claim."""


def spread(values: Sequence[float], digits: int = 3) -> str:
    """A mean over splits, and its standard deviation if there are several."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.{digits}f}"
    deviation = (sum((v - mean) ** 2 for v in values) / (len(values) - 1)) ** 0.5
    return f"{mean:.{digits}f} ± {deviation:.{digits}f}"


def ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """The ratio of two figures, split by split; splits in which the second is 0 are left out.

    Raises:
        ValueError: If no split is left.
    """
    return over_splits([a / b for a, b in zip(above, below, strict=True) if b > 0])


def similarity_row(name: str, sets: Sequence[Tensor]) -> tuple[str, ...]:
    """Mean, 95 % quantile and shares above P1's thresholds of similarities, over splits."""
    found = [summarise(values, P1_THRESHOLDS) for values in sets]
    shares = [[s.shares[c] for s in found] for c in P1_THRESHOLDS]
    figures = [[s.mean for s in found], [s.quantile_95 for s in found], *shares]
    return (name, str(sum(map(len, sets))), *(spread(column) for column in figures))


SIMILARITY_HEAD = ("similarity of", "images", "mean", "95 %", *(f"S > {c:g}" for c in P1_THRESHOLDS))


def attack_table(result: AttackResult, title: str) -> Table:
    """Nearest similarities of everything that an attack found."""
    rows = tuple(similarity_row(f"{row.name}: nearest", [row.similarities.nearest]) for row in result.restorations)
    own = tuple(similarity_row(f"{row.name}: own", [row.similarities.own]) for row in result.restorations)
    return Table(f"{title}; on {result.features} features; {result.note}", SIMILARITY_HEAD, rows + own)


def attack_rows(result: AttackResult, kinds: Mapping[str, str], columns: int = 8) -> dict[str, Tensor]:
    """Pictures of an attack, the most similar first: row title -> images.

    Args:
        result: The attack.
        kinds: Row title -> "originals", "shown/NAME" or "CHECKPOINT/RESTORATION".
        columns: Images a row.
    """
    first = result.restorations[-1]
    order = first.similarities.own.argsort(descending=True)[:columns]
    indices = first.index[order].tolist()
    return {
        title: pictures.stack([picture(result.folder, "data", kind, int(i)) for i in indices], columns)
        for title, kind in kinds.items()
    }


def found_of(result: AttackResult, restoration: str, checkpoint: str | None = None) -> MeasuredRestoration:
    """One restoration of an attack, of its first checkpoint unless one is named."""
    return next(
        row for row in result.restorations if row.restoration == restoration and checkpoint in (None, row.checkpoint)
    )


def draw(folder: Path, name: str, images: Mapping[str, Tensor], columns: int = 8) -> str:
    """Write rows of images; returns the file's name."""
    pictures.save(folder / name, pictures.rows(images, columns))
    return name


def detail(images: Tensor) -> float:
    """Mean squared difference of neighbouring pixels: what blurring takes away."""
    across = (images[..., 1:] - images[..., :-1]).square().mean()
    down = (images[..., 1:, :] - images[..., :-1, :]).square().mean()
    return float((across + down) / 2)


def each(items: Sequence[Tensor], measure: Callable[[Tensor], float]) -> list[float]:
    """A measure of each split's images."""
    return [measure(item) for item in items]


def similarities(title: str, sets: Mapping[str, Sequence[Tensor]]) -> Table:
    """A table of similarities: row name -> those of each split."""
    return Table(title, SIMILARITY_HEAD, tuple(similarity_row(name, values) for name, values in sets.items()))
