"""P1, Figure 7: four prompts after fine-tuning on LAION with no noise, at t_n = 100 and at t_n = 500."""

from __future__ import annotations

from torch import Tensor

from paper_repro.makers.images import FIGURE_7, Images
from paper_repro.makers.networks import clip_of
from paper_repro.makers.pairs import generated
from paper_repro.makers.run import Run
from paper_repro.report.claims import above
from paper_repro.report.estimates import over_images
from paper_repro.report.evidence import Evidence
from paper_repro.report.pictures import Rows
from paper_repro.report.tables import Table

LIMIT = 0.9
"""CLIP score this many times that of the model of clean data, for "capable of following prompts"."""


def prompts(run: Run, products: tuple[Images, ...]) -> Evidence:
    """The images, and their CLIP scores."""
    clip = clip_of(run)
    count = run.sizes.few
    asked = [FIGURE_7[i % len(FIGURE_7)] for i in range(count)]
    images: dict[str, Tensor] = {}
    scores: dict[str, Tensor] = {}
    for product in products:
        name = f"t_n = {product.nature}" if product.nature else "no noise"
        images[name] = generated(run.make(product), range(count))
        scores[name] = clip(images[name], asked)
    title = run.backend.title("sdxl")
    rows = tuple((name, f"{float(score.mean()):.3f}", "not given") for name, score in scores.items())
    table = Table(f"{title}; {count} images of P1's four prompts", ("fine-tuned at", clip.name, "paper"), rows)
    ratio = over_images(lambda a, b: float(a.mean() / b.mean()), scores["t_n = 500"], scores["no noise"])
    return Evidence(
        (table,),
        (above(f"CLIP score at t_n = 500 above {LIMIT:g} of that without noise", ratio, LIMIT),),
        {"prompts.png": Rows(images, f"{title}; prompts: {' '.join(FIGURE_7)}")},
    )
