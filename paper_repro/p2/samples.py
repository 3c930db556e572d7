"""P2, Figures 4 to 6: images that Algorithm 1 generates, with the nearest training image under each."""

from __future__ import annotations

from torch import Tensor

from ambient.metrics.features import Pixels
from ambient.metrics.memorization import nearest
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import Models
from paper_repro.p2.compare import compare, fewer, surrogates
from paper_repro.report.claims import Test
from paper_repro.report.evidence import Evidence
from paper_repro.report.pictures import Rows
from paper_repro.report.tables import Table

COLUMNS = 10


def images(run: Run, products: tuple[Models]) -> Evidence:
    """The images, and whether fewer of them repeat a training image than of DDPM's."""
    (models,) = products
    blocks = run.make(models)
    tables: list[Table] = []
    tests: list[Test] = []
    pictures: dict[str, Rows] = {}
    pixels = Pixels()
    for comparison in (each for by_size in compare(blocks, "dsm", "hybrid") for each in by_size):
        trained, ours = comparison.trained, comparison.middle
        block, n = trained.block, trained.images
        first = trained.of("hybrid", block.middle)[0]
        samples, train = trained.samples(first), trained.split(first.seed).train
        rows: dict[str, Tensor] = {}
        for i in range(2):
            part = samples[i * COLUMNS : (i + 1) * COLUMNS]
            _, closest = nearest(pixels(part), pixels(train))
            rows |= {f"samples {i + 1}": part, f"nearest training image {i + 1}": train[closest[:, 0]]}
        caption = f"{block.title}, N = {n}, σ_n = {block.middle:g}"
        pictures[f"samples-{block.data}.png"] = Rows(rows, caption, COLUMNS)
        title = f"{block.title}, N = {n}; the paper shows images only, its figures are those of Table 1"
        tables.append(comparison.table(title, {"DDPM": comparison.rows.ddpm, "Algorithm 1": ours}))
        tests.append(fewer(comparison.where, comparison.rows, ours))
    return Evidence(tuple(tables), tuple(tests), {**pictures}, surrogates(blocks))
