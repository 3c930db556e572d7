"""P1, Table 1: how well models trained on data of three noise levels denoise images of four."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from torch import Tensor

from paper_repro import make_sdxl, show, substitutes
from paper_repro.claims import Estimate, Test, below, over_either
from paper_repro.products import NATURES, Restorations
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.workshop import Workshop

EVALUATED = (900, 800, 500, 100)
# Evaluation level -> training level -> (latent MSE, pixel MSE), mean (standard deviation) over 32 images.
PAPER = {
    900: {
        100: ("0.3369 (0.0521)", "0.0802 (0.0257)"),
        500: ("0.3377 (0.0514)", "0.0804 (0.0253)"),
        800: ("0.3375 (0.0514)", "0.0796 (0.0254)"),
    },
    800: {
        100: ("0.2974 (0.0463)", "0.0566 (0.0219)"),
        500: ("0.2978 (0.0464)", "0.0566 (0.0222)"),
        800: ("0.3001 (0.0466)", "0.0570 (0.0220)"),
    },
    500: {
        100: ("0.2153 (0.0283)", "0.0219 (0.0092)"),
        500: ("0.2159 (0.0283)", "0.0221 (0.0092)"),
        800: ("0.2182 (0.0284)", "0.0226 (0.0094)"),
    },
    100: {
        100: ("0.0405 (0.0029)", "0.0068 (0.0027)"),
        500: ("0.0409 (0.0029)", "0.0069 (0.0028)"),
        800: ("0.0411 (0.0029)", "0.0070 (0.0028)"),
    },
}
LIMIT = 1.1
"""Largest over smallest error of models that restore equally well; the paper's own reach 1.03."""


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The table, and the ratio of the largest to the smallest error at each level."""
    product = artefact.products[0]
    assert isinstance(product, Restorations)
    found = make_sdxl.make(shop, product)
    errors = {tune.nature: found["results"][tune.name]["restoration"] for tune in product.tunes}
    title = f"{make_sdxl.model_title(shop)} on {found['data']}, {shop.sizes.restored} images"
    table = _table(title, errors)
    if not shop.options.substitute:
        tests = [_test(t, _ratio(errors, i, shop.sizes.restored)) for i, t in enumerate(EVALUATED)]
        return Finding((table,), tuple(tests), {})
    small, by_level = _substitute(shop)
    tests = [_test(t, over_either(_worst_over_best, by_level[t])) for t in EVALUATED]
    return Finding((table, small), tuple(tests), {}, substitutes.SURROGATES)


def _table(title: str, errors: dict[int, Any]) -> Table:
    rows = []
    for i, t in enumerate(EVALUATED):
        for nature, models in errors.items():
            ours = [f"{models[i][key]['mean']:.4f} ({models[i][key]['std']:.4f})" for key in ("latent", "pixel")]
            latent, pixel = PAPER[t][nature]
            rows.append((f"t = {t}, trained at {nature}", ours[0], latent, ours[1], pixel))
    head = ("", "latent MSE, ours", "paper", "pixel MSE, ours", "paper")
    return Table(title + "; mean (standard deviation) over images", head, tuple(rows))


def _ratio(errors: dict[int, Any], i: int, images: int) -> Estimate:
    """Largest over smallest mean latent error, with an interval as if the models had been shown different images."""
    spreads = sorted((models[i]["latent"] for models in errors.values()), key=lambda spread: spread["mean"])
    low, high = spreads[0], spreads[-1]
    ratio = high["mean"] / low["mean"]
    relative = math.hypot(*(s["std"] / s["mean"] for s in (low, high))) / images**0.5
    return Estimate(ratio, ratio * (1 - 1.96 * relative), ratio * (1 + 1.96 * relative), f"{images} images")


def _substitute(shop: Workshop) -> tuple[Table, dict[int, list[tuple[Tensor, ...]]]]:
    """Errors of the small models on held-out digits: by level, for each split those of the three models by image."""
    groups = substitutes.groups(shop, [(substitutes.CONSISTENT, nature) for nature in NATURES], size=2)
    models = {nature: victims for (_, nature), victims in groups.items()}
    errors: dict[int, dict[int, list[Tensor]]] = {t: {} for t in EVALUATED}
    for nature, splits in models.items():
        for t in EVALUATED:
            errors[t][nature] = []
            for victim in splits:
                images = victim.held_out[: max(shop.sizes.restored, 4)]
                _, restored, _ = victim.noised(t, images, "mean")
                errors[t][nature].append((restored - images).square().flatten(1).mean(1))
    rows = [
        (f"t = {t}, trained at {nature}", show.spread([float(v.mean()) for v in values], 4), PAPER[t][nature][0])
        for t, by_nature in errors.items()
        for nature, values in by_nature.items()
    ]
    title = "small models on digits, trained on noisy data with consistency (our recipe); mean ± spread over splits"
    by_split = {t: list(zip(*errors[t].values(), strict=True)) for t in EVALUATED}
    return Table(title, ("", "pixel MSE, ours", "latent MSE, paper"), tuple(rows)), by_split


def _worst_over_best(*errors: Tensor) -> float:
    """Largest over smallest mean error of some models."""
    means = [float(values.mean()) for values in errors]
    return max(means) / min(means)


def _test(t: int, estimate: Estimate) -> Test:
    return below(f"largest over smallest error of the three models at t = {t} below {LIMIT:g}", estimate, LIMIT)
