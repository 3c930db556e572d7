from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ambient.metrics.features import CentredPixels, ClassifierFeatures, Pixels, unit


def test_pixel_features_and_correlation() -> None:
    images = torch.randn(5, 1, 3, 3, dtype=torch.float64)
    assert torch.equal(Pixels()(images), images.reshape(5, 9))
    centred = unit(CentredPixels()(2 * images + 7))
    assert np.allclose((centred @ centred.T).numpy(), np.corrcoef(images.reshape(5, 9).numpy()))
    assert unit(torch.zeros(1, 4)).tolist() == [[0.0] * 4]


@pytest.mark.slow
def test_classifier_features_are_the_layer_below_its_decision() -> None:
    bunch = load_digits()
    images = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 8 - 1
    labels = torch.tensor(bunch.target)
    features = ClassifierFeatures(images[:500], labels[:500])
    assert features.accuracy(images[500:], labels[500:]) > 0.9
    values = features(images[500:]).numpy()
    logits = values @ features.network.coefs_[-1] + features.network.intercepts_[-1]
    theirs = features.network.predict(images[500:].flatten(1).double().numpy())
    assert (logits.argmax(1) == theirs).mean() == pytest.approx(1.0)
