from __future__ import annotations

from dataclasses import replace

from toy.data import Digits
from toy.duplicates import Duplicates
from toy.notes import duplicates, notes


def test_duplicates_are_always_counted() -> None:
    split = Digits().split(20, 0)
    assert notes({(20, 0): split}) == [
        "Exact duplicates: none among the training images, and no copies of them elsewhere"
    ]
    some = replace(split, duplicates=Duplicates(3, 5))
    (line,) = notes({(20, 0): split, (20, 1): some})
    assert line == (
        "Exact duplicates: 3 of 20 training images equal another one (split 1); "
        "5 copies of the 20 training images are used for nothing (split 1)"
    )
    assert duplicates({(20, 1): some}) == [{"images": 20, "seed": 1, "training": 3, "left_out": 5}]


def test_what_is_not_measured_is_said() -> None:
    split = Digits().split(20, 0)
    small = replace(split, held_out=split.held_out[:10], unseen=split.unseen[:10])
    assert notes({(20, 0): small})[1:] == [
        "No P_tr for N = 20, split 0: only 10 images are held out",
        "No row of unseen real images for N = 20, split 0: only 10 are left",
    ]
