from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch

from ambient import kernels
from ambient.process import VE
from theory import plots
from theory.statements.worlds import LINE

X = torch.tensor([[-1.5], [0.4], [2.0]], dtype=torch.float64)


@pytest.mark.parametrize("draw", [plots.double_tweedie, plots.kernel_bias, plots.consistency], ids=lambda f: f.__name__)
def test_a_plot_is_drawn_where_it_says(tmp_path: Path, draw: Callable[[Path], plots.Plot]) -> None:
    title, name, caption = draw(tmp_path)
    assert title
    assert caption.endswith(".")
    assert np.ptp(matplotlib.image.imread(tmp_path / name)[..., :3]) == 1


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.4])
def test_the_lines_of_the_exact_kernel_are_flat(sigma: float) -> None:
    h = LINE.posterior_mean(X, VE().level(1.5))[:, 0]
    torch.testing.assert_close(plots._mean_denoised(None, X, sigma), h, rtol=0, atol=1e-4)


def test_one_long_step_bends_them() -> None:
    h = LINE.posterior_mean(X, VE().level(1.5))[:, 0]
    ancestral, ddim = (
        float((plots._mean_denoised(kernel, X, 0.5) - h).abs().max()) for kernel in (kernels.ancestral, kernels.ddim)
    )
    assert 0.05 < ancestral < ddim
