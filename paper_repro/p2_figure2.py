"""P2, Figure 2: prompts that trigger memorised images, with W24's remedy alone and with Algorithm 1."""

from __future__ import annotations

from pathlib import Path

from paper_repro import data, make_sdxl, pictures, show
from paper_repro.claims import untestable
from paper_repro.p2_table3 import similarity_and_quality
from paper_repro.products import Evaluation
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.workshop import Workshop
from sdxl.images import choose, load_images

COLUMNS = 6
PROMPTS = (
    '"RISE 24" TriFecta Dishwasher',
    "CANYON CARGO - Outdoor shorts - dark moss",
    "Western Chief Down Hill Trot (Black) Women's Rain Boots",
)
"""The paper's, which are captions of LAION-10k; here the first captions of the data are shown."""


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The rows, and how similar each is to the data."""
    product = artefact.products[0]
    assert isinstance(product, Evaluation)
    found = make_sdxl.make(shop, product)
    pairs = [pair for pair in choose(data.source(shop, product.data)[0], None, 0) if pair.caption][:COLUMNS]
    if not shop.options.substitute:
        named = [p for p in choose(data.source(shop, product.data)[0], None, 0) if p.caption in PROMPTS]
        pairs = named or pairs
    resolution = shop.sizes.resolution if shop.options.substitute else 512
    rows = {"training images": load_images(pairs, resolution)[0]}
    for name, checkpoint in zip(("W24", "W24 + ours"), found["checkpoints"], strict=True):
        rows[name] = pictures.generated(found["folder"] / "images" / checkpoint, len(pairs))
    model = make_sdxl.model_title(shop, "sd2")
    shown = {
        show.draw(folder, "w24.png", rows, COLUMNS): f"{model}; captions: {'; '.join(p.caption for p in pairs[:3])}"
    }
    results = dict(zip(("W24", "W24 + ours"), found["results"].values(), strict=True))
    lines = tuple(
        (name, f"{r['similarity']:.3f}", paper)
        for (name, r), paper in zip(results.items(), ("0.208", "0.192"), strict=True)
    )
    table = Table(
        f"{model} on {found['data']}", ("", f"Sim ({found['names']['similarity']})", "paper (Table 3)"), lines
    )
    test = similarity_and_quality(results["W24"], results["W24 + ours"], "W24")[0]
    if shop.options.substitute:
        surrogates = ("a tiny Stable Diffusion 2 of random weights", "a random DINOv2")
        return Finding((table,), (untestable(test.claim, show.RANDOM),), shown, surrogates)
    return Finding((table,), (test,), shown)
