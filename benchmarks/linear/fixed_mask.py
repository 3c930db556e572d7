r"""The bias of Ambient Diffusion's fixed-mask sampler, with nothing learnt: E[X_0 | A X_t, A] is exact.

One mask A is drawn for each sample, and x moves along

    dx / dsigma = (x - h(A x, A, sigma)) / sigma,    h(A x, A, sigma) = E[X_0 | A X_sigma = A x, A].

Hidden coordinates are never looked at again: they end in their conditional mean given the seen ones, and the variance
that is left of them given those is missing from the samples. So even where the network is perfect, the samples do not
have the law of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ambient import karras
from ambient.process import as_level
from ambient.randomness import generator
from ambient.runs.results import write_results
from ambient.runs.tables import markdown
from benchmarks.below_nature.measures import energy_distance
from benchmarks.linear.world import SIGMA_MAX, SIGMA_MIN, clean, noise
from theory.measured import masked
from theory.worlds import WORLDS, World


@dataclass(frozen=True)
class Biased:
    """Samples with masks that hide a coordinate with chance 1 - (1 - hidden)(1 - further).

    Attributes:
        further: See above.
        distance: Energy distance to clean samples, times 1000.
        variance: Of a coordinate, over that of the law.
    """

    further: float
    distance: float
    variance: float


def report(hidden: float, further: Sequence[float], samples: int, steps: int, output: Path) -> list[Biased]:
    """Sample with each, print a table, and write it down."""
    world = WORLDS["fixed8"]()
    truth = clean(world, samples, 2)
    rows = []
    for extra in further:
        x = sample(world, hidden, extra, samples, steps)
        ratio = float(x.var(0).mean() / truth.var(0).mean())
        rows.append(Biased(extra, 1e3 * energy_distance(x, truth), ratio))
    floor = 1e3 * energy_distance(clean(world, samples, 1), truth)
    header = ("masks", "energy distance x1e3", "variance / true")
    lines = [("none: other clean samples", f"{floor:.1f}", "1")]
    lines += [(f"further {row.further:g}", f"{row.distance:.1f}", f"{row.variance:.2f}") for row in rows]
    print(markdown(f"Fixed-mask samples with the exact denoiser, {hidden:.0%} hidden", [header, *lines]))
    settings = {"hidden": hidden, "samples": samples, "steps": steps, "floor": floor}
    write_results(output / "fixed_mask.json", {"settings": settings, "rows": [asdict(row) for row in rows]})
    return rows


def sample(world: World, hidden: float, further: float, samples: int, steps: int) -> Tensor:
    """Heun steps with one mask a sample, (samples, d)."""
    d = world.mixture.dimension
    keep = (1 - hidden) * (1 - further)
    mask = (torch.rand(samples, d, generator=generator("sampling", 11)) < keep).double()
    sigmas = karras.karras_sigmas(steps, SIGMA_MIN, SIGMA_MAX)

    def denoiser(x: Tensor, sigma: Tensor) -> Tensor:
        return masked(world.mixture, x, mask, as_level(sigma)).mean()

    return karras.sample_heun(denoiser, sigmas[0] * noise(13, samples, d)(), sigmas, disable=True)
