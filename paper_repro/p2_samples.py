"""P2, Figures 4 to 6: images that Algorithm 1 generates, with the nearest training image under each."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ambient.metrics.distances import nearest
from ambient.metrics.features import Pixels
from paper_repro import make_toy, p2, show
from paper_repro.claims import Test
from paper_repro.products import Models
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.workshop import Workshop
from toy.data import split_of

COLUMNS = 10


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The images, and whether fewer of them repeat a training image than of DDPM's."""
    product = artefact.products[0]
    assert isinstance(product, Models)
    tables: list[Table] = []
    tests: list[Test] = []
    shown: dict[str, str] = {}
    surrogates: list[str] = []
    pixels = Pixels()
    for block, by_size in make_toy.make_models(shop, product):
        for n, cells in by_size.items():
            rows = p2.Rows.of(cells)
            ours = rows.levels[block.middle]
            keys = [rows.quality, *rows.copying]
            first = make_toy.of(cells, "hybrid", block.middle)[0]
            samples = make_toy.samples_of(shop, block, first)
            options = make_toy.toy_options(shop, block, ("hybrid",), n, (block.middle,))
            train = split_of(options.source, n, first.seed).train
            pictures: dict[str, Tensor] = {}
            for i in range(2):
                part = samples[i * COLUMNS : (i + 1) * COLUMNS]
                _, closest = nearest(pixels(part), pixels(train))
                pictures |= {f"samples {i + 1}": part, f"nearest training image {i + 1}": train[closest[:, 0]]}
            name = show.draw(folder, f"samples-{block.data}.png", pictures, COLUMNS)
            shown[name] = f"{block.title}, N = {n}, σ_n = {block.middle:g}"
            lines = (("DDPM", *p2.entries(rows.ddpm, keys)), ("Algorithm 1", *p2.entries(ours, keys)))
            title = f"{block.title}, N = {n}; the paper shows images only, its figures are those of Table 1"
            tables.append(Table(title, ("ours", *map(p2.title, keys)), lines))
            tests.append(p2.fewer(p2.describe(block, n, rows), rows, ours))
        surrogates += block.surrogates
        surrogates += [block.title] if block.data == "digits" else []
    return Finding(tuple(tables), tuple(tests), shown, tuple(dict.fromkeys(surrogates)))
