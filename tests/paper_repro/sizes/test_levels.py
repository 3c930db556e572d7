from __future__ import annotations

from paper_repro.sizes.levels import sdxl_ratio


def test_the_levels_are_the_papers() -> None:
    # P1, section 4.2: sigma_tn of t_n = 100, 500 and 800, which is sigma of alpha^2 + sigma^2 = 1.
    for step, sigma in ((100, 0.325), (500, 0.850), (800, 0.981)):
        ratio = sdxl_ratio(step)
        assert abs(ratio / (1 + ratio**2) ** 0.5 - sigma) < 2e-3
