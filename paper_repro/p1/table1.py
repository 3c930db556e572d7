"""P1, Table 1: how well models trained on data of three noise levels denoise images of four."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from paper_repro.makers.evaluation import Restorations
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.p1.victims import victims
from paper_repro.report.claims import Estimate, Test, below
from paper_repro.report.estimates import over_either
from paper_repro.report.evidence import Evidence
from paper_repro.report.tables import Table, spread

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


def restoration(run: Run, products: tuple[Restorations]) -> Evidence:
    """The table, and the ratio of the largest to the smallest error at each level."""
    (restorations,) = products
    found = run.make(restorations)
    errors = {
        tune.nature: result["restoration"] for tune, result in zip(restorations.tunes, found.results, strict=True)
    }
    images = run.sizes.restored
    rows = []
    for i, t in enumerate(EVALUATED):
        for nature, models in errors.items():
            ours = [f"{models[i][key]['mean']:.4f} ({models[i][key]['std']:.4f})" for key in ("latent", "pixel")]
            latent, pixel = PAPER[t][nature]
            rows.append((f"t = {t}, trained at {nature}", ours[0], latent, ours[1], pixel))
    title = f"{run.backend.title('sdxl')} on {found.data}, {images} images; mean (standard deviation) over images"
    table = Table(title, ("", "latent MSE, ours", "paper", "pixel MSE, ours", "paper"), tuple(rows))
    tests = [
        _test(t, _ratio([models[i]["latent"] for models in errors.values()], images)) for i, t in enumerate(EVALUATED)
    ]
    return Evidence((table,), tuple(tests))


def restoration_on_digits(run: Run, stand_ins: Sequence[StandIn]) -> Evidence:
    """The same of small models on held-out digits, over splits."""
    errors: dict[int, dict[int, list[Tensor]]] = {t: {} for t in EVALUATED}
    for stand_in, models in zip(stand_ins, victims(run, stand_ins), strict=True):
        for t in EVALUATED:
            errors[t][stand_in.nature] = []
            for victim in models:
                images = victim.held_out[: max(run.sizes.restored, 4)]
                restored = victim.noised(t, images, "mean").restored
                errors[t][stand_in.nature].append((restored - images).square().flatten(1).mean(1))
    rows = [
        (f"t = {t}, trained at {nature}", spread([float(v.mean()) for v in values], 4), PAPER[t][nature][0])
        for t, by_nature in errors.items()
        for nature, values in by_nature.items()
    ]
    title = "small models on digits, trained on noisy data with consistency (our recipe); mean ± spread over splits"
    table = Table(title, ("", "pixel MSE, ours", "latent MSE, paper"), tuple(rows))
    by_split = {t: list(zip(*errors[t].values(), strict=True)) for t in EVALUATED}
    return Evidence((table,), tuple(_test(t, over_either(_worst_over_best, by_split[t])) for t in EVALUATED))


def _ratio(errors: Sequence[dict[str, Any]], images: int) -> Estimate:
    """Largest over smallest mean error, with an interval as if the models had been shown different images."""
    spreads = sorted(errors, key=lambda error: float(error["mean"]))
    low, high = spreads[0], spreads[-1]
    ratio = high["mean"] / low["mean"]
    relative = math.hypot(*(s["std"] / s["mean"] for s in (low, high))) / images**0.5
    return Estimate(ratio, ratio * (1 - 1.96 * relative), ratio * (1 + 1.96 * relative), f"{images} images")


def _worst_over_best(*errors: Tensor) -> float:
    """Largest over smallest mean error of some models, each (N,)."""
    means = [float(values.mean()) for values in errors]
    return max(means) / min(means)


def _test(t: int, estimate: Estimate) -> Test:
    return below(f"largest over smallest error of the three models at t = {t} below {LIMIT:g}", estimate, LIMIT)
