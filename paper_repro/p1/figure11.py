"""P1, Figure 11: X-rays, and generations before and after fine-tuning on noisy ones."""

from __future__ import annotations

import torch
from torch import Tensor

from paper_repro.makers.distances import Distances
from paper_repro.makers.images import Images
from paper_repro.makers.pairs import batches_of_generated, generated, pictures, some_pairs
from paper_repro.makers.run import Run
from paper_repro.report.claims import above, exact
from paper_repro.report.detail import detail_of_each
from paper_repro.report.estimates import over_images
from paper_repro.report.evidence import Evidence
from paper_repro.report.pictures import Rows
from paper_repro.report.tables import Table

COLUMNS = 8


def xrays(run: Run, products: tuple[Images, ...]) -> Evidence:
    """The five rows, and how far the generations are from the data: before fine-tuning, after it without and with
    consistency."""
    sizes, title = run.sizes, run.backend.title("sdxl")
    source, data = run.backend.source("xrays")
    rows: dict[str, Tensor] = {"training data": pictures(some_pairs(source, COLUMNS), sizes.resolution)}
    distance = Distances(run, "xrays")
    distances: dict[str, float] = {}
    details: dict[str, Tensor] = {}
    for product in products:
        folder = run.make(product)
        name = "without fine-tuning" if product.tune is None else product.tune.name
        details[name] = torch.cat([detail_of_each(part) for part in batches_of_generated(folder, sizes.generated)])
        distances[name] = distance.of(folder)
        if product.tune is not None and "noisy latents" not in rows:
            rows["noisy latents"] = run.make(product.tune.latents).first(COLUMNS)
        rows[name] = generated(folder, range(min(COLUMNS, sizes.generated)))
    lines = [(name, f"{distances[name]:.2f}", f"{float(details[name].mean()):.4f}", "not given") for name in distances]
    table = Table(
        f"{title} on {data}, {sizes.generated} images from its captions",
        ("generations", distance.name, "detail", "paper"),
        tuple(lines),
    )
    before, _, after = distances.values()
    _, without, with_it = details.values()
    nearer = exact(round(before, 2) / round(after, 2))  # as the table shows them
    ratio = over_images(lambda a, b: float(a.mean() / b.mean()), with_it, without, draws=100, paired=False)
    return Evidence(
        (table,),
        (
            above("Fréchet distance without fine-tuning above that after it (ratio above 1)", nearer, 1.0),
            above("detail with consistency larger than without (ratio above 1)", ratio, 1.0),
        ),
        {"xrays.png": Rows(rows, f"{title}; {data}")},
    )
