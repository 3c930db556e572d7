"""The recommended recipe: its levels, its scale, its parts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ambient.data import Batch
from ambient.denoisers import EDMDenoiser
from ambient.objectives import recommended, sigma_data_of
from ambient.objectives.base import Sum
from ambient.process import VP, Level
from ambient.randomness import Draws


class Identity(torch.nn.Module):
    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        return x


def test_on_a_stream_em_trains_a_narrow_range_of_levels() -> None:
    """Median and logarithmic spread of the levels of the EM part, in units of sigma_n / alpha_n."""
    nature = VP().level(0.6)
    for stream, middle, spread in ((True, 0.25, 0.4), (False, 0.5, 1.0)):
        objective = recommended(nature, 0.7, stream=stream)
        assert isinstance(objective, Sum)
        below = objective.parts[1][1].objective
        logs = (below.levels.draw(torch.rand(100_000, dtype=torch.float64)).ratio / nature.ratio).log()
        assert float(logs.median().exp()) == pytest.approx(middle, rel=0.02)
        assert float(logs.std()) == pytest.approx(spread, rel=0.02)


def test_the_recommended_recipe_takes_its_scale_from_noisy_data() -> None:
    nature = VP().level(0.6)
    clean = 0.7 * torch.randn(20_000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 5
    x_n = nature.perturb(clean, torch.randn(20_000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    assert sigma_data_of(x_n, nature) == pytest.approx(0.7, rel=0.02)
    with pytest.raises(ValueError, match="too high"):
        sigma_data_of(x_n, Level(nature.alpha, 2 * nature.sigma))
    with pytest.raises(ValueError, match="clean"):
        recommended(Level.clean(), 0.7)
    objective, denoiser = recommended(nature, 0.7), EDMDenoiser(Identity(), 0.7).double()
    batch = Batch(x_n[:64], nature, torch.arange(64))
    losses = [objective(denoiser, batch, Draws.of_step(0, step)) for step in range(20)]
    assert {frozenset(loss.terms) for loss in losses} == {frozenset({"antithetic"}), frozenset({"antithetic", "em"})}
    loss = next(loss for loss in losses if "em" in loss.terms)
    torch.testing.assert_close(loss.per_sample, loss.terms["antithetic"] + 4 * 0.3 * loss.terms["em"])
