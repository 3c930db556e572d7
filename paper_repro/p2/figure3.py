r"""P2, Figure 3: what models make of noisy images: trained on many images, on few, and on few by Algorithm 1.

The paper shows FFHQ at sigma = 17 and 8. What noise leaves of an image depends on sigma against the distances between
images, which grow with the square root of the number of pixels: on images of d numbers the levels are scaled by
sqrt(d / 12,288).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ambient.process import VE
from ambient.randomness import generator
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import Models
from paper_repro.makers.trained import Trained, common_seeds
from paper_repro.report.claims import Test, below
from paper_repro.report.detail import detail
from paper_repro.report.estimates import ratio
from paper_repro.report.evidence import Evidence
from paper_repro.report.pictures import Rows
from paper_repro.report.tables import Table, spread

SIGMAS = (17.0, 8.0)
_FFHQ = 3 * 64 * 64
_QUERIES = 64
_MANY, _FEW, _OURS = "held-out", "dsm", "hybrid"
_TITLES = {_MANY: "many images", _FEW: "few images, DDPM", _OURS: "few images, Algorithm 1"}


def denoised(run: Run, products: tuple[Models, Models]) -> Evidence:
    """The denoised images, and which of the two is nearer to the model of many images."""
    tables: list[Table] = []
    tests: list[Test] = []
    pictures: dict[str, Rows] = {}
    surrogates: list[str] = []
    for by_size, (wide,) in zip(*(run.make(models) for models in products), strict=True):
        table, verdicts, picture = _block(by_size[0], wide)
        block = by_size[0].block
        tables.append(table)
        tests += verdicts
        pictures[f"denoised-{block.data}.png"] = picture
        surrogates += block.stand_in_data
    return Evidence(tuple(tables), tuple(tests), {**pictures}, tuple(surrogates))


def _block(few: Trained, many: Trained) -> tuple[Table, list[Test], Rows]:
    """What one block shows: models of `few` images, and one of `many` others."""
    seeds = sorted(common_seeds([many.of(_MANY), few.of(_FEW), few.of(_OURS)]))
    splits = [_Split(few, many, seed) for seed in seeds]
    block, lines, tests = few.block, [], []
    shown = {"held-out images": splits[0].queries}
    for sigma in SIGMAS:
        scaled = sigma * (splits[0].queries[0].numel() / _FFHQ) ** 0.5
        found = [split.denoised(scaled) for split in splits]
        level = f"σ = {sigma:g} (here {scaled:.2f})"
        shown[f"{level}, noisy"] = found[0]["noisy"]
        shown |= {f"{level}, {title}": found[0][method] for method, title in _TITLES.items()}
        apart = {method: [_distance(f[method], f[_MANY]) for f in found] for method in (_FEW, _OURS)}
        for method, title in _TITLES.items():
            details = spread([detail(f[method]) for f in found], 4)
            distance = spread(apart[method], 4) if method in apart else "–"
            lines.append((f"{level}, {title}", distance, details, "not given"))
        claim = f"{block.data}, σ = {sigma:g}: distance to the model of many images, Algorithm 1 below DDPM"
        tests.append(below(claim, ratio(apart[_OURS], apart[_FEW]), 1.0))
    title = f"{block.title}; few: {few.images} images, many: {splits[0].others} others; σ_n = {block.middle:g}"
    head = ("E[X_0 | X_t] of held-out images", "squared distance to many", "detail", "paper")
    return Table(title, head, tuple(lines)), tests, Rows(shown, f"{block.title}; N = {few.images}")


class _Split:
    """The models of one split, and noisy images that none was trained on.

    Args:
        few: Models of few images.
        many: The model of many others.
        seed: The split.
    """

    def __init__(self, few: Trained, many: Trained, seed: int) -> None:
        split = few.split(seed)
        self.queries, self.others = split.held_out[:_QUERIES], len(split.unseen)
        self._device = few.device
        self._models = {
            method: next(trained.model(cell) for cell in trained.of(method) if cell.seed == seed)
            for method, trained in ((_MANY, many), (_FEW, few), (_OURS, few))
        }
        self._noise = torch.randn(self.queries.shape, generator=generator("attack", seed))

    @torch.no_grad()
    def denoised(self, sigma: float) -> dict[str, Tensor]:
        """Noisy images, and E[X_0 | X_t] by method."""
        noisy = self.queries + sigma * self._noise
        found = {"noisy": noisy}
        for method, model in self._models.items():
            centred = (noisy - model.centre).to(self._device)
            found[method] = model.denoiser(centred, VE().level(sigma)).cpu() + model.centre
        return found


def _distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).square().mean())
