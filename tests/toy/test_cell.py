from __future__ import annotations

import pytest
import torch

from ambient.features import ClassifierFeatures
from toy.cell import audit, reference_rows
from toy.config import Options
from toy.data import digits


def test_audits_of_known_sets() -> None:
    rows = reference_rows(Options(samples=200), seed=0)
    copies, unseen = rows["exact copies of the training set"], rows["unseen real images"]
    assert copies["m13"] == 1
    assert copies["s95"] == 1
    assert copies["p_train"] == 1
    assert unseen["m13"] < 0.02
    assert unseen["p_train"] == pytest.approx(0.5, abs=0.06)
    assert copies["recall"] < unseen["recall"]


def test_noise_is_neither_a_copy_nor_a_digit() -> None:
    split = digits(50, 1)
    classifier = ClassifierFeatures(*split.classifier)
    noise = torch.rand(100, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found, real = audit(noise, split, classifier), audit(split.unseen, split, classifier)
    assert found["m13"] == 0
    assert found["s95"] == 0
    assert found["frechet_pixels"] > 5 * real["frechet_pixels"]
    assert found["precision"] < 0.2 < real["precision"]
