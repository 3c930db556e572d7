"""`python -m ambient.data.images SOURCE`: check a data set of images, and write down a subset of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table
from tyro.conf import OmitArgPrefixes, Positional

from ambient.data.images import DataSetError, ImageOptions, IndexList, Report, load_images, subset, write_index_list


@dataclass(frozen=True)
class Check:
    """Check every file of a data set of images; exits with 1 if any cannot be used.

    Attributes:
        source: An archive, a folder, or a Hugging Face id.
        options: How to read it.
        subset: Choose this many images.
        seed: Which ones.
        balanced: Choose equally many of each class; needs --labels.
        write: Where the chosen indices are written, as JSON.
    """

    source: Positional[str]
    options: Annotated[ImageOptions, OmitArgPrefixes] = ImageOptions()
    subset: int | None = None
    seed: int = 0
    balanced: bool = False
    write: Path = Path("indices.json")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    check = tyro.cli(Check, prog="python -m ambient.data.images", args=arguments)
    try:
        data = load_images(check.source, check.options)
        _print_faults(data.report)
        shape = "x".join(map(str, data.pixels.shape))
        classes = f", {len(data.classes)} classes" if data.labels is not None else ""
        print(f"{check.source}: {data.report.layout}, {shape}{classes}, fingerprint {data.fingerprint[:16]}")
        if check.subset is not None:
            indices = subset(len(data), check.subset, check.seed, data.labels, check.balanced)
            write_index_list(check.write, IndexList(indices, check.seed, check.balanced), data)
            print(f"{len(indices)} indices written to {check.write}")
    except (ValueError, OSError) as error:
        if isinstance(error, DataSetError) and error.report is not None:
            _print_faults(error.report)
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _print_faults(report: Report) -> None:
    if not report.faults:
        return
    table = Table("fault", "file", "what was found")
    for fault in report.faults:
        table.add_row(fault.kind, fault.name, fault.detail)
    Console(stderr=True).print(table)


if __name__ == "__main__":
    sys.exit(main())
