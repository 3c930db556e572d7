from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambient.linear import Blur, Downsample, Mask, operator_of, parse_task


def test_tasks_as_users_write_them() -> None:
    assert isinstance(operator_of(parse_task("downsample:2"), 8, [0]), Downsample)
    blur = operator_of(parse_task("blur:1"), 16, [0])
    assert isinstance(blur, Blur)
    flat = torch.full((1, 1, 16, 16), 0.3, dtype=torch.float64)
    torch.testing.assert_close(blur(flat), flat)
    point = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    point[0, 0, 8, 8] = 1
    spread = blur(point)[0, 0]
    offsets = torch.arange(16, dtype=torch.float64) - 8
    variance = (spread.sum(0) * offsets**2).sum() / spread.sum()
    assert float(variance) == pytest.approx(1, rel=0.03)  # cut off at three standard deviations
    assert parse_task("downsample:4").side(8) == 32
    assert parse_task("inpainting:mask.png").mask == Path("mask.png")
    assert [str(parse_task(t)) for t in ("blur:1.5", "inpainting:0.8")] == ["blur:1.5", "inpainting:0.8"]


def test_missing_pixels_are_a_function_of_seed_and_index() -> None:
    task = parse_task("inpainting:0.25")
    whole, alone, other = (operator_of(task, 64, rows, seed=seed) for rows, seed in ((range(3), 0), ([2], 0), ([2], 1)))
    assert isinstance(whole, Mask)
    assert isinstance(alone, Mask)
    assert isinstance(other, Mask)
    assert torch.equal(whole.mask[2:], alone.mask)
    assert not torch.equal(alone.mask, other.mask)
    assert float(whole.mask.mean()) == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sharpen:2", "'sharpen:2' is no task: write blur:1.5"),
        ("blur", "is no task"),
        ("blur:wide", "'wide' is not a number"),
        ("blur:0", "a number of pixels above 0"),
        ("blur:inf", "a number of pixels above 0"),
        ("downsample:1", "a whole number, 2 or more"),
        ("downsample:2.5", "a whole number, 2 or more"),
        ("inpainting:80", "between 0 and 1"),
        ("inpainting:nan", "between 0 and 1"),
    ],
)
def test_what_is_no_task_is_named(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_task(text)


def test_a_blur_wider_than_the_images_is_named() -> None:
    with pytest.raises(ValueError, match="a blur of 5 pixels reaches 31, and the images have 16"):
        operator_of(parse_task("blur:5"), 16, [0])
