"""`estimate SOURCE`: how strong the noise of given images is, what kind it is, and what cannot be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import Positional

from ambient.data.images.options import SetOptions

if TYPE_CHECKING:
    from ambient.noise import Check, NoiseEstimate, Source
    from ambient.runs.tables import Entries


@dataclass(frozen=True)
class Estimate(SetOptions):
    """Estimate the noise level of images, each and all, for images in [-1, 1].

    Attributes:
        source: Images: a folder, an archive, a Hugging Face data set; or numbers: a .npy, .npz or TIFF file, 16-bit
            PNG, or a folder of one of these.
        range: Values of black and white in files of numbers; needed unless they are uint8.
        array: Name of the array in a .npz file that holds several.
        resolution: Cut out and reduce the images to this side first, which averages noise; by default they are kept.
        channels: Whether colours are kept, dropped, or grey images repeated.
        split: Which part of a data set that has several.
        limit: Look at this many images from the beginning only.
        skip_bad: Leave out files that cannot be used.
        output: JSON file for everything that was found, with the level of each image.
    """

    source: Positional[str]
    range: Annotated[tuple[float, float] | None, tyro.conf.arg(metavar="LOW HIGH")] = None
    array: str | None = None
    resolution: int | None = None
    channels: Literal["keep", "grey", "rgb"] = "keep"
    split: Literal["train", "test", "val"] | None = None
    limit: int | None = None
    skip_bad: bool = False
    output: Path | None = None

    def check(self) -> None:
        """Refuse values that cannot work. Raises ValueError naming the option."""
        for name in ("resolution", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"--{name} must be at least 1, got {value}")
        if self.range is not None and not self.range[0] < self.range[1]:
            low, high = self.range
            raise ValueError(f"--range {low:g} {high:g}: give the values of black and white, the smaller one first")
        if self.output is not None and self.output.is_dir():
            raise ValueError(f"--output {self.output} is a folder; name a JSON file")


def run(options: Estimate) -> None:
    """Read the images, estimate, print the table and the verdict, and write the JSON file."""
    from rich.console import Console
    from rich.text import Text

    from ambient.data.images import ImageOptions
    from ambient.noise import estimate, read_source
    from ambient.runs.results import write_results
    from ambient.runs.tables import rich_table

    reading = ImageOptions(
        split=options.split,
        resolution=options.resolution,
        channels=options.channels,
        limit=options.limit,
        skip_bad=options.skip_bad,
        **options.bounds(),
    )
    source = read_source(options.source, reading, options.range, array=options.array)
    found = estimate(source.images)
    console = Console(soft_wrap=True)
    console.print(rich_table("Noise, for images in [-1, 1]", _entries(source, found)))
    console.print(Text(found.verdict, style="bold"))
    if options.output is not None:
        record = {"source": options.source, "read as": source.read_as, "names": list(source.names), **found.as_json()}
        write_results(options.output, record)
        console.print(Text(f"Written to {options.output}"))


def _entries(source: Source, found: NoiseEstimate) -> Entries:
    from ambient.noise import grey_levels, noise_in_words

    level, count = found.level, len(source.images)
    shape = "x".join(str(side) for side in reversed(source.images.shape[2:]))
    size = f"{count} of {shape} ({found.channels}), {found.looked_at} of them for the set's level"
    rows = [["", "found"], ["read as", source.read_as], ["images", size]]
    if level.known:
        rows.append(["level", f"{level.sigma:.4f}, 8bit:{grey_levels(level.sigma):.1f}"])
        rows.append(["interval", f"{level.lower:.4f} to {level.upper:.4f} (99 %)"])
    else:
        rows.append(["level", f"cannot be told; at most {level.upper:.4f}, 8bit:{grey_levels(level.upper):.1f}"])
    rows.append(["images' own levels", _spread(found)])
    rows.append(["other estimators", _others(found)])
    checks = {"white": found.white, "Gaussian": found.gaussian, "at all brightnesses": found.constant}
    checks["in all images"] = found.equal
    rows += [[name, _answer(check)] for name, check in checks.items()]
    if found.poisson is not None:
        law = noise_in_words(found.poisson.gain, found.poisson.std)
        rows.append(["as photons' noise", f"{law}, for train --noise"])
    if found.clipping.clipped:
        low, high = found.clipping.low_share, found.clipping.high_share
        bias = f"read as it is, sigma would come out {-found.clipping_bias:.1%} smaller"
        rows.append(["clipping", f"{low:.1%} of pixels at the lowest value, {high:.1%} at the highest; {bias}"])
    if found.constant_patches > 0:
        rows.append(["left out", f"{found.constant_patches:.1%} of patches, whose pixels are all equal"])
    return rows


def _spread(found: NoiseEstimate) -> str:
    sigma = found.images.sigma[found.images.sigma.isfinite()]
    if len(sigma) == 0:
        return "none can be told"
    if not found.level.known and found.equal.holds is not False:
        upper = found.images.upper[found.images.upper.isfinite()]
        return f"cannot be told; half of the images have at most {upper.median().item():.4f}"
    low, middle, high = (sigma.quantile(share).item() for share in (0.05, 0.5, 0.95))
    width = (found.images.upper - found.images.lower).nanmedian().item()
    return f"median {middle:.4f}, nine of ten from {low:.4f} to {high:.4f}; an image's interval is {width:.4f} wide"


def _others(found: NoiseEstimate) -> str:
    named = [f"{name} {sigma:.4f}" for name, sigma in found.others.items()]
    return ", ".join(named) or "the images are too small for them"


def _answer(check: Check) -> str:
    if check.holds is None:
        return check.words
    return f"{'yes' if check.holds else 'no'}: {check.words}"
