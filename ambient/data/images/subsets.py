"""Which images of a data set are used, as a function of a seed, and written down.

For one seed a smaller subset is part of every larger one, balanced or not: 300 of 1,000 of 3,000. A written list names
the data set it was chosen from, and is refused for any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ambient.data.images.loading import ImageSet
from ambient.data.images.options import FileOptions
from ambient.data.images.stores import read_file
from ambient.data.images.text import parse_json
from ambient.data.images.validation import DataSetError, UnusableError
from ambient.randomness import permutation
from ambient.runs.checksums import CHECKSUM
from ambient.runs.damage import DamagedFileError
from ambient.runs.results import checked_results, write_results

_REMEDY = f"choose anew, or remove its field {CHECKSUM} if you changed the list on purpose"


def subset(total: int, n: int, seed: int, labels: Tensor | None = None, balanced: bool = False) -> Tensor:
    """The indices of `n` of `total` images, (n,) int64, in random order.

    Args:
        total: Size of the data set.
        n: How many; with `balanced` a multiple of the number of classes, so that each gives the same (P2 takes 5 or 15
            of each of Tiny ImageNet's 200 classes).
        seed: Which ones.
        labels: Classes, (total,), needed if `balanced`.
        balanced: Take equally many of each class.

    Raises:
        ValueError: If there are not enough images, of a class or in all, or `n` does not divide into the classes.
    """
    if not 1 <= n <= total:
        raise ValueError(f"a subset of {total} images has between 1 and {total}, not {n}")
    order = permutation(total, "subset", seed)
    if not balanced:
        return order[:n]
    if labels is None or len(labels) != total:
        raise ValueError(f"a balanced subset needs the labels of all {total} images")
    classes, sizes = labels.unique(return_counts=True)
    share, left = divmod(n, len(classes))
    if left or share == 0:
        near = max(share, 1) * len(classes)
        raise ValueError(f"{n} images cannot be balanced over {len(classes)} classes; take a multiple, such as {near}")
    if (small := int(sizes.min())) < share:
        label = int(classes[sizes.argmin()])
        raise ValueError(f"{share} images of each class are needed, but class {label} has {small}")
    chosen = torch.zeros(total, dtype=torch.bool)
    for label in classes:
        chosen[order[labels[order] == label][:share]] = True
    return order[chosen[order]]


@dataclass(frozen=True, eq=False)
class IndexList:
    """A written choice of images.

    Attributes:
        indices: Indices in the data set, (n,) int64.
        seed: The seed they were chosen with.
        balanced: Whether equally many of each class were taken.
    """

    indices: Tensor
    seed: int
    balanced: bool = False


def write_index_list(path: Path, chosen: IndexList, data: ImageSet) -> None:
    """Write a choice of the images of `data` as JSON, with their names and what tells the data set from others."""
    indices = chosen.indices.tolist()
    record = {
        "data_set": data.report.source,
        "fingerprint": data.fingerprint,
        "images": len(data),
        "seed": chosen.seed,
        "balanced": chosen.balanced,
        "indices": indices,
        "names": [data.names[i] for i in indices],
    }
    write_results(path, record)


def read_index_list(path: Path, data: ImageSet) -> IndexList:
    """Read a written choice of the images of `data`.

    Raises:
        DataSetError: If the file is not such a list, or was written for another data set.
    """
    try:
        record = checked_results(path, parse_json(read_file(path, FileOptions().largest_file)), _REMEDY)
        fingerprint, source = record["fingerprint"], record["data_set"]
        chosen = IndexList(torch.tensor(record["indices"], dtype=torch.int64), record["seed"], record["balanced"])
    except DamagedFileError as error:
        raise DataSetError(str(error)) from error
    except (UnusableError, ValueError, TypeError, KeyError) as error:
        raise DataSetError(f"{path} is not a list of indices ({type(error).__name__}: {error})") from error
    if fingerprint != data.fingerprint:
        raise DataSetError(
            f"{path} was chosen from {record.get('images')} images of {source}, and {data.report.source} ({len(data)} "
            "images) holds others; read the same images, with the same split and limit, or choose anew"
        )
    indices = chosen.indices
    if indices.ndim != 1 or not len(indices) or indices.min() < 0 or indices.max() >= len(data):
        raise DataSetError(f"{path} has indices outside 0..{len(data) - 1}, or none")
    if len(indices.unique()) != len(indices):
        raise DataSetError(f"{path} names an image twice")
    return chosen
