from __future__ import annotations

import pytest
import torch

from ambient.audit.matching import Matcher, ratio, reduced
from ambient.audit.probes import cropped
from ambient.audit.warps import all_warps


def smooth(count: int, side: int, seed: int, channels: int = 1) -> torch.Tensor:
    """Random smooth images."""
    coarse = torch.randn(count, channels, 5, 5, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(-1, 1)


@pytest.mark.parametrize("side", [8, 16])
def test_against_brute_force(side: int) -> None:
    """With fewer images than candidates the search is exact: every warp, every image, in float64, by a loop."""
    images, queries = smooth(12, side, 0, 3), smooth(7, side, 1, 3)
    queries[3] = images[5].flip(2)
    found = Matcher(images)(queries)
    warps = all_warps((side, side))
    for i, query in enumerate(queries.double()):
        table = torch.full((len(images),), torch.inf, dtype=torch.float64)
        for view, mask in zip(warps(query[None])[0], warps.masks.bool(), strict=True):
            differences = (view[:, mask] - images.double()[:, :, mask]).square().mean((1, 2)).sqrt()
            table = torch.minimum(table, differences)
        assert int(found.rows[i]) == int(table.argmin())
        assert float(found.distances[i]) == pytest.approx(float(table.min()), abs=1e-5)
        assert float(found.scales[i]) == pytest.approx(float(table.median()), rel=1e-3)
    assert int(found.rows[3]) == 5
    assert float(found.ratios[3]) < 1e-5


def test_mirrored_shifted_and_cropped_images_are_found() -> None:
    images = smooth(200, 32, 2, 3)
    matcher = Matcher(images)
    for queries in (images.flip(3), images.roll((2, -1), (2, 3)), cropped(images, torch.Generator().manual_seed(0))):
        found = matcher(queries[:50])
        assert found.rows.tolist() == list(range(50))
        assert float(found.ratios.max()) < 0.5
    assert float(matcher(smooth(50, 32, 3, 3)).ratios.median()) > 0.7


def test_left_out_images_are_not_matched() -> None:
    images = smooth(30, 16, 4)
    everyone = torch.arange(30)
    assert Matcher(images)(images).rows.tolist() == everyone.tolist()
    found = Matcher(images)(images, everyone)
    assert not (found.rows == everyone).any()


def test_among_blank_images_nothing_is_a_copy() -> None:
    blank = torch.zeros(20, 1, 8, 8)
    assert Matcher(blank)(blank[:3]).ratios.tolist() == [1.0, 1.0, 1.0]
    assert ratio(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 4.0])).tolist() == [0.0, 0.25]


def test_a_quick_search_finds_mirror_images() -> None:
    images = smooth(40, 16, 5)
    found = Matcher(images, shifts=False)(images.flip(3))
    assert found.rows.tolist() == list(range(40))
    assert float(found.distances.max()) < 1e-6


def test_reduced() -> None:
    images = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert reduced(images, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert reduced(images, 8) is images
    assert reduced(torch.zeros(1, 1, 4, 8), 4).shape == (1, 1, 2, 4)
