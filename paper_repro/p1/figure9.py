"""P1, Figure 9: how near filled-in regions come to the nearest region of the data set."""

from __future__ import annotations

from collections.abc import Sequence

from paper_repro.makers.attack import Attack
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.p1.similarity import CLOSE, excess, histogram, share_above, table, table_of
from paper_repro.p1.victims import victims
from paper_repro.report.claims import above
from paper_repro.report.estimates import over_either, over_images
from paper_repro.report.evidence import Evidence

_CAPTION = "largest similarities of filled-in regions"
_LABEL = "similarity to the nearest region"


def regions(run: Run, products: tuple[Attack]) -> Evidence:
    """The histogram of the attack of Figure 1, and its share above 0.95."""
    (attack,) = products
    found, title = run.make(attack), run.backend.title("inpainting")
    nearest = found.of("caption")[0].nearest
    share = over_images(share_above(CLOSE), nearest)
    return Evidence(
        (table_of(found, title),),
        (above(f"share of similarities above {CLOSE:g} above 0", share, 0.0),),
        {**histogram(title, {"filled in": nearest}, _CAPTION, _LABEL)},
    )


def regions_on_digits(run: Run, stand_ins: Sequence[StandIn]) -> Evidence:
    """The same of small models, with unseen images as control."""
    (models,) = victims(run, stand_ins)
    sets = {
        "training images": [victim.masked(victim.train).similarities.nearest for victim in models],
        "unseen images (control)": [victim.masked(victim.held_out).similarities.nearest for victim in models],
    }
    estimate = over_either(excess, list(zip(*sets.values(), strict=True)), paired=False)
    lines = {name: values[0] for name, values in sets.items()}
    return Evidence(
        (table("small models on digits", sets),),
        (above(f"share above {CLOSE:g} of training images less that of unseen ones above 0", estimate, 0.0),),
        {**histogram("small model on digits", lines, _CAPTION, _LABEL)},
    )
