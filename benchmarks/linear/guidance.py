r"""How near guided samples come to the posterior, with the exact denoiser of a mixture.

For pairs (x_0, y) with y = M x_0 + sigma_y N, half of the coordinates seen, and samples x given y:

    joint distance   energy distance of the (x, y) to other true pairs, times 1000 (exact samples: about 0)
    rmse             of x against x_0; an exact sample has sqrt 2 times that of the posterior mean
    residual         root mean square of y - M x over the seen coordinates, in units of sigma_y; an exact sample has
                     1 up to what x_0's own law adds

DPS and one row of MMPS take ancestral steps on EDM's grid, the others `posterior.measured`, with as many evaluations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ambient import karras
from ambient.denoisers import Denoiser
from ambient.linear import Mask
from ambient.posterior.guidance import DPS, MMPS, Correction, Guided, Measurement, PiGDM, Proximal
from ambient.posterior.measured import sample_measured
from ambient.runs.results import write_results
from ambient.runs.tables import markdown
from benchmarks.below_nature.measures import energy_distance
from benchmarks.linear.world import SIGMA_MAX, SIGMA_MIN, clean, half_masks, noise
from theory.measured import MeasuredPosterior, measured
from theory.worlds import WORLDS


@dataclass(frozen=True)
class Judged:
    """One row; see the module."""

    method: str
    joint_distance: float
    rmse: float
    residual: float


@dataclass(frozen=True, eq=False)
class Pairs:
    """True pairs, their measurement, and other true pairs of the same masks."""

    x_0: Tensor
    mask: Tensor
    measurement: Measurement
    others: Tensor
    posterior: MeasuredPosterior

    def judge(self, method: str, x: Tensor) -> Judged:
        """Judge samples x, (n, d)."""
        y = self.measurement.y
        joint = 1e3 * energy_distance(torch.cat([x, y], 1), self.others)
        residual = (self.mask * x - y).square().sum() / self.mask.sum()
        sigma_y = float(torch.as_tensor(self.measurement.sigma_y))
        return Judged(method, joint, float((x - self.x_0).square().mean().sqrt()), float(residual.sqrt()) / sigma_y)


def draw(pairs: int, sigma_y: float) -> Pairs:
    """Pairs of the world fixed8."""
    world = WORLDS["fixed8"]()
    d = world.mixture.dimension
    mask = half_masks(pairs, d, 0)
    operator = Mask(mask)
    x_0, other = clean(world, pairs, 1), clean(world, pairs, 2)
    draws = noise(3, pairs, d)
    y, other_y = (operator(x + sigma_y * draws()) for x in (x_0, other))
    posterior = measured(world.mixture, y, torch.diag_embed(mask), sigma_y**2)
    return Pairs(x_0, mask, Measurement(y, operator, sigma_y), torch.cat([other, other_y], 1), posterior)


def report(
    pairs: int, steps: int, sigma_y: float, zetas: Sequence[float], iterations: Sequence[int], output: Path
) -> list[Judged]:
    """Judge every correction, print a table, and write it down."""
    world, drawn = WORLDS["fixed8"](), draw(pairs, sigma_y)
    sigmas = karras.karras_sigmas(steps, SIGMA_MIN, SIGMA_MAX)
    corrections: dict[str, Correction] = {}
    for zeta in zetas:
        corrections[f"DPS, norm of each sample, zeta {zeta:g}"] = DPS(sigmas, zeta)
    for zeta in zetas:
        corrections[f"DPS, norm over the batch, zeta {zeta:g}"] = DPS(sigmas, zeta, over_batch=True)
    corrections["MMPS, 3 CG iterations, ancestral steps"] = MMPS(3)
    better: dict[str, Correction] = {"proximal step": Proximal(world.sigma_data), "PiGDM": PiGDM(world.sigma_data)}
    better |= {f"MMPS, {k} CG iterations": MMPS(k) for k in iterations}
    rows = [
        drawn.judge("exact samples", drawn.posterior.sample(torch.Generator().manual_seed(5))),
        drawn.judge("posterior mean", drawn.posterior.mean()),
    ]
    rows += [drawn.judge(name, _ancestral(world.mixture.denoiser, drawn, sigmas, c)) for name, c in corrections.items()]
    rows += [drawn.judge(name, _second_order(world.mixture.denoiser, drawn, steps, c)) for name, c in better.items()]
    header = ("method", "joint distance x1e3", "rmse", "residual / sigma_y")
    lines = [(r.method, f"{r.joint_distance:.1f}", f"{r.rmse:.3f}", f"{r.residual:.2f}") for r in rows]
    print(markdown(f"Samples given half of the coordinates, {pairs} pairs, {steps} steps", [header, *lines]))
    settings = {"pairs": pairs, "steps": steps, "sigma_y": sigma_y}
    write_results(output / "guidance.json", {"settings": settings, "rows": [asdict(row) for row in rows]})
    return rows


def _ancestral(denoiser: Denoiser, drawn: Pairs, sigmas: Tensor, correction: Correction) -> Tensor:
    n, d = drawn.x_0.shape
    source = noise(7, n, d)
    guided = Guided(denoiser, drawn.measurement, correction)
    return karras.sample_euler_ancestral(guided, sigmas[0] * source(), sigmas, disable=True, noise_sampler=source)


def _second_order(denoiser: Denoiser, drawn: Pairs, steps: int, correction: Correction) -> Tensor:
    n, d = drawn.x_0.shape
    return sample_measured(
        denoiser, drawn.measurement, correction, range(n), (d,), seed=7, steps=steps, dtype=torch.float64
    )
