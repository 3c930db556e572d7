from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ambient.process import Level, as_level
from theory.empirical import EmpiricalDenoiser
from toy.data import Digits
from toy.spectrum import spectrum


class Between:
    """A denoiser a share of the way from one to another."""

    def __init__(self, general: EmpiricalDenoiser, copying: EmpiricalDenoiser, share: float) -> None:
        self.general, self.copying, self.share = general, copying, share

    def __call__(self, x_t: Tensor, level: Level | Tensor) -> Tensor:
        return (1 - self.share) * self.general(x_t, level) + self.share * self.copying(x_t, level)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_is_the_place_between_copying_and_generalising(share: float) -> None:
    split = Digits().split(50, 0)
    copying, general = EmpiricalDenoiser(split.train), EmpiricalDenoiser(split.held_out[100:])
    sigmas = (0.2, 0.8, 3.0)
    found = spectrum(Between(general, copying, share), copying, general, split.held_out[:100], sigmas, draws=2)
    assert found.sigma == list(sigmas)
    assert found.share == pytest.approx([share] * 3, abs=1e-4)
    across = spectrum(copying, copying, general, split.held_out[:100], sigmas, draws=2).generalising
    assert found.copying == pytest.approx([(1 - share) ** 2 * d for d in across], rel=1e-3, abs=1e-9)
    assert found.generalising == pytest.approx([share**2 * d for d in across], rel=1e-3, abs=1e-9)


def test_the_optimal_denoiser_of_the_training_set_is_exact_on_it_and_wrong_elsewhere() -> None:
    split = Digits().split(50, 0)
    copying, general = EmpiricalDenoiser(split.train), EmpiricalDenoiser(split.held_out)
    seen = spectrum(copying, copying, general, split.train, (0.1,))
    unseen = spectrum(copying, copying, general, split.unseen, (0.1,))
    assert seen.error[0] < 1e-6 < 0.01 < unseen.error[0]
    assert as_level(torch.tensor(0.1)).sigma == pytest.approx(0.1)
