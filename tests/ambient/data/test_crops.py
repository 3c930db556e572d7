from __future__ import annotations

import pytest
import torch

from ambient.data import Crops, in_memory
from ambient.process import VE, Level

IMAGES = [torch.arange(3 * h * w).reshape(3, h, w).float() + 10_000 * i for i, (h, w) in enumerate([(9, 7), (5, 12)])]


def crops(**options: object) -> Crops:
    return Crops(IMAGES, Level(torch.ones(2), torch.tensor([0.1, 0.4])), 5, **options)  # type: ignore[arg-type]


def test_a_piece_is_cut_from_its_image_with_its_level_and_class() -> None:
    data = crops(condition={"label": torch.tensor([4, 7])}, clean=[image + 0.5 for image in IMAGES])
    rows = torch.tensor([0, 3, data.pieces, 2 * data.pieces - 1])
    batch = data.batch(rows)
    assert batch.x.shape == (4, 3, 5, 5)
    assert batch.index.tolist() == [0, 0, 1, 1]
    assert batch.condition["label"].tolist() == [4, 4, 7, 7]
    torch.testing.assert_close(batch.nature.sigma, torch.tensor([0.1, 0.1, 0.4, 0.4]))
    assert batch.clean is not None
    torch.testing.assert_close(batch.clean, batch.x + 0.5)
    for row, piece in zip(rows.tolist(), batch.x, strict=True):
        number, top, left = data.place(row)
        torch.testing.assert_close(piece, IMAGES[number][:, top : top + 5, left : left + 5])


def test_places_are_functions_of_seed_and_row() -> None:
    assert [crops().place(row) for row in range(40)] == [crops().place(row) for row in range(40)]
    assert [crops().place(row) for row in range(40)] != [crops(seed=1).place(row) for row in range(40)]


def test_every_place_is_as_likely() -> None:
    data = crops()
    places = [data.place(row)[1:] for row in range(6000)]
    counts = torch.zeros(5, 3)  # of the image 9 high and 7 wide
    for top, left in places:
        counts[top, left] += 1
    expected = 6000 / 15
    assert float(((counts - expected) ** 2 / expected).sum()) < 36.1  # chi-square, 14 degrees of freedom, p = .001
    assert {data.place(data.pieces + row)[1:] for row in range(200)} == {(0, left) for left in range(8)}


def test_some_in_memory_are_of_all_images() -> None:
    assert set(in_memory(crops(), 8).index.tolist()) == {0, 1}


def test_images_that_are_too_small_are_named() -> None:
    with pytest.raises(ValueError, match="image 1 is 12 wide and 5 high: no piece of 6x6"):
        Crops(IMAGES, VE().level(0.1), 6)


def test_the_fingerprint_tells_side_seed_and_images() -> None:
    level = VE().level(0.1)
    made = [Crops(IMAGES, level, 5), Crops(IMAGES, level, 4), Crops(IMAGES, level, 5, 1), Crops(IMAGES[::-1], level, 5)]
    assert len({data.fingerprint() for data in made}) == 4
    assert made[0].fingerprint() == Crops(IMAGES, level, 5).fingerprint()
