"""P1, Figure 11: X-rays, and generations before and after fine-tuning on noisy ones."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ambient.runs.files import load_tensors
from paper_repro import data, distances, make_sdxl, pictures, show
from paper_repro.claims import Estimate, above, over_images, untestable
from paper_repro.products import Images
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.workshop import Workshop
from sdxl.attack.methods import latent_picture
from sdxl.images import choose, load_images

COLUMNS = 8


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The five rows, and how far the generations are from the data."""
    source, data_title = data.source(shop, "xrays")
    some = load_images(choose(source, COLUMNS, 0), shop.sizes.resolution)[0]
    rows: dict[str, Tensor] = {"training data": some}
    reference, name = distances.reference(shop, "xrays"), distances.name(shop)
    lines, detail = [], {}
    for product in artefact.products:
        assert isinstance(product, Images)
        path = make_sdxl.make(shop, product).path
        images = pictures.generated(path, shop.sizes.generated)
        title = "without fine-tuning" if product.tune is None else product.tune.name
        if product.tune is not None and "noisy latents" not in rows:
            encoded = make_sdxl.make(shop, product.tune.latents).path
            latents = load_tensors(encoded / "latents-00000.safetensors", "x")[0]["x"][:COLUMNS]
            rows["noisy latents"] = latent_picture(latents)
        rows[title], detail[title] = images[:COLUMNS], images
        distance = distances.generated(shop, path).frechet_distance(reference)
        lines.append((title, f"{distance:.2f}", f"{show.detail(images):.4f}", "not given"))
    model = make_sdxl.model_title(shop)
    table = Table(
        f"{model} on {data_title}, {shop.sizes.generated} images from its captions",
        ("generations", name, "detail", "paper"),
        tuple(lines),
    )
    shown = {show.draw(folder, "xrays.png", rows): f"{model}; {data_title}"}
    claim = "detail with consistency larger than without (ratio above 1)"
    before = "Fréchet distance without fine-tuning above that after it (ratio above 1)"
    if shop.options.substitute:
        tests = (untestable(before, show.RANDOM), untestable(claim, show.RANDOM))
        surrogates = ("a tiny SDXL of random weights for SDXL", "a random DINOv2 for Inception")
        return Finding((table,), tests, shown, surrogates)
    without, with_it = list(detail.values())[1:]
    ratio = over_images(lambda a, b: show.detail(a) / show.detail(b), with_it, without, draws=100, paired=False)
    far, near = float(lines[0][1]), float(lines[2][1])
    estimate = Estimate(far / near, far / near, far / near, "one training run, taken as exact")
    return Finding((table,), (above(before, estimate, 1.0), above(claim, ratio, 1.0)), shown)
