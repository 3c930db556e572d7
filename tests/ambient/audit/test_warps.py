from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from ambient.audit.warps import SHIFT, ZOOMS, Warps, all_warps, centred_warps


def drawn(image: np.ndarray, zoom: float, offset: tuple[float, float], mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """One channel under one warp, and where it is covered, by scipy's interpolation."""
    image = image[:, ::-1] if mirrored else image
    at = [(np.arange(side) + 0.5 - o) / zoom for side, o in zip(image.shape, offset, strict=True)]
    covered = [(a > -1e-6) & (a < side + 1e-6) for a, side in zip(at, image.shape, strict=True)]
    places = np.meshgrid(*(a - 0.5 for a in at), indexing="ij")
    return map_coordinates(image, places, order=1, mode="nearest"), covered[0][:, None] & covered[1][None]


@pytest.mark.parametrize("size", [(16, 16), (12, 16), (8, 8)])
def test_warps_are_the_interpolation_that_they_state(size: tuple[int, int]) -> None:
    warps = all_warps(size)
    images = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = warps(images)
    assert found.shape == (2, len(warps), 3, *size)
    for i in range(len(warps)):
        offset = (float(warps.offsets[i, 0]), float(warps.offsets[i, 1]))
        expected, covered = drawn(images[1, 2].numpy(), float(warps.zooms[i]), offset, bool(warps.flips[i]))
        assert np.array_equal(covered, warps.masks[i].bool().numpy())
        assert np.allclose(np.where(covered, expected, 0), found[1, i, 2].numpy(), atol=1e-4)


def test_at_is_the_family_at_the_chosen_warps() -> None:
    warps = all_warps((10, 12))
    images = torch.randn(4, 1, 10, 12, generator=torch.Generator().manual_seed(1))
    which = torch.tensor([0, 5, 50, len(warps) - 1])
    found, masks = warps.at(images, which)
    assert torch.allclose(found, warps(images)[torch.arange(4), which], atol=1e-6)
    assert torch.equal(masks[:, 0], warps.masks[which])


def test_the_family_holds_what_it_says() -> None:
    warps = all_warps((32, 32))
    kinds = set(zip(warps.flips.tolist(), [round(z, 3) for z in warps.zooms.tolist()], strict=True))
    assert kinds == {(flip, zoom) for flip in (False, True) for zoom in (1.0, *ZOOMS)}
    whole = warps.offsets[warps.zooms == 1]
    assert float(whole.abs().max()) == pytest.approx(32 * SHIFT)
    assert (0.0, 0.0) in {tuple(offset) for offset in whole.tolist()}
    inside = warps.zooms < 1
    assert bool((warps.offsets[inside] >= 0).all())
    assert bool((warps.offsets[inside] + 32 * warps.zooms[inside, None] <= 32 + 1e-4).all())
    assert len(centred_warps((8, 8))) == 4


def test_words() -> None:
    warps = Warps(
        torch.tensor([False, True, False, True]),
        torch.tensor([1.0, 1.0, 0.9, 1.0]),
        torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, -1.0]]),
        (16, 16),
    )
    words = [warps.describe(i) for i in range(4)]
    assert words == ["", "mirrored", "cropped to 90 %", "mirrored, shifted by 6 % of the side"]
