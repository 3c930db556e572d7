"""The watch for collapse: what it compares with, and that it speaks when it should."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ambient.data import Samples
from ambient.denoisers import Denoiser, EDMDenoiser
from ambient.levels import LogNormal
from ambient.objectives import (
    SURE,
    AmbientScoreMatching,
    Augmented,
    DenoisingScoreMatching,
    EDMWeight,
    Hybrid,
    Objective,
    Occasional,
    OnlineEM,
    Redrawn,
    SecondOrderTweedie,
    Seeded,
    Subsampled,
    Wrapper,
    paper_consistency,
    recommended,
)
from ambient.process import VE, VP, Level
from ambient.training import TrainingConfig, train
from ambient.training.collapse import CollapseWarning, CollapseWatch, LinearDenoiser
from benchmarks.below_nature.networks import denoiser_of
from theory.gaussian import optimal
from theory.worlds import easy


@pytest.mark.parametrize("own_levels", [False, True])
def test_the_linear_denoiser_is_the_best_for_gaussian_data(own_levels: bool) -> None:
    root = torch.tensor([[1.0, 0.0], [0.6, 0.3]], dtype=torch.float64)
    mean, times = torch.tensor([2.0, -1.0], dtype=torch.float64), torch.tensor([0.2, 0.5]).double()
    nature = VP().level(times.repeat(100_000) if own_levels else 0.5)
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
    assert CollapseWatch.of(ambient + SURE(), samples) is None
    assert CollapseWatch.of(ambient + OnlineEM(everywhere=True), samples) is None
    assert CollapseWatch.of(OnlineEM(), samples) is None
    for own in (OnlineEM(), paper_consistency(VE(), 1.0), SecondOrderTweedie()):
        assert CollapseWatch.of(Subsampled(ambient, 2) + 0.5 * own, samples) is not None
    assert CollapseWatch.of(recommended(samples.nature, 0.9), samples) is not None


BY_ITSELF = "sum that begins with a term of the model"
WRAPPERS: dict[str, Callable[[Objective], Objective]] = {
    "Augmented": Augmented,
    "Subsampled": Subsampled,
    "Occasional": Occasional,
    "Redrawn": Redrawn,
    "Seeded": Seeded,
    "sum of one": lambda inner: 2.0 * inner,
    "sum with a term of the data": lambda inner: SURE() + inner,
    BY_ITSELF: lambda inner: 0.5 * paper_consistency(VE(), 1.0) + inner,
}


def test_every_wrapper_is_tried() -> None:
    ours = {kind.__name__ for kind in Wrapper.__subclasses__() if kind.__module__.startswith("ambient.")}
    assert len(ours) == 5
    assert ours < set(WRAPPERS)


@given(st.lists(st.sampled_from(sorted(WRAPPERS)), max_size=4), st.booleans())
def test_nothing_round_an_objective_turns_the_watch_on_or_off(around: list[str], watched: bool) -> None:
    ambient = AmbientScoreMatching()
    objective: Objective = ambient + 0.5 * OnlineEM() if watched else ambient
    for name in around:
        objective = WRAPPERS[name](objective)
    watch = CollapseWatch.of(objective, Samples.of_noisy(torch.randn(8, 2), VE().level(0.1), 0))
    assert (watch is not None) == (watched or BY_ITSELF in around)
    assert watch is None or watch.term is ambient


def test_an_augmented_run_that_has_learnt_nothing_is_reported(tmp_path: Path) -> None:
    images = torch.randn(64, 1, 2, 2, generator=torch.Generator().manual_seed(0)).sign()

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.zeros(()))

        def forward(self, x: torch.Tensor, c_noise: torch.Tensor, augment: Any = None) -> torch.Tensor:
            return self.gain * x

    objective = Augmented(AmbientScoreMatching() + OnlineEM())
    samples = Samples.of_noisy(images, VE().level(0.4), 0)
    config = TrainingConfig(2, 16, log_every=1, checkpoint_every=1)
    with pytest.warns(CollapseWarning, match="has collapsed"):
        train(EDMDenoiser(Network()), objective, samples, config, tmp_path, progress=lambda *_: None)


def test_the_watch_looks_in_evaluation_mode_and_leaves_the_model_as_it_was() -> None:
    class Dropping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused, self.drop = nn.Parameter(torch.zeros(1)), nn.Dropout(0.9)

        def forward(self, x: torch.Tensor, level: Level) -> torch.Tensor:
            return self.drop(x)

    watch = CollapseWatch.of(AmbientScoreMatching() + OnlineEM(), easy().samples(0, 64))
    assert watch is not None
    model, state = Dropping().train(), torch.get_rng_state()
    assert watch.gain(model) == watch.gain(model)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


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
