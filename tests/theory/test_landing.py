import pytest
import torch

from ambient.process import VE
from theory.empirical import neighbours
from theory.landing import grid_to_nature, land


def points(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_grid_is_one_of_fresh_noise_above_the_nature_level():
    sigmas = grid_to_nature(0.7, 50.0, 20, 1e-3)
    assert float(sigmas[0]) == pytest.approx(50)
    nature = VE().level(0.7)
    fresh = torch.stack([nature.transition_to(VE().level(s)).std for s in sigmas])
    assert float(fresh[-1]) == pytest.approx(1e-3)
    torch.testing.assert_close(
        (fresh ** (1 / 7)).diff(), (fresh[-1] ** (1 / 7) - fresh[0] ** (1 / 7)).div(19).expand(19)
    )


@pytest.mark.parametrize("sigma_n", [0.3, 1.0, 2.5])
def test_the_optimum_passes_the_noisy_copy_and_ends_on_the_clean_set(sigma_n):
    x_0 = points(60, 20, 0)
    found = land(x_0, sigma_n, 300)
    assert float(found.noisy_distance.max()) < 0.05
    assert float(found.clean_distance.max()) < 1e-3
    counts = found.noisy.bincount(minlength=60).double()
    assert float(((counts - 5) ** 2 / 5).sum()) < 115  # chi-square with 59 degrees of freedom, p = 1e-5


def test_which_image_it_ends_on_is_forgotten_as_the_posterior_spreads():
    x_0 = points(60, 20, 1)
    own = [land(x_0, sigma, 300).own for sigma in (0.3, 1.5, 30.0)]
    largest = [n.largest for n in neighbours(x_0, [0.3, 1.5, 30.0])]
    assert own[0] == 1
    assert own == sorted(own, reverse=True)
    assert own == pytest.approx(largest, abs=0.12)
    assert own[2] < 0.1


def test_more_steps_change_hardly_a_landing():
    x_0 = points(30, 8, 2)
    coarse, fine = (land(x_0, 0.3, 200, steps=steps) for steps in (60, 240))
    assert float((coarse.clean == fine.clean).double().mean()) >= 0.98
