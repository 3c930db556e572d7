"""P1, Figure 3: similarities to the data set of images generated from captions, and of noised images restored."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from paper_repro import make_sdxl, pictures, show, substitutes
from paper_repro.claims import Estimate, Test, above, over_either, over_images
from paper_repro.registry import Artefact
from paper_repro.results import Finding
from paper_repro.workshop import Workshop

STEPS = (900, 800)
CLOSE = 0.95


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """Histograms, and the shares above 0.95 compared."""
    noised, prompted = (make_sdxl.make(shop, product) for product in artefact.products)
    title = make_sdxl.model_title(shop)
    lines = {"generated from captions": prompted.restorations[0].similarities.nearest}
    lines |= {f"noised to t = {t}": show.found_of(noised, f"t = {t}, posterior").similarities.nearest for t in STEPS}
    tables = [show.attack_table(prompted, title), show.attack_table(noised, title)]
    panels = {title: lines}
    if not shop.options.substitute:
        base = lines["generated from captions"]
        tests = tuple(_test(t, over_images(_excess, lines[f"noised to t = {t}"], base, paired=False)) for t in STEPS)
        return Finding(tuple(tables), tests, _draw(folder, panels))
    splits = substitutes.victims(shop, substitutes.CLEAN)
    generated = [victim.generated() for victim in splits]
    restored = {t: [victim.noised(t, victim.train)[2].nearest for victim in splits] for t in STEPS}
    control = {t: [victim.noised(t, victim.held_out)[2].own for victim in splits] for t in STEPS}
    sets = {"generated: nearest": generated}
    sets |= {f"noised to t = {t}: nearest": values for t, values in restored.items()}
    sets |= {f"unseen images noised to t = {t}: own (control)": values for t, values in control.items()}
    tables.append(show.similarities("small models on digits", sets))
    panels["small model on digits"] = {"generated": generated[0]} | {
        f"noised to t = {t}": restored[t][0] for t in STEPS
    }
    tests = tuple(
        _test(t, over_either(_excess, list(zip(restored[t], generated, strict=True)), paired=False)) for t in STEPS
    )
    return Finding(tuple(tables), tests, _draw(folder, panels), substitutes.SURROGATES)


def _excess(a: Tensor, b: Tensor) -> float:
    """Share of a above the threshold, less that of b."""
    return float((a > CLOSE).double().mean() - (b > CLOSE).double().mean())


def _test(t: int, estimate: Estimate) -> Test:
    return above(f"t = {t}: share above {CLOSE:g} of noised images less that of generated ones above 0", estimate, 0.0)


def _draw(folder: Path, panels: dict[str, dict[str, Tensor]]) -> dict[str, str]:
    pictures.save(folder / "histogram.png", pictures.histograms(panels, "similarity to the nearest image"))
    return {"histogram.png": "largest similarities to the data set"}
