"""P1, Figure 9: how near filled-in regions come to the nearest region of the data set."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from paper_repro import make_sdxl, pictures, show, substitutes
from paper_repro.claims import above, over_either, over_images
from paper_repro.registry import Artefact
from paper_repro.results import Finding
from paper_repro.workshop import Workshop

CLOSE = 0.95


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The histogram of the attack of Figure 1, and its share above 0.95."""
    found = make_sdxl.make(shop, artefact.products[0])
    title = make_sdxl.model_title(shop, "inpainting")
    panels = {title: {"filled in": found.restorations[0].similarities.nearest}}
    table = show.attack_table(found, title)
    shown = {"histogram.png": "largest similarities of filled-in regions"}
    if not shop.options.substitute:
        share = over_images(lambda x: float((x > CLOSE).double().mean()), found.restorations[0].similarities.nearest)
        pictures.save(folder / "histogram.png", pictures.histograms(panels, "similarity to the nearest region"))
        return Finding((table,), (above(f"share of similarities above {CLOSE:g} above 0", share, 0.0),), shown)
    splits = substitutes.victims(shop, substitutes.CLEAN)
    seen = [victim.masked(victim.train)[2].nearest for victim in splits]
    unseen = [victim.masked(victim.held_out)[2].nearest for victim in splits]
    panels["small model on digits"] = {"training images": seen[0], "unseen images (control)": unseen[0]}
    pictures.save(folder / "histogram.png", pictures.histograms(panels, "similarity to the nearest region"))
    small = show.similarities("small models on digits", {"training images": seen, "unseen images (control)": unseen})
    pairs = list(zip(seen, unseen, strict=True))
    claim = f"share above {CLOSE:g} of training images less that of unseen ones above 0"
    return Finding(
        (table, small), (above(claim, over_either(_excess, pairs, paired=False), 0.0),), shown, substitutes.SURROGATES
    )


def _excess(a: Tensor, b: Tensor) -> float:
    """Share of a above the threshold, less that of b."""
    return float((a > CLOSE).double().mean() - (b > CLOSE).double().mean())
