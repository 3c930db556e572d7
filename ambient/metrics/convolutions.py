"""Convolutional features of small images, where no pretrained network is at hand; named for what they are.

The classifier is a few convolutions trained on labelled images that nothing else uses. The random features are the
same convolutions as they were initialised. Neither makes a Fréchet distance an FID, and distances on two classifiers,
trained on other images, are not comparable.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ambient.randomness import generator
from ambient.runs.files import load_tensors, save_tensors

WIDTH = 64
"""Number of features."""


class _Convolutions(nn.Module):
    """Three convolutions, each at half the resolution of the one before, and the mean over the image."""

    def __init__(self, image_channels: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(image_channels, 32, 3, padding=1),
            nn.GroupNorm(8, 32),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.GroupNorm(8, 64),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Conv2d(64, WIDTH, 3, padding=1),
            nn.GroupNorm(8, WIDTH),
            nn.ReLU(),
        )
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.body(images).mean((2, 3))
        return features


def _initialised(image_channels: int, classes: int, seed: int) -> _Convolutions:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _Convolutions(image_channels, classes)


class RandomConvolutions:
    """Features of convolutions that were never trained, (B, 64).

    Args:
        image_channels: Channels of the images, at least 4 pixels a side.
        seed: Seed of the weights.
    """

    name = "random convolutions"

    def __init__(self, image_channels: int, seed: int = 0) -> None:
        self.network = _initialised(image_channels, 1, seed).eval().requires_grad_(False)

    def __call__(self, images: Tensor) -> Tensor:
        return torch.cat([self.network(part) for part in torch.split(images.float(), 512)])


class ConvolutionalClassifier:
    """The last layer before the classes, (B, 64), of a convolutional classifier.

    Args:
        images: Training images in [-1, 1], (N, C, H, W), at least 4 pixels a side.
        labels: Their classes, (N,).
        path: Where the weights are kept, and taken from if they are there.
        epochs: Passes over the images, each mirrored left to right by a coin.
        batch: Images a step.
        learning_rate: Of AdamW, with cosine decay.
        seed: Seed of weights, order and coins.
    """

    name = "classifier"

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        path: Path | None = None,
        epochs: int = 20,
        batch: int = 64,
        learning_rate: float = 3e-3,
        seed: int = 0,
    ) -> None:
        self.network = _initialised(images.shape[1], int(labels.max()) + 1, seed)
        if path is not None and path.exists():
            self.network.load_state_dict(load_tensors(path)[0])
        else:
            self._fit(images, labels, epochs, batch, learning_rate, seed)
            if path is not None:
                save_tensors(path, self.network.state_dict())
        self.network.eval().requires_grad_(False)

    def _fit(self, images: Tensor, labels: Tensor, epochs: int, batch: int, learning_rate: float, seed: int) -> None:
        adam = torch.optim.AdamW(self.network.parameters(), lr=learning_rate, weight_decay=0.05)
        steps = epochs * -(-len(images) // batch)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        source = generator("order", seed)
        for _ in range(epochs):
            for rows in torch.split(torch.randperm(len(images), generator=source), batch):
                mirrored = torch.rand(len(rows), 1, 1, 1, generator=source) < 0.5
                shown = torch.where(mirrored, images[rows].flip(-1), images[rows])
                loss = functional.cross_entropy(self.network.head(self.network(shown)), labels[rows])
                adam.zero_grad()
                torch.autograd.backward(loss)
                adam.step()
                decay.step()

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        return torch.cat([self.network(part) for part in torch.split(images.float(), 512)])

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Share of images classified correctly."""
        return float((self.network.head(self(images)).argmax(1) == labels).double().mean())
