"""P1, Figure 1: images, the same with their main object hidden, and what an inpainting model puts there."""

from __future__ import annotations

from pathlib import Path

from ambient.metrics.dominance import superiority
from paper_repro import make_sdxl, show, substitutes
from paper_repro.claims import above, over_either, over_images
from paper_repro.registry import Artefact
from paper_repro.results import Finding
from paper_repro.workshop import Workshop

CLOSE = 0.95
"""P1, section 4.1: above this an image is almost identical to one of the training set."""


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The picture, and whether training images are filled in more accurately than others."""
    found = make_sdxl.make(shop, artefact.products[0])
    title = make_sdxl.model_title(shop, "inpainting")
    kinds = {"images": "originals", "masked": "shown/masked", "filled in": "base/caption"}
    pictures = {show.draw(folder, "inpainting.png", show.attack_rows(found, kinds)): f"{title}; {found.note}"}
    table = show.attack_table(found, title)
    if not shop.options.substitute:
        own = found.restorations[0].similarities.own
        share = over_images(lambda x: float((x > CLOSE).double().mean()), own)
        return Finding(
            (table,), (above(f"share of hidden regions restored above {CLOSE:g} above 0", share, 0.0),), pictures
        )
    splits = substitutes.victims(shop, substitutes.CLEAN)
    seen = [victim.masked(victim.train) for victim in splits]
    unseen = [victim.masked(victim.held_out) for victim in splits]
    rows = {"digits": splits[0].train, "masked": seen[0][0], "filled in": seen[0][1]}
    rows |= {"unseen digits": splits[0].held_out, "masked ": unseen[0][0], "filled in ": unseen[0][1]}
    pictures[show.draw(folder, "inpainting-digits.png", rows)] = "a small model on digits, filled in by RePaint"
    pairs = [(a.own, b.own) for (_, _, a), (_, _, b) in zip(seen, unseen, strict=True)]
    small = show.similarities(
        "small models on digits, hidden parts against the original's",
        {"training images": [s.own for _, _, s in seen], "unseen images": [s.own for _, _, s in unseen]},
    )
    claim = "P(a training image is restored nearer than an unseen one) above 1/2"
    return Finding(
        (table, small),
        (above(claim, over_either(superiority, pairs, paired=False), 0.5),),
        pictures,
        substitutes.SURROGATES,
    )
