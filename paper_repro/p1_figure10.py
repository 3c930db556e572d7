"""P1, Figure 10: on a model fine-tuned on clean data, noising against generating (Somepalli et al.)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ambient.metrics.dominance import dominance
from ambient.metrics.memorization import similarities
from paper_repro import data, make_sdxl, pictures, show, substitutes
from paper_repro.claims import dominates
from paper_repro.p1_figure8 import STEP, compare_splits
from paper_repro.products import Attack, Images
from paper_repro.registry import Artefact
from paper_repro.results import Finding
from paper_repro.workshop import Workshop
from sdxl.features import similarity_features
from sdxl.images import choose, load_images
from sdxl.pictures import read_images


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """Histograms of both, and whether noising's similarities dominate."""
    attack, images = artefact.products
    assert isinstance(attack, Attack)
    assert isinstance(images, Images)
    found = make_sdxl.make(shop, attack)
    noised = show.found_of(found, f"t = {STEP}, posterior").similarities.nearest
    generated = _nearest(shop, attack, make_sdxl.make(shop, images).path)
    title = make_sdxl.model_title(shop)
    panels = {title: {"generated": generated, f"noised to t = {STEP}": noised}}
    table = show.similarities(
        f"{title}, fine-tuned on clean data; on {found.features} features",
        {"generated": [generated], f"noised to t = {STEP}": [noised]},
    )
    if not shop.options.substitute:
        tests = dominates("noised above generated", dominance(noised, generated, paired=False), f"{len(noised)} images")
        return Finding((table,), tuple(tests), _draw(folder, panels))
    splits = substitutes.victims(shop, substitutes.CLEAN)
    a, b = [v.noised(STEP, v.train)[2].nearest for v in splits], [v.generated() for v in splits]
    panels["small model on digits"] = {"generated": b[0], f"noised to t = {STEP}": a[0]}
    small = show.similarities("small models on digits", {"generated": b, f"noised to t = {STEP}": a})
    tests = compare_splits(a, b, paired=False)
    return Finding((table, small), tuple(tests), _draw(folder, panels), substitutes.SURROGATES)


def _nearest(shop: Workshop, attack: Attack, folder: Path) -> Tensor:
    """Largest similarity of each generated image to one of the data set's."""
    features = similarity_features(make_sdxl.features(shop), shop.options.download, shop.accelerator.device)
    source, _ = data.source(shop, attack.data)
    pairs = choose(source, None, 0)
    resolution = shop.sizes.resolution
    originals = _in_parts(len(pairs), lambda rows: features(load_images([pairs[i] for i in rows], resolution)[0]))
    made = _in_parts(shop.sizes.generated, lambda rows: features(read_images(folder, rows)))
    return similarities(made, originals)


def _in_parts(count: int, features: Callable[[range], Tensor]) -> Tensor:
    parts = [range(start, min(count, start + 64)) for start in range(0, count, 64)]
    return torch.cat([features(rows) for rows in parts])


def _draw(folder: Path, panels: dict[str, dict[str, Tensor]]) -> dict[str, str]:
    pictures.save(folder / "histogram.png", pictures.histograms(panels, "similarity to the nearest image"))
    return {"histogram.png": "largest similarities, of images generated and of noised images restored"}
