"""SDXL is trained by the objects that train the toy models, and they are the paper's formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ambient.data import Batch, Samples
from ambient.denoisers import EDMDenoiser
from ambient.levels import UniformSteps
from ambient.objectives import (
    AmbientScoreMatching,
    EpsilonWeight,
    Objective,
    PlainWeight,
    recommended,
)
from ambient.process import Level
from ambient.randomness import Draws
from ambient.schedules import Discrete
from ambient.training import TrainingConfig, train
from sdxl import lora
from sdxl.components import Components
from sdxl.loading import load
from sdxl.options import ModelOptions
from sdxl.train.objectives import sdxl_consistency
from tests.ambient.training.test_loop import Network


def _noisy(components: Components, t_n: int, count: int = 32) -> tuple[Samples, Level]:
    nature = components.process.level(float(t_n))
    z = torch.randn(count, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    condition = components.encode_prompts(["a cat", "a dog"] * (count // 2))
    noisy = Samples.of_noisy(z, nature, 0)
    return Samples(noisy.x, nature, noisy.index, None, condition), nature


@pytest.mark.parametrize(
    "method", ["ambient", pytest.param("ambient + consistency", marks=pytest.mark.slow), "recommended"]
)
def test_one_objective_trains_the_tiny_u_net_and_a_toy_network(
    components: Components, tmp_path: Path, method: str
) -> None:
    """The same object, called by the same loop, lowers the loss of both."""
    samples, nature = _noisy(components, 500)
    steps = UniformSteps(components.process)
    ambient = AmbientScoreMatching(steps, EpsilonWeight())
    objective: Objective = {
        "ambient": ambient,
        "ambient + consistency": ambient + 0.01 * sdxl_consistency(components.process),
        "recommended": recommended(nature, 1.0),
    }[method]
    lora.attach(components, 4)
    flat = Samples(samples.x[:, :2, 0, 0], nature, samples.index)
    models: dict[str, tuple[nn.Module, Samples]] = {
        "tiny": (components.denoiser, samples),
        "toy": (EDMDenoiser(Network()), flat),
    }
    for name, (denoiser, data) in models.items():
        config = TrainingConfig(
            steps=30, batch=16, learning_rate=2e-2, warmup=2, log_every=30, checkpoint_every=30, ema=0.0, clip=1.0
        )
        batch = data.batch(torch.arange(32))

        def loss(model: nn.Module, batch: Batch = batch) -> float:
            with torch.no_grad():
                values = [ambient(model, batch, Draws.of_step(9, i)).per_sample.mean() for i in range(10)]
            return float(torch.stack(values).mean())

        before = loss(denoiser)
        train(denoiser, objective, data, config, tmp_path / name, progress=lambda *_: None, watch=False)
        assert loss(denoiser) < 0.99 * before, (name, before, loss(denoiser))


@dataclass(frozen=True)
class Steps:
    """Given steps, in order."""

    process: Discrete
    steps: tuple[int, ...]

    def draw(self, u: Tensor, above: Any = None, below: Any = None) -> Level:
        return self.process.level(torch.tensor(self.steps, dtype=torch.float64))


T_N = 500
TIMES = (501, 620, 999)


def _a29(components: Components, x_n: Tensor, z: Tensor, condition: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """P1's loss (A.29) at TIMES, and the error of the fresh noise, from the U-Net's output and the alphas alone."""
    bar = components.pipeline.scheduler.alphas_cumprod.double()
    t = torch.tensor(TIMES)
    a2_t, a2_n = bar[t][:, None, None, None], bar[T_N]
    s2_t, s2_n = 1 - a2_t, 1 - a2_n
    fresh = ((s2_t - s2_n) / (1 - s2_n)).sqrt()
    x_t = ((1 - s2_t) / (1 - s2_n)).sqrt() * x_n + fresh * z
    added = {name: condition[name].double() for name in ("text_embeds", "time_ids") if name in condition}
    states = condition["encoder_hidden_states"].double()
    output = components.unet(x_t, t.double(), states, added_cond_kwargs=added).sample
    if components.pipeline.scheduler.config.prediction_type == "epsilon":
        h = (x_t - s2_t.sqrt() * output) / a2_t.sqrt()
    else:
        h = a2_t.sqrt() * x_t - s2_t.sqrt() * output
    mean = (s2_t - s2_n) / (s2_t * (1 - s2_n).sqrt()) * h + s2_n / s2_t * ((1 - s2_t) / (1 - s2_n)).sqrt() * x_t
    guess = (x_t - ((1 - s2_t) / (1 - s2_n)).sqrt() * mean) / fresh
    return (mean - x_n).square().mean((1, 2, 3)), (guess - z).square().mean((1, 2, 3))


def _ours(
    components: Components, times: tuple[int, ...], weight: Callable[..., Tensor]
) -> tuple[Tensor, Batch, Tensor]:
    """The objective's loss at given steps in float64, its batch, and its noise."""
    components.unet.requires_grad_(True).double()
    samples, nature = _noisy(components, T_N, 4)
    samples = Samples(samples.x.double(), nature, samples.index, None, samples.condition)
    batch = samples.batch(torch.arange(len(times)))
    draws = Draws.of_step(0, 0)
    draws.uniform(batch.x)
    noise = draws.normal(batch.x)
    objective = AmbientScoreMatching(Steps(components.process, times), weight)
    return objective(components.denoiser, batch, Draws.of_step(0, 0)).per_sample, batch, noise


@pytest.mark.parametrize("kind", ["xl", "sd"])
@pytest.mark.parametrize("weight", [PlainWeight(), EpsilonWeight()])
def test_the_loss_and_its_gradient_are_the_papers(
    kind: str, weight: Callable[..., Tensor], request: pytest.FixtureRequest
) -> None:
    """epsilon (xl) and v prediction (sd), next to t_n and far above."""
    components = load(ModelOptions(str(request.getfixturevalue(kind))))
    ours, batch, noise = _ours(components, TIMES, weight)
    theirs = _a29(components, batch.x, noise, dict(batch.condition))[1 if isinstance(weight, EpsilonWeight) else 0]
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=0)
    for mine, paper in zip(ours, theirs, strict=True):
        gradients = [_gradient(components.unet, value) for value in (mine, paper)]
        assert float(gradients[1].norm()) > 0
        torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-9 * float(gradients[1].abs().max()))


@pytest.mark.parametrize("kind", ["xl", "sd"])
@pytest.mark.parametrize("weight", [PlainWeight(), EpsilonWeight()])
def test_at_the_nature_level_itself_the_loss_is_0_and_finite(
    kind: str, weight: Callable[..., Tensor], request: pytest.FixtureRequest
) -> None:
    """A.29's first coefficient vanishes there, and its second is 1; dividing by it would give 0 / 0."""
    components = load(ModelOptions(str(request.getfixturevalue(kind))))
    ours, _, _ = _ours(components, (T_N, T_N), weight)
    assert ours.tolist() == [0, 0]
    gradient = _gradient(components.unet, ours.sum())
    assert bool((gradient == 0).all())


def _gradient(unet: nn.Module, loss: Tensor) -> Tensor:
    parts = torch.autograd.grad(loss, list(unet.parameters()), retain_graph=True, allow_unused=True)
    return torch.cat([part.flatten() for part in parts if part is not None])
