"""P1, Figure 2: images, their latents noised to t = 900, the posterior mean and posterior samples."""

from __future__ import annotations

from collections.abc import Sequence

from ambient.metrics.dominance import superiority
from paper_repro.makers.attack import Attack
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.p1.similarity import share_above, table, table_of
from paper_repro.p1.victims import victims
from paper_repro.report.claims import above
from paper_repro.report.estimates import over_either, over_images
from paper_repro.report.evidence import Evidence
from paper_repro.report.pictures import Rows

STEP = 900
NEAR = 0.9
"""Similarity of a posterior sample to its image that is near, for an image of which nearly nothing was left."""


def posterior(run: Run, products: tuple[Attack]) -> Evidence:
    """The picture, and whether posterior samples come back near their images."""
    (attack,) = products
    found, title = run.make(attack), run.backend.title("sdxl")
    kinds = {"images": "originals", f"noisy latents, t = {STEP}": f"shown/t = {STEP}"}
    kinds |= {"posterior mean": f"base/t = {STEP}, mean", "posterior sample": f"base/t = {STEP}, posterior"}
    share = over_images(share_above(NEAR), found.of(f"t = {STEP}, posterior")[0].own)
    return Evidence(
        (table_of(found, title),),
        (above(f"share of posterior samples above {NEAR:g} to their image above 0", share, 0.0),),
        {"posterior.png": Rows(found.pictures(kinds), f"{title}; {found.note}")},
    )


def posterior_on_digits(run: Run, stand_ins: Sequence[StandIn]) -> Evidence:
    """The picture, and whether posterior samples come back nearer to training images than to others."""
    (models,) = victims(run, stand_ins)
    seen = [victim.noised(STEP, victim.train) for victim in models]
    unseen = [victim.noised(STEP, victim.held_out) for victim in models]
    means = [victim.noised(STEP, victim.train, "mean") for victim in models]
    rows = {
        "digits": models[0].train,
        f"noisy, t = {STEP}": seen[0].shown,
        "posterior mean": means[0].restored,
        "posterior sample": seen[0].restored,
    }
    sets = {
        "training images, posterior": [attempt.similarities.own for attempt in seen],
        "training images, mean": [attempt.similarities.own for attempt in means],
        "unseen images, posterior": [attempt.similarities.own for attempt in unseen],
    }
    pairs = list(zip(sets["training images, posterior"], sets["unseen images, posterior"], strict=True))
    estimate = over_either(superiority, pairs, paired=False)
    return Evidence(
        (table("small models on digits, posterior samples and means against their own image", sets),),
        (above("P(a training image comes back nearer than an unseen one) above 1/2", estimate, 0.5),),
        {"posterior-digits.png": Rows(rows, f"a small model on digits at the level that stands for t = {STEP}")},
    )
