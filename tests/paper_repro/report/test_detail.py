from __future__ import annotations

import torch

from paper_repro.report.detail import detail, detail_of_each


def test_detail_is_what_blurring_takes_away() -> None:
    images = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(images, 3, 1, 1)
    assert detail(blurred) < 0.3 * detail(images)
    assert detail(torch.ones(2, 1, 8, 8)) == 0
    checks = torch.tensor([[0.0, 1.0], [1.0, 0.0]])[None, None]
    assert detail(checks) == 1.0


def test_the_detail_of_all_is_the_mean_of_each() -> None:
    images = torch.randn(7, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    assert abs(float(detail_of_each(images).mean()) - detail(images)) < 1e-6
