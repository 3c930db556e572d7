"""P1, Figure 8: similarities of posterior samples at t = 900 by models trained on clean data and at t_n = 500."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ambient.metrics.dominance import dominance, superiority, violation
from paper_repro import make_sdxl, pictures, show, substitutes
from paper_repro.claims import Test, above, below, dominates, over_either
from paper_repro.products import Attack
from paper_repro.registry import Artefact
from paper_repro.results import Finding
from paper_repro.workshop import Workshop

STEP, NATURE = 900, 500


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """Histograms of both models, and whether the clean one's similarities dominate."""
    product = artefact.products[0]
    assert isinstance(product, Attack)
    found = make_sdxl.make(shop, product)
    clean, noisy = [
        row.similarities.nearest for row in found.restorations if row.restoration == f"t = {STEP}, posterior"
    ]
    title = make_sdxl.model_title(shop)
    panels = {title: {"trained on clean data": clean, f"trained at t_n = {NATURE}": noisy}}
    table = show.attack_table(found, title)
    if not shop.options.substitute:
        tests = dominates("clean above noisy", dominance(clean, noisy, paired=True), f"{len(clean)} images")
        return Finding((table,), tuple(tests), _draw(folder, panels))
    groups = substitutes.groups(shop, ((substitutes.CLEAN, 0), (substitutes.CONSISTENT, NATURE)))
    names = ("trained on clean data", f"trained at t_n = {NATURE}")
    sets = {
        name: [victim.noised(STEP, victim.train)[2].nearest for victim in models]
        for name, models in zip(names, groups.values(), strict=True)
    }
    a, b = sets.values()
    panels["small models on digits"] = {name: values[0] for name, values in sets.items()}
    small = show.similarities("small models on digits, posterior samples of training images", sets)
    return Finding((table, small), tuple(compare_splits(a, b)), _draw(folder, panels), substitutes.SURROGATES)


def compare_splits(a: Sequence[Tensor], b: Sequence[Tensor], paired: bool = True) -> list[Test]:
    """Whether similarities A lie above B, split by split."""
    pairs = list(zip(a, b, strict=True))
    return [
        above("P(A > B) above 1/2", over_either(superiority, pairs, paired=paired), 0.5),
        below("violation of stochastic dominance below 0.05", over_either(violation, pairs, paired=paired), 0.05),
    ]


def _draw(folder: Path, panels: dict[str, dict[str, Tensor]]) -> dict[str, str]:
    pictures.save(folder / "histogram.png", pictures.histograms(panels, "similarity to the nearest image"))
    return {"histogram.png": "largest similarities of posterior samples at t = 900"}
