"""P1, Figure 5: what the nature levels look like, and what a model makes of data at each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from torch import Tensor

from paper_repro.makers.attack import Attack
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.p1.similarity import table_of
from paper_repro.p1.victims import victims
from paper_repro.report.claims import Test, above
from paper_repro.report.estimates import over_either
from paper_repro.report.evidence import Evidence
from paper_repro.report.pictures import Rows
from paper_repro.sizes.levels import NATURES


def levels(run: Run, products: tuple[Attack]) -> Evidence:
    """Noisy latents and posterior samples of the same image at each level, and whether they are ever less like it."""
    (attack,) = products
    found, title = run.make(attack), run.backend.title("sdxl")
    kinds = {"images": "originals"}
    for t in NATURES:
        kinds |= {f"latents, t = {t}": f"shown/t = {t}", f"posterior, t = {t}": f"base/t = {t}, posterior"}
    own = {t: [found.of(f"t = {t}, posterior")[0].own] for t in NATURES}
    picture = Rows(found.pictures(kinds), f"{title}: noisy latents as colours")
    return Evidence((table_of(found, title),), _tests(own), {"levels.png": picture})


def levels_on_digits(run: Run, stand_ins: Sequence[StandIn]) -> Evidence:
    """The same of a small model, in pixels."""
    (models,) = victims(run, stand_ins)
    own: dict[int, list[Tensor]] = {}
    rows: dict[str, Tensor] = {"digits": models[0].train}
    for t in NATURES:
        attempts = [victim.noised(t, victim.train) for victim in models]
        rows |= {f"noisy, t = {t}": attempts[0].shown, f"posterior, t = {t}": attempts[0].restored}
        own[t] = [attempt.similarities.own for attempt in attempts]
    picture = Rows(rows, "a small model on digits at the levels that stand for t")
    return Evidence((), _tests(own), {"levels-digits.png": picture})


def _tests(own: Mapping[int, Sequence[Tensor]]) -> tuple[Test, ...]:
    """Whether similarity falls from level to level: level -> similarities of each split to the images themselves."""
    return tuple(
        above(
            f"mean similarity of posterior samples to their image larger at t = {a} than at {b}",
            over_either(_mean_difference, list(zip(own[a], own[b], strict=True))),
            0.0,
        )
        for a, b in pairwise(NATURES)
    )


def _mean_difference(a: Tensor, b: Tensor) -> float:
    return float((a - b).mean())
