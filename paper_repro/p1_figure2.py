"""P1, Figure 2: images, their latents noised to t = 900, the posterior mean and posterior samples."""

from __future__ import annotations

from pathlib import Path

from ambient.metrics.dominance import superiority
from paper_repro import make_sdxl, show, substitutes
from paper_repro.claims import above, over_either, over_images
from paper_repro.registry import Artefact
from paper_repro.results import Finding
from paper_repro.workshop import Workshop

STEP = 900


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The picture, and whether posterior samples come back nearer to training images than to others."""
    found = make_sdxl.make(shop, artefact.products[0])
    title = make_sdxl.model_title(shop)
    kinds = {"images": "originals", f"noisy latents, t = {STEP}": f"shown/t = {STEP}"}
    kinds |= {"posterior mean": f"base/t = {STEP}, mean", "posterior sample": f"base/t = {STEP}, posterior"}
    pictures = {show.draw(folder, "posterior.png", show.attack_rows(found, kinds)): f"{title}; {found.note}"}
    table = show.attack_table(found, title)
    if not shop.options.substitute:
        own = show.found_of(found, f"t = {STEP}, posterior").similarities.own
        share = over_images(lambda x: float((x > 0.9).double().mean()), own)
        return Finding(
            (table,), (above("share of posterior samples above 0.9 to their image above 0", share, 0.0),), pictures
        )
    splits = substitutes.victims(shop, substitutes.CLEAN)
    seen = [victim.noised(STEP, victim.train) for victim in splits]
    unseen = [victim.noised(STEP, victim.held_out) for victim in splits]
    means = [victim.noised(STEP, victim.train, "mean") for victim in splits]
    rows = {"digits": splits[0].train, f"noisy, t = {STEP}": seen[0][0]}
    rows |= {"posterior mean": means[0][1], "posterior sample": seen[0][1]}
    pictures[show.draw(folder, "posterior-digits.png", rows)] = (
        "a small model on digits at the level that stands for t = 900"
    )
    pairs = [(a.own, b.own) for (_, _, a), (_, _, b) in zip(seen, unseen, strict=True)]
    small = show.similarities(
        "small models on digits, posterior samples and means against their own image",
        {
            "training images, posterior": [s.own for _, _, s in seen],
            "training images, mean": [s.own for _, _, s in means],
            "unseen images, posterior": [s.own for _, _, s in unseen],
        },
    )
    claim = "P(a training image comes back nearer than an unseen one) above 1/2"
    return Finding(
        (table, small),
        (above(claim, over_either(superiority, pairs, paired=False), 0.5),),
        pictures,
        substitutes.SURROGATES,
    )
