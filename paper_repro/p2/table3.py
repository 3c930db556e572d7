"""P2, Table 3: memorisation and quality of Stable Diffusion 2 fine-tuned on LAION-10k, with and without remedies."""

from __future__ import annotations

from typing import Any

from paper_repro.makers.evaluation import Evaluation
from paper_repro.makers.run import Run
from paper_repro.report.claims import Test, below, exact
from paper_repro.report.evidence import Evidence
from paper_repro.report.tables import Table

# Method -> Sim, 95 %, CLIP, FID.
PAPER = {
    "Baseline": (0.378, 0.649, 0.306, 18.18),
    "Ours": (0.373, 0.636, 0.305, 18.34),
    "S23": (0.319, 0.573, 0.302, 20.55),
    "S23 + ours": (0.308, 0.547, 0.306, 21.30),
    "W24": (0.208, 0.300, 0.293, 21.44),
    "W24 + ours": (0.192, 0.267, 0.293, 20.74),
}


def text_conditional(run: Run, products: tuple[Evaluation, Evaluation, Evaluation]) -> Evidence:
    """The table, and the claim as ratios of the rows with Algorithm 1 to those without."""
    found = [run.make(product) for product in products]
    ours = dict(zip(PAPER, [row for evaluated in found for row in evaluated.results], strict=True))
    names, data = found[0].names, found[0].data
    columns = ("method", f"Sim ({names['similarity']})", "95 %", names["clip"], names["distance"])
    table = Table(
        f"{run.backend.title('sd2')} on {data}, {run.sizes.text_generated} images; S23: random captions in training; "
        "W24: prompts optimised at inference",
        (*columns, "paper: Sim", "95 %", "CLIP", "FID"),
        tuple((name, *_entries(row), *(f"{x:g}" for x in PAPER[name])) for name, row in ours.items()),
    )
    tests = [
        test for base in ("S23", "W24") for test in similarity_and_quality(ours[base], ours[f"{base} + ours"], base)
    ]
    return Evidence((table,), tuple(tests))


def similarity_and_quality(base: dict[str, Any], ours: dict[str, Any], name: str) -> list[Test]:
    """A row with Algorithm 1 against the same without: lower similarity, distance and CLIP score no worse."""
    sides = (("similarity", "Sim", 1.0), ("distance", "FID", 1.05))
    tests = [
        below(f"{title} of {name} + ours below {limit:g} of {name}'s", exact(ours[key] / base[key]), limit)
        for key, title, limit in sides
    ]
    worse = exact(base["clip"] / ours["clip"])
    return [*tests, below(f"CLIP score of {name} below 1.05 of {name} + ours", worse, 1.05)]


def _entries(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{row['similarity']:.3f}",
        f"{row['similarity_95']:.3f}",
        "–" if row["clip"] is None else f"{row['clip']:.3f}",
        f"{row['distance']:.2f}",
    )
