from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ambient.metrics.features import ClassifierFeatures, Pixels
from ambient.metrics.frechet import FeatureStatistics
from ambient.metrics.similarity import P1_THRESHOLDS, P2_THRESHOLDS
from toy.audit import Audit, reference_rows, thresholds, titles
from toy.data import Digits
from toy.options import ToyOptions
from toy.splits import Splits


def test_audits_of_known_sets() -> None:
    rows = reference_rows(Splits(ToyOptions().changed(features=("pixels", "random"))).audit(100, 0), 200)
    copies, unseen = rows["exact copies of the training set"], rows["unseen real images"]
    assert copies["m13"] == 1
    assert copies["s90"] == copies["s95"] == 1
    assert copies["p_train"] == 1
    assert unseen["m13"] < 0.02
    assert unseen["p_train"] == pytest.approx(0.5, abs=0.1)
    assert copies["recall"] < unseen["recall"]


def test_noise_is_neither_a_copy_nor_a_digit() -> None:
    split = Digits().split(50, 1)
    audit = Audit(split, {"pixels": Pixels(), "classifier": ClassifierFeatures(*split.classifier)})
    noise = torch.rand(100, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found, real = audit(noise), audit(split.unseen)
    assert found["m13"] == 0
    assert found["s95"] == 0
    assert found["frechet_pixels"] > 5 * real["frechet_pixels"]
    assert found["precision"] < 0.2 < real["precision"]


class Tripled:
    """Stands in for a pretrained network."""

    name = "tripled pixels"

    def __call__(self, images: Tensor) -> Tensor:
        return 3 * images.flatten(1) + 5


def test_deep_features_are_judged_by_the_thresholds_of_the_data_set() -> None:
    split = Digits().split(50, 0)
    audit = Audit(split, {"pixels": Pixels(), "dinov2-p2": Tripled(), "clip": Tripled()}, "ffhq")
    found = audit(torch.cat([split.train, split.unseen[:50]]))
    assert {f"s{c:g}_dinov2-p2" for c in P2_THRESHOLDS["ffhq"]} <= found.keys()
    assert {f"s{c:g}_clip" for c in P1_THRESHOLDS} <= found.keys()
    unit = torch.nn.functional.normalize(Tripled()(torch.cat([split.train, split.unseen[:50]])).double(), dim=1)
    largest = (unit @ unit[:50].T).max(1).values
    assert found["sim_dinov2-p2"] == pytest.approx(float(largest.mean()), abs=1e-9)
    assert found["s0.85_dinov2-p2"] == pytest.approx(float((largest > 0.85).double().mean()))
    assert found["frechet_dinov2-p2"] == pytest.approx(9 * found["frechet_pixels"], rel=1e-6)
    named = titles(found, "ffhq", published=False)
    assert named["s0.85_dinov2-p2"] == "S.85 dinov2-p2"
    assert named["frechet_clip"] == "FD clip"


def test_thresholds() -> None:
    assert thresholds("dinov2-p2", "cifar10") == (0.9, 0.925, 0.95)
    assert thresholds("dinov2-p2", "images") == P1_THRESHOLDS
    assert thresholds("dinov2-p1", "cifar10") == P1_THRESHOLDS


def test_published_statistics_take_the_place_of_the_held_out_images() -> None:
    split = Digits().split(50, 0)
    vectors = Tripled()(split.train)
    reference = FeatureStatistics.of(vectors, Tripled.name)
    audit = Audit(split, {"inception": Tripled()}, "cifar10", reference)
    assert audit(split.train)["frechet_inception"] == pytest.approx(0, abs=1e-6)
    assert Audit(split, {"inception": Tripled()}, "cifar10")(split.train)["frechet_inception"] > 1
