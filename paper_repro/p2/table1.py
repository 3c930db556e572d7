"""P2, Table 1: FID and memorisation of DDPM and Algorithm 1 on three data sets and three numbers of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paper_repro.makers.run import Run
from paper_repro.makers.small_models import Models
from paper_repro.options import BlockName
from paper_repro.p2.compare import Comparison, compare, surrogates, table
from paper_repro.report.claims import Test
from paper_repro.report.evidence import Evidence
from paper_repro.report.tables import Table

# Data set -> images -> (DDPM, ours): FID, then S at the set's three thresholds in per cent.
PAPER = {
    "CIFAR-10": {
        300: ((25.1, 78.96, 67.2, 56.56), (23.91, 44.84, 20.22, 9.64)),
        1000: ((10.46, 75.86, 57.98, 43.44), (10.36, 69.08, 47.26, 26.34)),
        3000: ((14.73, 53.40, 11.92, 0.08), (14.26, 52.24, 11.36, 0.06)),
    },
    "FFHQ": {
        300: ((16.21, 63.38, 55.48, 47.86), (15.05, 49.68, 40.01, 29.86)),
        1000: ((12.26, 55.36, 43.82, 33.92), (11.3, 32.08, 17.48, 7.52)),
        3000: ((6.42, 21.58, 4.98, 0.46), (6.46, 20.08, 4.53, 0.42)),
    },
    "Tiny ImageNet": {
        1000: ((50.2, 54.72, 41.66, 25.86), (47.19, 26.68, 15.56, 5.54)),
        3000: ((40.66, 32.86, 12.32, 6.08), (39.87, 28.40, 9.44, 4.02)),
    },
}
_THRESHOLDS = {
    "CIFAR-10": (0.9, 0.925, 0.95),
    "FFHQ": (0.85, 0.875, 0.9),
    "Tiny ImageNet": (0.9, 0.925, 0.95),
}
_NAMES: dict[BlockName, str] = {"cifar10": "CIFAR-10", "ffhq": "FFHQ", "tiny-imagenet": "Tiny ImageNet"}


def quality_and_copies(run: Run, products: tuple[Models]) -> Evidence:
    """A table a block, then the paper's."""
    (models,) = products
    blocks = run.make(models)
    tables: list[Table] = []
    tests: list[Test] = []
    names: dict[str, None] = {}
    for comparisons in compare(blocks, "dsm", "hybrid"):
        tables.append(_table(comparisons))
        tests += [test for comparison in comparisons for test in comparison.verdicts(comparison.rows.ours()[0])]
        data = comparisons[0].trained.block.data
        names |= dict.fromkeys([_NAMES[data]] if data in _NAMES else PAPER)
    tables += [_papers(name) for name in names]
    return Evidence(tuple(tables), tuple(tests), {}, surrogates(blocks))


def _table(comparisons: Sequence[Comparison]) -> Table:
    """The models of a block at all numbers of images."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for comparison in comparisons:
        ours, levels = comparison.rows.ours()
        chosen = ", ".join(f"{sigma:g}" for sigma in dict.fromkeys(levels))
        lines[f"N = {comparison.trained.images}, DDPM"] = comparison.rows.ddpm
        lines[f"N = {comparison.trained.images}, ours (σ_n = {chosen})"] = ours
    count = len(comparisons[0].rows.ddpm)
    splits = "1 split" if count == 1 else f"{count} splits"
    title = comparisons[0].trained.block.title
    return table(f"{title}; mean ± spread over {splits}; σ_n chosen on the other splits", comparisons[0].rows, lines)


def _papers(name: str) -> Table:
    lines = [
        (f"N = {n}, {who}", *(f"{x:g}" for x in figures))
        for n, pair in PAPER[name].items()
        for who, figures in zip(("DDPM", "ours"), pair, strict=True)
    ]
    head = ("paper", "FID", *(f"S > {c:g}, %" for c in _THRESHOLDS[name]))
    return Table(f"{name}, the paper's figures: DINOv2 ViT-g/14", head, tuple(lines))
