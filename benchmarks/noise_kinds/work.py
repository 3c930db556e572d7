"""The work of `benchmarks.noise_kinds`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from rich.console import Console
from torch import Tensor

from ambient.data.images import ImageOptions, load_images
from ambient.noise.estimate import NoiseEstimate, estimate
from ambient.runs.tables import markdown, rich_table
from benchmarks.noise_kinds.options import NoiseKinds

Kind = Callable[[Tensor, float, torch.Generator], tuple[Tensor, float]]
"""Clean images, sigma and draws, to noisy images and the true root mean square level."""


def work(options: NoiseKinds) -> None:
    """Estimate all, print the table, and write it."""
    entries = [["set", "noise", "truth", "to be denied", "denied", "interval or bound", "holds it"]]
    for name, images in _sets(options):
        for kind, (make, denied) in _KINDS.items():
            if kind == "one noise in all channels" and images.shape[1] == 1:
                continue
            for sigma in options.levels:
                noisy, truth = make(images, sigma, torch.Generator().manual_seed(options.seed))
                entries.append([name, kind, f"{truth:.3f}", denied, *_said(estimate(noisy), truth)])
    Console().print(rich_table("Noise of other kinds", entries))
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "noise_kinds.md"
    path.write_text(markdown("", entries), encoding="utf-8")
    print(f"written to {path}")


def _said(found: NoiseEstimate, truth: float) -> list[str]:
    answers = {
        "white": found.white.holds,
        "Gaussian": found.gaussian.holds,
        "constant": found.constant.holds,
        "equal": found.equal.holds,
    }
    denied = ", ".join(name for name, holds in answers.items() if holds is False)
    level = found.level
    bounds = f"{level.lower:.3f}–{level.upper:.3f}" if level.known else f"at most {level.upper:.3f}"
    return [denied or "–", bounds, "yes" if level.contains(truth) else "NO"]


def _sets(options: NoiseKinds) -> Iterator[tuple[str, Tensor]]:
    for side in (32, 64):
        choice = ImageOptions(resolution=side, channels="grey", limit=options.images)
        yield f"X-rays {side}x{side}", load_images(options.xrays, choice).images
    yield "CIFAR-10", load_images(options.cifar, ImageOptions(limit=options.images)).images


def _laplace(images: Tensor, sigma: float, draws: torch.Generator) -> tuple[Tensor, float]:
    uniform = torch.rand(images.shape, generator=draws, dtype=torch.float64).clamp(1e-9, 1 - 1e-9) - 0.5
    return (images - sigma / 2**0.5 * uniform.sign() * torch.log1p(-2 * uniform.abs())).float(), sigma


def _uniform(images: Tensor, sigma: float, draws: torch.Generator) -> tuple[Tensor, float]:
    return images + sigma * 12**0.5 * (torch.rand(images.shape, generator=draws) - 0.5), sigma


def _blurred(images: Tensor, sigma: float, draws: torch.Generator) -> tuple[Tensor, float]:
    """Noise seen through the binomial filter of 3x3 pixels."""
    line = torch.tensor([1.0, 2.0, 1.0])
    kernel = torch.outer(line, line)
    channels = images.shape[1]
    weight = (kernel / kernel.norm()).expand(channels, 1, 3, 3)
    white = torch.randn(images.shape, generator=draws)
    wide = torch.nn.functional.pad(white, (1, 1, 1, 1), mode="circular")
    return images + sigma * torch.nn.functional.conv2d(wide, weight, groups=channels), sigma


def _one_in_all_channels(images: Tensor, sigma: float, draws: torch.Generator) -> tuple[Tensor, float]:
    return images + sigma * torch.randn(images[:, :1].shape, generator=draws), sigma


def _photons(images: Tensor, sigma: float, draws: torch.Generator) -> tuple[Tensor, float]:
    """Counts of gain sigma^2, so that the level is sigma where the image is 0, and Gaussian noise of 0.03."""
    gain, std = sigma**2, 0.03
    counts = torch.poisson((images + 1) / gain, generator=draws)
    noisy = gain * counts - 1 + std * torch.randn(images.shape, generator=draws)
    return noisy, (gain * (images + 1)).mean().add(std**2).sqrt().item()


def _half_clean(images: Tensor, sigma: float, draws: torch.Generator) -> tuple[Tensor, float]:
    noise = sigma * torch.randn(images.shape, generator=draws)
    noise[: len(noise) // 2] = 0
    return images + noise, sigma * (1 - len(noise) // 2 / len(noise)) ** 0.5


_KINDS: dict[str, tuple[Kind, str]] = {
    "Laplace": (_laplace, "Gaussian"),
    "uniform": (_uniform, "Gaussian"),
    "blurred": (_blurred, "white"),
    "one noise in all channels": (_one_in_all_channels, "white"),
    "photons": (_photons, "constant"),
    "half of the images clean": (_half_clean, "equal"),
}
