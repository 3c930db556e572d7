"""The work of `benchmarks.noise_levels`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from ambient.data.images import ImageOptions, load_images, to_uint8, to_unit
from ambient.noise.estimate import NoiseEstimate, estimate
from ambient.runs.console import say
from ambient.runs.files import write_json
from ambient.runs.tables import markdown, rich_table
from benchmarks.noise_levels.options import NoiseLevels


@dataclass(frozen=True)
class Result:
    """One estimate beside the truth.

    Attributes:
        data: Set and form of its files.
        truth: sigma of the noise that was added.
        seed: Which noise.
        sigma: The estimate.
        lower: Lower end of its interval.
        upper: Upper end.
        known: Whether the level was called known.
        covered: Share of the images whose own interval holds the truth.
        right: Whether all that is said is true: the interval or bound holds the truth, and nothing is said against
            noise that is in fact white, Gaussian, and equal at all brightnesses and in all images.
        wavelet: Median of the wavelet estimates.
        eigenvalue: Median of the patch eigenvalue estimates.
        clipping_bias: Relative error of sigma that clipping would make.
        white: Whether the noise was called white; None for not told.
        gaussian: Whether it was called Gaussian.
        constant: Whether it was called the same at all brightnesses.
        equal: Whether it was called the same in all images.
    """

    data: str
    truth: float
    seed: int
    sigma: float
    lower: float
    upper: float
    known: bool
    covered: float
    right: bool
    wavelet: float | None
    eigenvalue: float | None
    clipping_bias: float
    white: bool | None
    gaussian: bool | None
    constant: bool | None
    equal: bool | None

    @classmethod
    def of(cls, data: str, truth: float, seed: int, found: NoiseEstimate) -> Result:
        """From an estimate."""
        level, own = found.level, found.images
        covered = ((own.lower <= truth) & (truth <= own.upper)).double().mean().item()
        answers = (found.white.holds, found.gaussian.holds, found.constant.holds, found.equal.holds)
        right = level.contains(truth) and False not in answers
        return cls(
            data, truth, seed, level.sigma, level.lower, level.upper, level.known, covered, right,
            found.others.get("wavelet"), found.others.get("patch eigenvalue"), found.clipping_bias,
            *answers,
        )  # fmt: skip


def work(options: NoiseLevels) -> None:
    """Estimate all, print the table, and write it."""
    results = []
    for name, images in _sets(options):
        cases = [
            (sigma, stored, seed) for sigma in options.levels for stored in (False, True) for seed in options.seeds
        ]
        for sigma, stored, seed in track(cases, description=name):
            draws = torch.Generator().manual_seed(1000 + seed)
            noisy = images + sigma * torch.randn(images.shape, generator=draws)
            noisy = to_unit(to_uint8(noisy)) if stored else noisy
            form = "8-bit" if stored else "float"
            results.append(Result.of(f"{name}, {form}", sigma, seed, estimate(noisy)))
    entries = _entries(results)
    Console().print(rich_table("Estimated noise levels", entries))
    options.output.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = [asdict(result) for result in results]
    write_json(options.output / "noise_levels.json", rows)
    path = options.output / "noise_levels.md"
    path.write_text(markdown("", _by_set(results)), encoding="utf-8")
    print(f"{sum(result.right for result in results)} of {len(results)} statements are true; written to {path}")


def _sets(options: NoiseLevels) -> Iterator[tuple[str, Tensor]]:
    """Name and images (N, C, H, W) of each set."""
    reduced = (8, 16) if options.small else ()
    if options.xrays is not None:
        for side in (*reduced, 32, 64):
            choice = ImageOptions(resolution=side, channels="grey", limit=options.images)
            yield f"X-rays {side}x{side}", load_images(options.xrays, choice).images
    if options.cifar is not None:
        for side in reduced:
            choice = ImageOptions(resolution=side, channels="grey", limit=options.images)
            yield f"CIFAR-10 grey {side}x{side}", load_images(options.cifar, choice).images
        yield "CIFAR-10", load_images(options.cifar, ImageOptions(limit=options.images)).images
    if options.tiny is not None:
        choice = ImageOptions(channels="rgb", limit=options.images)
        yield "Tiny ImageNet", load_images(options.tiny, choice).images
    if options.faces is not None:
        yield "faces", load_images(options.faces, ImageOptions(channels="rgb", limit=options.images)).images
    left_out = [name for name in ("xrays", "cifar", "tiny", "faces") if getattr(options, name) is None]
    if left_out:
        say("[yellow]left out:[/yellow]", ", ".join(f"--{name}" for name in left_out) + " not given")
    yield "digits 8x8", _digits()


def _digits() -> Tensor:
    from sklearn.datasets import load_digits

    pixels = torch.from_numpy(load_digits().images).float()[:, None]
    return pixels / 8 - 1


def _entries(results: list[Result]) -> list[list[str]]:
    head = [
        "set",
        "truth",
        "wavelet",
        "eigenvalue",
        "estimate",
        "interval",
        "statement",
        "true?",
        "images covered",
        "clipping",
    ]
    return [head, *(_row(result) for result in results)]


def _by_set(results: list[Result]) -> list[list[str]]:
    """A row for each set and a column for each level: the interval, or the bound; what is not true is marked."""
    levels = sorted({result.truth for result in results})
    table = [["set", *(f"{level:g}" for level in levels)]]
    for data in dict.fromkeys(result.data for result in results):
        cells = []
        for level in levels:
            chosen = [result for result in results if (result.data, result.truth) == (data, level)]
            cells.append("; ".join(_cell(result) for result in chosen))
        table.append([data, *cells])
    return table


def _cell(result: Result) -> str:
    said = f"{result.sigma:.3f} ({result.lower:.3f}–{result.upper:.3f})" if result.known else f"≤ {result.upper:.3f}"
    return said if result.right else f"{said} WRONG"


def _row(result: Result) -> list[str]:
    others = ["–" if value is None else f"{value:.3f}" for value in (result.wavelet, result.eigenvalue)]
    if result.known:
        said = [f"{result.sigma:.4f}", f"{result.lower:.4f}–{result.upper:.4f}", "level"]
    else:
        said = ["–", f"0–{result.upper:.4f}", f"cannot tell; at most {result.upper:.3f}"]
    failed = [name for name in ("white", "gaussian", "constant", "equal") if getattr(result, name) is False]
    said[-1] += "".join(f"; not {name}" for name in failed)
    true = "yes" if result.right else "NO"
    return [
        result.data,
        f"{result.truth:g}",
        *others,
        *said,
        true,
        f"{result.covered:.0%}",
        f"{result.clipping_bias:+.1%}",
    ]
