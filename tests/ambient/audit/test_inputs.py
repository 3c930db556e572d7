from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambient.audit import Reading, audit
from ambient.audit.inputs import check_alike, gather
from tests.ambient.audit.make import digits, write_folder


def test_bytes_and_floats_are_the_same_images() -> None:
    pixels = torch.randint(0, 256, (12, 3, 4, 4), dtype=torch.uint8)
    assert torch.equal(gather(pixels, "samples", Reading()).pixels, pixels)
    assert torch.equal(gather(pixels.float() / 127.5 - 1, "samples", Reading()).pixels, pixels)


def test_clipping_is_counted() -> None:
    images = torch.zeros(10, 1, 4, 4)
    images[0, 0, 0, :3], images[1] = 1.2, -0.5
    assert gather(images, "samples", Reading()).notes == (
        "samples: 3 values outside [-1, 1] were clipped, as saving does",
    )


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(12, 4, 4), "samples: images must have the shape"),
        (torch.zeros(12, 2, 4, 4), r"shape \(N, 1 or 3, H, W\), got \(12, 2, 4, 4\)"),
        (torch.rand(12, 1, 4, 4), "values run from .* to .*, not from -1 to 1"),
        (torch.full((12, 1, 4, 4), torch.nan), "12 of 12 images hold values that are not finite"),
        (torch.zeros(12, 1, 4, 4, dtype=torch.int64), "must be uint8 or floats"),
        (torch.zeros(9, 1, 4, 4, dtype=torch.uint8), "at least 10 images, a tensor of shape .* has 9"),
    ],
)
def test_tensors_that_are_no_images(images: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gather(images, "samples", Reading())


def test_sets_that_cannot_be_compared() -> None:
    source = torch.Generator().manual_seed(0)

    def images(*shape: int) -> torch.Tensor:
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=source)

    grey, colour, large = images(12, 1, 4, 4), images(12, 3, 4, 4), images(12, 1, 8, 8)
    with pytest.raises(ValueError, match="samples are grey and the training images colour: choose --channels"):
        audit(grey, colour)
    with pytest.raises(ValueError, match="samples are 4x4 and the training images 8x8 pixels: choose one --resolution"):
        audit(grey, large)
    with pytest.raises(ValueError, match="samples and training images are the same 12 images"):
        audit(grey, grey)
    with pytest.raises(ValueError, match="training and held-out images are the same 12 images"):
        audit(images(12, 1, 4, 4), grey, grey)
    with pytest.raises(ValueError, match="only 1 that are not duplicates"):
        audit(images(12, 1, 4, 4), grey[:1].repeat(20, 1, 1, 1))
    with pytest.raises(ValueError, match="held-out: 12 of 14 images are training images"):
        audit(images(12, 1, 4, 4), grey, torch.cat((grey, images(2, 1, 4, 4))))


def test_a_folder_is_read_with_its_names(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "some", digits()[:12])
    found = gather(folder, "samples", Reading())
    assert found.names[0] == "image0000.png"
    assert found.source == str(folder)
    check_alike(found, gather(digits()[20:40], "training", Reading()))
