"""P1, Figure 7: four prompts after fine-tuning on LAION with no noise, at t_n = 100 and at t_n = 500."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from paper_repro import data, make_sdxl, pictures, show
from paper_repro.claims import above, over_images, untestable
from paper_repro.products import Images
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.workshop import Workshop
from sdxl.features import clip_score

LIMIT = 0.9
"""CLIP score this many times that of the model of clean data, for "capable of following prompts"."""


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The images, and their CLIP scores."""
    options = shop.options
    clip = clip_score(make_sdxl.vision(shop)["clip"], options.download, shop.accelerator.device)
    count = shop.sizes.few
    prompts = [data.FIGURE_7[i % len(data.FIGURE_7)] for i in range(count)]
    images: dict[str, Tensor] = {}
    scores: dict[str, Tensor] = {}
    for product in artefact.products:
        assert isinstance(product, Images)
        assert product.tune is not None
        name = f"t_n = {product.tune.nature}" if product.tune.nature else "no noise"
        images[name] = pictures.generated(make_sdxl.make(shop, product).path, count)
        scores[name] = clip(images[name], prompts)
    title = make_sdxl.model_title(shop)
    rows = tuple((name, f"{float(s.mean()):.3f}", "not given") for name, s in scores.items())
    table = Table(f"{title}; {count} images of P1's four prompts", ("fine-tuned at", clip.name, "paper"), rows)
    shown = {show.draw(folder, "prompts.png", images): f"{title}; prompts: {' '.join(data.FIGURE_7)}"}
    claim = f"CLIP score at t_n = 500 above {LIMIT:g} of that without noise"
    if options.substitute:
        surrogates = ("a tiny SDXL of random weights for SDXL", "a random CLIP for CLIP")
        return Finding((table,), (untestable(claim, show.RANDOM),), shown, surrogates)
    ratio = over_images(lambda a, b: float(a.mean() / b.mean()), scores["t_n = 500"], scores["no noise"])
    return Finding((table,), (above(claim, ratio, LIMIT),), shown)
