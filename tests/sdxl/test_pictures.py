"""Images as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sdxl.pictures import save_grid


def test_a_grid_holds_the_images_in_rows(tmp_path: Path) -> None:
    images = torch.arange(5)[:, None, None, None].expand(5, 3, 2, 3) / 2.5 - 1
    save_grid(tmp_path / "grid.png", images, columns=2)
    grid = np.asarray(Image.open(tmp_path / "grid.png"))
    assert grid.shape == (6, 6, 3)
    assert [int(grid[2 * (i // 2), 3 * (i % 2), 0]) for i in range(6)] == [0, 51, 102, 153, 204, 255]
