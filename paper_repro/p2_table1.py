"""P2, Table 1: FID and memorisation of DDPM and Algorithm 1 on three data sets and three numbers of images."""

from __future__ import annotations

from pathlib import Path

from paper_repro import make_toy, p2
from paper_repro.claims import Test
from paper_repro.products import Models
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.sizes import Block
from paper_repro.workshop import Workshop

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
_NAMES = {"cifar10": ("CIFAR-10",), "ffhq": ("FFHQ",), "tiny-imagenet": ("Tiny ImageNet",)}


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """A table a block, then the paper's."""
    product = artefact.products[0]
    assert isinstance(product, Models)
    tables: list[Table] = []
    tests: list[Test] = []
    surrogates: dict[str, None] = {}
    names: dict[str, None] = {}
    for block, by_size in make_toy.make_models(shop, product):
        found = {n: p2.Rows.of(cells) for n, cells in by_size.items() if cells}
        tables.append(_table(block, found))
        for n, rows in found.items():
            ours, _ = rows.ours()
            where = p2.describe(block, n, rows)
            tests += [p2.no_worse(where, rows, ours), p2.fewer(where, rows, ours)]
        surrogates |= dict.fromkeys(block.surrogates)
        names |= dict.fromkeys(_NAMES.get(block.data, tuple(PAPER)))
        if block.data == "digits":
            surrogates[f"{block.title}"] = None
    tables += [_papers(name) for name in names]
    return Finding(tuple(tables), tuple(tests), {}, tuple(surrogates))


def _table(block: Block, found: dict[int, p2.Rows]) -> Table:
    keys: list[str] = []
    lines = []
    for n, rows in found.items():
        keys = [rows.quality, *rows.copying]
        ours, levels = rows.ours()
        chosen = ", ".join(f"{sigma:g}" for sigma in dict.fromkeys(levels))
        lines.append((f"N = {n}, DDPM", *p2.entries(rows.ddpm, keys)))
        lines.append((f"N = {n}, ours (σ_n = {chosen})", *p2.entries(ours, keys)))
    splits = len(next(iter(found.values())).ddpm)
    title = f"{block.title}; mean ± spread over {splits} split{'s' * (splits > 1)}; σ_n chosen on the other splits"
    return Table(title, ("ours", *map(p2.title, keys)), tuple(lines))


def _papers(name: str) -> Table:
    lines = [
        (f"N = {n}, {who}", *(f"{x:g}" for x in figures))
        for n, pair in PAPER[name].items()
        for who, figures in zip(("DDPM", "ours"), pair, strict=True)
    ]
    head = ("paper", "FID", *(f"S > {c:g}, %" for c in _THRESHOLDS[name]))
    return Table(f"{name}, the paper's figures: DINOv2 ViT-g/14", head, tuple(lines))
