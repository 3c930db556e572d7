"""The watch for collapse: what it compares with, and that it speaks when it should."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from ambient.data import Samples
from ambient.denoisers import Denoiser
from ambient.levels import LogNormal
from ambient.objectives import (
    AmbientScoreMatching,
    DenoisingScoreMatching,
    EDMWeight,
    Hybrid,
    OnlineEM,
    Subsampled,
    paper_consistency,
)
from ambient.process import VE, VP, Level
from ambient.training import TrainingConfig, train
from ambient.training.collapse import CollapseWarning, CollapseWatch, LinearDenoiser
from benchmarks.below_nature.networks import denoiser_of
from theory.gaussian import optimal
from theory.worlds import easy


def test_the_linear_denoiser_is_the_best_for_gaussian_data() -> None:
    root = torch.tensor([[1.0, 0.0], [0.6, 0.3]], dtype=torch.float64)
    mean, nature = torch.tensor([2.0, -1.0], dtype=torch.float64), VP().level(0.5)
    g = torch.Generator().manual_seed(0)
    x_0 = torch.randn(200_000, 2, dtype=torch.float64, generator=g) @ root.T + mean
    x_n = nature.perturb(x_0, torch.randn(200_000, 2, dtype=torch.float64, generator=g))
    linear = LinearDenoiser.of(Samples(x_n, nature, torch.arange(len(x_n))))
    level = VP().level(0.8)
    x = torch.tensor([[0.3, 0.9], [-2.0, 1.0]], dtype=torch.float64)
    exact = mean + (x - level.alpha * mean) @ optimal(root @ root.T, level).T
    torch.testing.assert_close(linear(x, level), exact, rtol=0.02, atol=0.02)


def test_few_samples_give_an_isotropic_denoiser() -> None:
    x_n = torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    linear = LinearDenoiser.of(Samples(x_n, VE().level(0.5), torch.arange(8)))
    assert linear.vectors is None
    assert linear(x_n, VE().level(0.5)).shape == x_n.shape


def test_the_gain_is_zero_for_the_linear_denoiser_and_large_for_the_exact_one() -> None:
    world = easy()

    class Module(torch.nn.Module):
        """A denoiser with a parameter that it does not use."""

        def __init__(self, denoiser: Denoiser) -> None:
            super().__init__()
            self.denoiser, self.unused = denoiser, torch.nn.Parameter(torch.zeros(1))

        def forward(self, x: torch.Tensor, level: Level) -> torch.Tensor:
            return self.denoiser(x, level)

    samples = world.samples(0, 4096)
    watch = CollapseWatch.of(AmbientScoreMatching(weight=EDMWeight(0.9)) + OnlineEM(), samples)
    assert watch is not None
    assert watch.gain(Module(watch.linear))[0] == pytest.approx(0, abs=1e-6)
    gain, error = watch.gain(Module(world.mixture.denoiser))
    assert gain > 0.08
    assert 0.001 < error < 0.04


def test_only_runs_that_agree_with_themselves_are_watched() -> None:
    samples = easy().samples(0, 64)
    ambient = AmbientScoreMatching()
    assert CollapseWatch.of(ambient, samples) is None
    assert CollapseWatch.of(DenoisingScoreMatching(), samples) is None
    assert CollapseWatch.of(Hybrid(), samples) is None
    assert CollapseWatch.of(Subsampled(ambient, 2) + 0.5 * OnlineEM(), samples) is not None


@pytest.mark.parametrize(("weight", "collapses"), [(100.0, True), (1.0, False)])
def test_consistency_of_weight_100_collapses_and_the_loop_says_so(
    tmp_path: Path, weight: float, collapses: bool
) -> None:
    world = easy()
    edm = EDMWeight(world.sigma_data)
    objective = AmbientScoreMatching(LogNormal(-1.2, 1.5), edm) + weight * paper_consistency(VP(), 0.999, weight=edm)
    config = TrainingConfig(
        300, 256, 4e-3, warmup=30, clip=5.0, log_every=100, checkpoint_every=100
    )  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CollapseWarning)
        train(
            denoiser_of(2, world.sigma_data, 0),
            objective,
            world.samples(0, 300 * 256),
            config,
            tmp_path,
            accelerator=Accelerator(cpu=True),
            progress=lambda images, loss: None,
        )
    said = [str(w.message) for w in caught if w.category is CollapseWarning]
    assert len(said) == int(collapses)
    assert not collapses or "Lower the weight" in said[0]
