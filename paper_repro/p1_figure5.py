"""P1, Figure 5: what the nature levels look like, and what a model makes of data at each."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from torch import Tensor

from paper_repro import make_sdxl, show, substitutes
from paper_repro.claims import Test, above, over_either
from paper_repro.products import NATURES
from paper_repro.registry import Artefact
from paper_repro.results import Finding
from paper_repro.workshop import Workshop


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """Noisy latents and posterior samples of the same image at each level."""
    found = make_sdxl.make(shop, artefact.products[0])
    title = f"{make_sdxl.model_title(shop)}"
    kinds = {"images": "originals"}
    for t in NATURES:
        kinds |= {f"latents, t = {t}": f"shown/t = {t}", f"posterior, t = {t}": f"base/t = {t}, posterior"}
    pictures = {show.draw(folder, "levels.png", show.attack_rows(found, kinds)): f"{title}: noisy latents as colours"}
    table = show.attack_table(found, title)
    own = {t: show.found_of(found, f"t = {t}, posterior").similarities.own for t in NATURES}
    pairs = list(pairwise(NATURES))
    if not shop.options.substitute:
        tests = [_test(a, b, [(own[a], own[b])]) for a, b in pairs]
        return Finding((table,), tuple(tests), pictures)
    splits = substitutes.victims(shop, substitutes.CLEAN)
    similar: dict[int, list[Tensor]] = {}
    rows: dict[str, Tensor] = {"digits": splits[0].train}
    for t in NATURES:
        found_here = [victim.noised(t, victim.train) for victim in splits]
        rows |= {f"noisy, t = {t}": found_here[0][0], f"posterior, t = {t}": found_here[0][1]}
        similar[t] = [s.own for _, _, s in found_here]
    pictures[show.draw(folder, "levels-digits.png", rows)] = "a small model on digits at the levels that stand for t"
    tests = [_test(a, b, list(zip(similar[a], similar[b], strict=True))) for a, b in pairs]
    return Finding((table,), tuple(tests), pictures, substitutes.SURROGATES)


def _test(a: int, b: int, splits: list[tuple[Tensor, Tensor]]) -> Test:
    estimate = over_either(lambda x, y: float((x - y).mean()), splits)
    return above(f"mean similarity of posterior samples to their image larger at t = {a} than at {b}", estimate, 0.0)
