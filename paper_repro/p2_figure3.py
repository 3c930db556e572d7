r"""P2, Figure 3: what models make of noisy images: trained on many images, on few, and on few by Algorithm 1.

The paper shows FFHQ at sigma = 17 and 8. What noise leaves of an image depends on sigma against the distances between
images, which grow with the square root of the number of pixels: on images of d numbers the levels are scaled by
sqrt(d / 12,288).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ambient.process import VE
from ambient.randomness import generator
from paper_repro import make_toy, show
from paper_repro.claims import below
from paper_repro.products import Models
from paper_repro.registry import Artefact
from paper_repro.results import Finding, Table
from paper_repro.sizes import Block
from paper_repro.workshop import Workshop
from toy.cells import Cell
from toy.data import split_of
from toy.model import load_model

SIGMAS = (17.0, 8.0)
_FFHQ = 3 * 64 * 64
_QUERIES = 64
_TITLES = {"held-out": "many images", "dsm": "few images, DDPM", "hybrid": "few images, Algorithm 1"}


def make(shop: Workshop, artefact: Artefact, folder: Path) -> Finding:
    """The denoised images, and which of the two is nearer to the model of many images."""
    models, many = artefact.products
    assert isinstance(models, Models)
    assert isinstance(many, Models)
    tables, tests, shown, surrogates = [], [], {}, []
    for (block, by_size), (_, others) in zip(
        make_toy.make_models(shop, models), make_toy.make_models(shop, many), strict=True
    ):
        n, cells = next(iter(by_size.items()))
        (wide,) = others.values()
        groups = [make_toy.of(c, m) for m, c in (("held-out", wide), ("dsm", cells), ("hybrid", cells))]
        seeds = sorted(make_toy.common_seeds(groups))
        splits = [_Split(shop, block, n, [c for group in groups for c in group if c.seed == seed]) for seed in seeds]
        lines, pictures = [], {"held-out images": splits[0].queries}
        for sigma in SIGMAS:
            scaled = sigma * (splits[0].queries[0].numel() / _FFHQ) ** 0.5
            found = [split.denoised(scaled) for split in splits]
            level = f"σ = {sigma:g} (here {scaled:.2f})"
            pictures[f"{level}, noisy"] = found[0]["noisy"]
            pictures |= {f"{level}, {_TITLES[m]}": found[0][m] for m in _TITLES}
            apart = {m: [_distance(f[m], f["held-out"]) for f in found] for m in ("dsm", "hybrid")}
            for method in _TITLES:
                detail = show.spread([show.detail(f[method]) for f in found], 4)
                distance = show.spread(apart[method], 4) if method in apart else "–"
                lines.append((f"{level}, {_TITLES[method]}", distance, detail, "not given"))
            claim = f"{block.data}, σ = {sigma:g}: distance to the model of many images, Algorithm 1 below DDPM"
            tests.append(below(claim, show.ratio(apart["hybrid"], apart["dsm"]), 1.0))
        title = f"{block.title}; few: {n} images, many: {len(splits[0].unseen)} others; σ_n = {block.middle:g}"
        head = ("E[X_0 | X_t] of held-out images", "squared distance to many", "detail", "paper")
        tables.append(Table(title, head, tuple(lines)))
        shown[show.draw(folder, f"denoised-{block.data}.png", pictures)] = f"{block.title}; N = {n}"
        surrogates += [block.title] if block.data == "digits" else []
    return Finding(tuple(tables), tuple(tests), shown, tuple(surrogates))


class _Split:
    """The models of one split, and noisy images that none was trained on."""

    def __init__(self, shop: Workshop, block: Block, images: int, cells: Sequence[Cell]) -> None:
        methods = tuple(cell.method for cell in cells)
        options = make_toy.toy_options(shop, block, methods, images, (block.middle,))
        split = split_of(options.source, images, cells[0].seed)
        self.queries, self.unseen, self.device = split.held_out[:_QUERIES], split.unseen, options.place.device
        self.models = {cell.method: load_model(cell, options, split) for cell in cells}
        self.noise = torch.randn(self.queries.shape, generator=generator("attack", cells[0].seed))

    @torch.no_grad()
    def denoised(self, sigma: float) -> dict[str, Tensor]:
        """Noisy images, and E[X_0 | X_t] by method."""
        noisy = self.queries + sigma * self.noise
        found = {"noisy": noisy}
        for method, model in self.models.items():
            centred = (noisy - model.centre).to(self.device)
            found[method] = model.denoiser(centred, VE().level(sigma)).cpu() + model.centre
        return found


def _distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).square().mean())
