"""P1, Figure 8: similarities of posterior samples at t = 900 by models trained on clean data and at t_n = 500."""

from __future__ import annotations

from collections.abc import Sequence

from ambient.metrics.dominance import dominance
from paper_repro.makers.attack import Attack
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.p1.similarity import dominance_over_splits, histogram, table, table_of
from paper_repro.p1.victims import victims
from paper_repro.report.estimates import dominates
from paper_repro.report.evidence import Evidence

STEP, NATURE = 900, 500
NAMES = ("trained on clean data", f"trained at t_n = {NATURE}")
_CAPTION = f"largest similarities of posterior samples at t = {STEP}"


def clean_against_noisy(run: Run, products: tuple[Attack]) -> Evidence:
    """Histograms of both models, and whether the clean one's similarities dominate."""
    (attack,) = products
    found, title = run.make(attack), run.backend.title("sdxl")
    clean, noisy = (similarities.nearest for similarities in found.of(f"t = {STEP}, posterior"))
    tests = dominates("clean above noisy", dominance(clean, noisy, paired=True), f"{len(clean)} images")
    lines = dict(zip(NAMES, (clean, noisy), strict=True))
    return Evidence((table_of(found, title),), tuple(tests), {**histogram(title, lines, _CAPTION)})


def clean_against_noisy_on_digits(run: Run, stand_ins: Sequence[StandIn]) -> Evidence:
    """The same of small models, split by split."""
    sets = {
        name: [victim.noised(STEP, victim.train).similarities.nearest for victim in models]
        for name, models in zip(NAMES, victims(run, stand_ins), strict=True)
    }
    clean, noisy = sets.values()
    lines = {name: values[0] for name, values in sets.items()}
    return Evidence(
        (table("small models on digits, posterior samples of training images", sets),),
        dominance_over_splits(clean, noisy, paired=True),
        {**histogram("small models on digits", lines, _CAPTION)},
    )
