"""P2, Table 2: Algorithm 1 against training with corrupted data only, by masking or by noise."""

from __future__ import annotations

from pathlib import Path

from paper_repro import make_toy, p2
from paper_repro.claims import Test, above, untestable
from paper_repro.products import Models
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.show import ratio
from paper_repro.workshop import Workshop

# FFHQ, N -> method -> FID, then S at .85, .875 and .9 in per cent.
PAPER = {
    300: {
        "DDPM": (16.21, 63.38, 55.48, 47.86),
        "Masking": (23.40, 53.73, 41.37, 30.34),
        "Noise": (27.92, 29.12, 18.73, 10.60),
        "ours": (15.05, 49.68, 40.01, 29.86),
    },
    1000: {
        "DDPM": (12.26, 55.36, 43.82, 33.92),
        "Masking": (15.73, 38.74, 22.94, 10.08),
        "Noise": (25.57, 14.83, 9.37, 6.49),
        "ours": (11.3, 32.08, 17.48, 7.52),
    },
    3000: {
        "DDPM": (6.42, 21.58, 4.98, 0.46),
        "Masking": (7.44, 19.74, 4.56, 0.43),
        "Noise": (16.28, 12.08, 3.32, 0.36),
        "ours": (6.46, 20.08, 4.53, 0.42),
    },
}
METHODS = {"masking": "Masking", "early-stop": "Noise"}


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The table, the paper's, and the claim for each number of images."""
    product = artefact.products[0]
    assert isinstance(product, Models)
    tables: list[Table] = []
    tests: list[Test] = []
    surrogates: list[str] = []
    for block, by_size in make_toy.make_models(shop, product):
        keys: list[str] = []
        lines = []
        for n, cells in by_size.items():
            if not all(make_toy.of(cells, method) for method in product.methods):
                continue  # with --only-made
            rows = p2.Rows.of(cells)
            keys = [rows.quality, *rows.copying]
            ours = rows.levels[block.middle]
            where = p2.describe(block, n, rows)
            found = {"DDPM": rows.ddpm, **{name: rows.others[m] for m, name in METHODS.items()}, "ours": ours}
            lines += [(f"N = {n}, {name}", *p2.entries(values, keys)) for name, values in found.items()]
            for name in METHODS.values():
                figures = ratio(p2.column(found[name], rows.quality), p2.column(rows.ddpm, rows.quality))
                tests.append(above(f"{where}: {p2.title(rows.quality)} of {name} above DDPM's", figures, 1.0))
            tests += [p2.no_worse(where, rows, ours), p2.fewer(where, rows, ours)]
        title = f"{block.title}; σ_n = {block.middle:g}; masks hide half; mean ± spread over splits"
        tables.append(Table(title, ("ours", *map(p2.title, keys)), tuple(lines)))
        surrogates += [*block.surrogates, "noise: ambient score matching sampled down to t_n (`early-stop`)"]
        surrogates += [block.title] if block.data == "digits" else []
    papers = [(f"N = {n}, {who}", *(f"{x:g}" for x in row)) for n, found in PAPER.items() for who, row in found.items()]
    head = ("paper", "FID", "S > 0.85, %", "S > 0.875, %", "S > 0.9, %")
    tables.append(Table("FFHQ, the paper's figures: DINOv2 ViT-g/14", head, tuple(papers)))
    if not tests:
        tests.append(untestable(artefact.claim, "no number of images has all methods; run without --only-made"))
    return Finding(tuple(tables), tuple(tests), {}, tuple(dict.fromkeys(surrogates)))
