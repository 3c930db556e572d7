"""How noisy the images of a command are: as it was told, estimated, or read from a column beside the images."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from ambient.commands.reading import Images
from ambient.data.images import DataSetError
from ambient.data.images.captions.tables import is_table, rows
from ambient.data.images.stores import open_store
from ambient.noise import PoissonGaussian, estimate, grey_levels, noise_in_words, parse_level, parse_poisson

ESTIMATE = "estimate"


def noise_of(images: Images, noise: str | None, column: str | None) -> Tensor | PoissonGaussian:
    """The noise of images: Poisson-Gaussian where it is told so, else the level of each, as `levels_of`."""
    poisson = None if noise is None else parse_poisson(noise)
    return levels_of(images, noise, column) if poisson is None else PoissonGaussian(*poisson)


def levels_of(images: Images, noise: str | None, column: str | None) -> Tensor:
    """The level of each image in [-1, 1] units, (N,) float64.

    Args:
        images: The images.
        noise: A level as `ambient.noise.parse_level` takes it, or "estimate".
        column: Field of the images' metadata.jsonl, .csv or .parquet with their levels, where `noise` is None.

    Raises:
        ValueError: If it is no level, cannot be estimated, or an image has none in the column, naming it.
    """
    if noise is None:
        return _column(images, str(column))
    if noise != ESTIMATE:
        return torch.full((len(images),), parse_level(noise), dtype=torch.float64)
    found = estimate(images.corners())
    print(f"estimate: {found.verdict}")
    if not found.level.known:
        raise ValueError(
            "--noise estimate: these images do not tell their noise level "
            f"(at most {found.level.upper:.3g}, 8bit:{grey_levels(found.level.upper):.3g}); give it by --noise"
        )
    if found.poisson is not None:
        law = noise_in_words(found.poisson.gain, found.poisson.std)
        print(f"taken at one level all the same; to have it taken as photons' noise: --noise {law}")
    if found.equal.holds is False:
        sigma = found.images.sigma.double()
        if unknown := int((~sigma.isfinite()).sum()):
            raise ValueError(f"--noise estimate: {unknown} image(s) have no two pixels that differ; leave them out")
        print(f"each image is taken at its own level, {float(sigma.min()):.3g} to {float(sigma.max()):.3g}")
        return sigma
    return torch.full((len(images),), found.level.sigma, dtype=torch.float64)


def _column(images: Images, column: str) -> Tensor:
    store = open_store(Path(images.source))
    try:
        tables = [name for name in store.names if is_table(name)]
        if not tables:
            raise DataSetError(
                f"--noise-column {column}: {images.source} has no metadata.jsonl, metadata.csv or metadata.parquet"
            )
        levels: dict[str, float] = {}
        for table in tables:
            for place, name, row in rows(store.read(table), table):
                if column not in row:
                    raise DataSetError(f"--noise-column {column}: {place} has no such field, but {', '.join(row)}")
                try:
                    levels[str(PurePosixPath(table).parent / name)] = parse_level(str(row[column]))
                except ValueError as error:
                    raise DataSetError(f"{place}: {error}") from error
    finally:
        store.close()
    missing = [name for name in images.names if name not in levels]
    if missing:
        raise DataSetError(
            f"--noise-column {column}: {len(missing)} of {len(images)} images are in no row of {', '.join(tables)}, "
            f"such as {missing[0]}"
        )
    return torch.tensor([levels[name] for name in images.names], dtype=torch.float64)
