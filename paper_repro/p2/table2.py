"""P2, Table 2: Algorithm 1 against training with corrupted data only, by masking or by noise."""

from __future__ import annotations

from typing import Any

from paper_repro.makers.run import Run
from paper_repro.makers.small_models import Models
from paper_repro.p2.compare import Comparison, compare, surrogates, table
from paper_repro.report.claims import Test, above
from paper_repro.report.estimates import ratio
from paper_repro.report.evidence import Evidence
from paper_repro.report.measures import column, title_of
from paper_repro.report.tables import Table

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
_NOISE = "noise: ambient score matching sampled down to t_n (`early-stop`)"


def corrupted_data(run: Run, products: tuple[Models]) -> Evidence:
    """The table, the paper's, and the claim for each number of images."""
    (models,) = products
    blocks = run.make(models)
    tables: list[Table] = []
    tests: list[Test] = []
    for comparisons in compare(blocks, *models.methods):
        lines: dict[str, list[dict[str, Any]]] = {}
        for comparison in comparisons:
            found = {name: comparison.rows.others[method] for method, name in METHODS.items()}
            lines |= {
                f"N = {comparison.trained.images}, {name}": audits
                for name, audits in {"DDPM": comparison.rows.ddpm, **found, "ours": comparison.middle}.items()
            }
            tests += [_worse(comparison, name, audits) for name, audits in found.items()]
            tests += comparison.verdicts(comparison.middle)
        block = comparisons[0].trained.block
        title = f"{block.title}; σ_n = {block.middle:g}; masks hide half; mean ± spread over splits"
        tables.append(table(title, comparisons[0].rows, lines))
    tables.append(_papers())
    return Evidence(tuple(tables), tuple(tests), {}, surrogates(blocks, _NOISE))


def _worse(comparison: Comparison, name: str, audits: list[dict[str, Any]]) -> Test:
    """The quality of a method worse than DDPM's."""
    key = comparison.rows.quality
    figures = ratio(column(audits, key), column(comparison.rows.ddpm, key))
    return above(f"{comparison.where}: {title_of(key)} of {name} above DDPM's", figures, 1.0)


def _papers() -> Table:
    rows = [(f"N = {n}, {who}", *(f"{x:g}" for x in row)) for n, found in PAPER.items() for who, row in found.items()]
    head = ("paper", "FID", "S > 0.85, %", "S > 0.875, %", "S > 0.9, %")
    return Table("FFHQ, the paper's figures: DINOv2 ViT-g/14", head, tuple(rows))
