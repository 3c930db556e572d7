"""P2, Table 3: memorisation and quality of Stable Diffusion 2 fine-tuned on LAION-10k, with and without remedies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paper_repro import make_sdxl, show
from paper_repro.claims import Estimate, Test, below, untestable
from paper_repro.products import Evaluation
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.workshop import Workshop

# Method -> Sim, 95 %, CLIP, FID.
PAPER = {
    "Baseline": (0.378, 0.649, 0.306, 18.18),
    "Ours": (0.373, 0.636, 0.305, 18.34),
    "S23": (0.319, 0.573, 0.302, 20.55),
    "S23 + ours": (0.308, 0.547, 0.306, 21.30),
    "W24": (0.208, 0.300, 0.293, 21.44),
    "W24 + ours": (0.192, 0.267, 0.293, 20.74),
}


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The table, and the claim as ratios of the rows with Algorithm 1 to those without."""
    rows: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    data = ""
    for product in artefact.products:
        assert isinstance(product, Evaluation)
        found = make_sdxl.make(shop, product)
        rows += [found["results"][tune.name] for tune in product.tunes]
        names, data = found["names"], found["data"]
    ours = dict(zip(PAPER, rows, strict=True))
    lines = [(name, *_entries(row), *(f"{x:g}" for x in PAPER[name])) for name, row in ours.items()]
    head = ("method", f"Sim ({names['similarity']})", "95 %", names["clip"], names["distance"])
    title = (
        f"{make_sdxl.model_title(shop, 'sd2')} on {data}, {shop.sizes.text_generated} images; S23: random captions in "
    )
    title += "training; W24: prompts optimised at inference"
    papers = ("paper: Sim", "95 %", "CLIP", "FID")
    table = Table(title, (*head, *papers), tuple(lines))
    tests = [
        test for base in ("S23", "W24") for test in similarity_and_quality(ours[base], ours[f"{base} + ours"], base)
    ]
    if shop.options.substitute:
        tests = [untestable(test.claim, show.RANDOM) for test in tests]
        surrogates = ("a tiny Stable Diffusion 2 of random weights", "random DINOv2 and CLIP")
        return Finding((table,), tuple(tests), {}, surrogates)
    return Finding((table,), tuple(tests), {}, ())


def similarity_and_quality(base: dict[str, Any], ours: dict[str, Any], name: str) -> list[Test]:
    """A row with Algorithm 1 against the same without: lower similarity, distance and CLIP score no worse."""
    sides = (("similarity", "Sim", 1.0), ("distance", "FID", 1.05))
    tests = [
        below(f"{title} of {name} + ours below {limit:g} of {name}'s", _exact(ours[key] / base[key]), limit)
        for key, title, limit in sides
    ]
    worse = _exact(base["clip"] / ours["clip"])
    return [*tests, below(f"CLIP score of {name} below 1.05 of {name} + ours", worse, 1.05)]


def _exact(value: float) -> Estimate:
    return Estimate(value, value, value, "one training run, taken as exact")


def _entries(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{row['similarity']:.3f}",
        f"{row['similarity_95']:.3f}",
        "–" if row["clip"] is None else f"{row['clip']:.3f}",
        f"{row['distance']:.2f}",
    )
