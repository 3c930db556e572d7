from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ambient.metrics.convolutions import WIDTH, ConvolutionalClassifier, RandomConvolutions


def stripes(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy horizontal (0) and vertical (1) stripes at random phases, which no single pixel tells apart."""
    source = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (n,), generator=source)
    phase = 2 * torch.pi * torch.rand(n, 1, 1, generator=source)
    wave = torch.sin(torch.arange(8.0).reshape(1, 8, 1) * 1.5 + phase).expand(n, 8, 8)
    images = torch.where(labels.reshape(-1, 1, 1) == 1, wave.mT, wave)[:, None]
    return images + 0.3 * torch.randn(n, 1, 8, 8, generator=source), labels


def test_the_classifier_learns_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "classifier.safetensors"
    images, labels = stripes(200, 0)
    trained = ConvolutionalClassifier(images, labels, path, epochs=12)
    unseen = stripes(200, 1)
    assert trained.accuracy(*unseen) > 0.95
    assert trained(images).shape == (200, WIDTH)
    kept = ConvolutionalClassifier(images, labels, path, epochs=0)
    assert torch.equal(kept(images), trained(images))
    fresh = ConvolutionalClassifier(images, labels, epochs=0)
    assert fresh.accuracy(*unseen) < 0.9


def test_features_do_not_depend_on_the_batch_or_the_global_generator() -> None:
    images, _ = stripes(20, 0)
    torch.manual_seed(1)
    one = RandomConvolutions(1)
    torch.manual_seed(2)
    two = RandomConvolutions(1)
    assert torch.equal(one(images), two(images))
    assert torch.allclose(one(images)[:3], one(images[:3]), atol=1e-6)
    assert not torch.equal(RandomConvolutions(1, seed=1)(images), one(images))
    assert one.name == "random convolutions"
