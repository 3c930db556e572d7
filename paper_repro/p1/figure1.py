"""P1, Figure 1: images, the same with their main object hidden, and what an inpainting model puts there."""

from __future__ import annotations

from collections.abc import Sequence

from ambient.metrics.dominance import superiority
from paper_repro.makers.attack import Attack
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.p1.similarity import CLOSE, share_above, table, table_of
from paper_repro.p1.victims import victims
from paper_repro.report.claims import above
from paper_repro.report.estimates import over_either, over_images
from paper_repro.report.evidence import Evidence
from paper_repro.report.pictures import Rows


def filled_in(run: Run, products: tuple[Attack]) -> Evidence:
    """The picture, and whether hidden regions come back almost identical."""
    (attack,) = products
    found, title = run.make(attack), run.backend.title("inpainting")
    rows = found.pictures({"images": "originals", "masked": "shown/masked", "filled in": "base/caption"})
    share = over_images(share_above(CLOSE), found.of("caption")[0].own)
    return Evidence(
        (table_of(found, title),),
        (above(f"share of hidden regions restored above {CLOSE:g} above 0", share, 0.0),),
        {"inpainting.png": Rows(rows, f"{title}; {found.note}")},
    )


def filled_in_on_digits(run: Run, stand_ins: Sequence[StandIn]) -> Evidence:
    """The picture, and whether training images are filled in more accurately than others."""
    (models,) = victims(run, stand_ins)
    seen = [victim.masked(victim.train) for victim in models]
    unseen = [victim.masked(victim.held_out) for victim in models]
    rows = {
        "digits": models[0].train,
        "masked": seen[0].shown,
        "filled in": seen[0].restored,
        "unseen digits": models[0].held_out,
        "masked ": unseen[0].shown,
        "filled in ": unseen[0].restored,
    }
    sets = {
        "training images": [attempt.similarities.own for attempt in seen],
        "unseen images": [attempt.similarities.own for attempt in unseen],
    }
    estimate = over_either(superiority, list(zip(*sets.values(), strict=True)), paired=False)
    return Evidence(
        (table("small models on digits, hidden parts against the original's", sets),),
        (above("P(a training image is restored nearer than an unseen one) above 1/2", estimate, 0.5),),
        {"inpainting-digits.png": Rows(rows, "a small model on digits, filled in by RePaint")},
    )
