"""Planted copies are reported within their interval."""

from __future__ import annotations

import json

import pytest
import torch

from ambient.audit import audit
from tests.ambient.audit.make import cifar, copies_of, digits, planted


@pytest.mark.parametrize(("share", "kind"), [(0.0, "exact"), (0.05, "noisy"), (0.5, "mirrored")])
def test_copies_planted_among_digits(share: float, kind: str) -> None:
    images = digits()
    training, others, held_out = images[:300], images[300:600], images[600:900]
    found = audit(planted(training, others, share, kind), training, held_out)
    assert found.copies.low <= share <= found.copies.high
    assert found.copies.high - found.copies.low < 0.15
    assert abs(len(found.flagged) - share * 300) <= 3


def test_crops_of_digits_are_said_not_to_be_found() -> None:
    """A crop of an 8x8 image is another image: the audit says that it does not cover them."""
    images = digits()
    found = audit(images[300:500], images[:300])
    assert found.calibration.left_out == ("cropped",)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.5])
@pytest.mark.parametrize("duplicated", ["none", "exact", "near"])
@pytest.mark.parametrize("unseen", [True, False])
def test_copies_planted_among_photographs(share: float, duplicated: str, unseen: bool) -> None:
    """Exact, saved again, mirrored and cropped copies together; a tenth of the training images is there three times."""
    images, test_images = cifar()
    training, others = images[:1000], images[1000:1600]
    twice = training[:100]
    repeats = {"none": twice[:0], "exact": twice.repeat(2, 1, 1, 1), "near": copies_of(twice, "cropped")}[duplicated]
    samples = planted(training, others, share, "mixed")
    found = audit(samples, torch.cat((training, repeats)), test_images if unseen else None)
    assert found.copies.low <= share <= found.copies.high
    assert found.calibration.left_out == ()
    assert found.copies.high - found.copies.low < (0.12 if unseen else 0.25)
    counted = found.duplicates["training"]
    assert counted.exact == (200 if duplicated == "exact" else 0)
    assert counted.near >= (150 if duplicated == "near" else 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["exact", "noisy", "mirrored", "cropped"])
def test_each_kind_of_copy_of_a_photograph(kind: str) -> None:
    images, test_images = cifar()
    samples = planted(images[:1000], images[1000:1400], 0.05, kind)
    found = audit(samples, images[:1000], test_images)
    assert found.copies.low <= 0.05 <= found.copies.high
    assert abs(len(found.flagged) - 20) <= 3


def test_duplicates_among_samples_widen_the_intervals() -> None:
    images = digits()
    training, others = images[:300], images[300:500]
    apart = audit(planted(training, others, 0.1, "exact"), training, images[600:800])
    samples = torch.cat((others[20:], training[:1].repeat(20, 1, 1, 1)))
    collapsed = audit(samples, training, images[600:800])
    assert collapsed.copies.value == pytest.approx(apart.copies.value, abs=0.01)
    assert collapsed.copies.high > apart.copies.high + 0.03
    assert collapsed.copies.low < 0.02
    assert (collapsed.duplicates["samples"].exact, collapsed.duplicates["samples"].most) == (19, 20)


def test_held_out_images_that_were_trained_on_are_left_out_and_named() -> None:
    images = digits()
    held_out = torch.cat((images[600:700], images[:30], images[30:40].flip(3)))
    found = audit(images[300:400], images[:300], held_out)
    assert found.leaked == 40
    assert "40 held-out images equal a training image and were left out" in found.notes


def test_pairs_show_how_they_match() -> None:
    images = digits()
    samples = torch.cat((images[:3].flip(3), images[300:350]))
    found = audit(samples, images[:300], pairs=8)
    assert len(found.pairs) == 8
    assert [pair.how for pair in found.pairs[:3]] == ["mirrored"] * 3
    assert {pair.training for pair in found.pairs[:3]} == {f"training {i}" for i in range(3)}
    assert all(pair.copied and pair.similarity > 0.99 for pair in found.pairs[:3])
    assert [pair.ratio for pair in found.pairs] == sorted(pair.ratio for pair in found.pairs)
    assert torch.allclose(found.pairs[0].image, found.pairs[0].match, atol=1e-3)


def test_the_record_is_json_and_the_same_again() -> None:
    images = digits()
    arguments = (images[300:360], images[:100], images[400:500])
    record = audit(*arguments).record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert audit(*arguments).record() == record
    assert {m["name"] for m in record["measures"]} == {"S > 0.9", "S > 0.95", "m13", "P_tr", "AuthPct", "C_T"}
