"""`python -m ambient.data.images SOURCE`: check a data set of images, show what was read, and write down a subset."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from ambient.data.images.options import CaptionOptions, ImageOptions
from ambient.data.images.validation import DataSetError, Fault, Report, told, visible
from ambient.runs.console import run

if TYPE_CHECKING:
    from ambient.data.images.loading import ImageSet

_SHOWN = 50


@dataclass(frozen=True)
class Check:
    """Check every file of a data set of images; exits with 1 if any cannot be used.

    Attributes:
        source: An archive, a folder, or a Hugging Face id.
        options: How to read it.
        with_captions: Check the captions too, and that every image has one; SOURCE may then be WebDataset shards.
        caption_options: Where captions come from.
        subset: Choose this many images.
        seed: Which ones.
        balanced: Choose equally many of each class; needs --classes.
        output: Where the chosen indices are written, as JSON.
    """

    source: Positional[str]
    options: ImageOptions = ImageOptions()
    with_captions: bool = False
    caption_options: CaptionOptions = field(default_factory=CaptionOptions)
    subset: int | None = None
    seed: int = 0
    balanced: bool = False
    output: Path = Path("indices.json")

    def check(self) -> None:
        """Raises ValueError for options that do not fit together."""
        if self.caption_options != CaptionOptions() and not self.with_captions:
            raise ValueError("options of captions are used with --with-captions only")
        if self.with_captions and self.subset is not None:
            raise ValueError("--subset chooses images without captions; leave out --with-captions")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    return run(Check, _check, arguments, prog="python -m ambient.data.images")


def _check(check: Check) -> int:
    for stream in (sys.stdout, sys.stderr):  # names may hold what a terminal of another locale cannot show
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if check.with_captions:
        return _check_captions(check)
    from ambient.data.images.loading import load_images

    try:
        data = load_images(check.source, check.options)
    except DataSetError as error:
        if error.report is not None:
            _show(error.report)
        raise
    texts = tuple(item for item in data.report.left_out if item.kind == "text beside the images")
    _show(replace(data.report, left_out=texts))  # of the rest `load_images` has said it
    shape = "x".join(map(str, data.pixels.shape))
    classes = f", {len(data.classes)} classes" if data.labels is not None else ""
    print(f"{_source(check)}: {data.report.layout}, {shape}{classes}, fingerprint {data.fingerprint[:16]}")
    if check.subset is not None:
        _write_subset(check, data)
    return 0


def _write_subset(check: Check, data: ImageSet) -> None:
    from ambient.data.images.subsets import IndexList, subset, write_index_list

    assert check.subset is not None
    indices = subset(len(data), check.subset, check.seed, data.labels, check.balanced)
    write_index_list(check.output, IndexList(indices, check.seed, check.balanced), data)
    print(f"{len(indices)} indices written to {check.output}")


def _check_captions(check: Check) -> int:
    """Decode every image of a set with captions; shows the first of them, and every fault."""
    from ambient.data.images.captioned import units
    from ambient.data.images.validation import UnusableError

    faults: list[Fault] = []
    count = captions = 0
    for unit in units(check.source, 1024, check.caption_options, check.options):
        for pair in unit.pairs():
            try:
                height, width = pair.pixels().shape[:2]
            except UnusableError as error:
                faults.append(error.fault(pair.name))
                continue
            count, captions = count + 1, captions + bool(pair.caption)
            if count <= 3:
                print(f"{pair.name}: {width}x{height}, {visible(pair.caption) or 'the null caption'}")
    report = Report(check.source, "images with captions", count, tuple(faults))
    _show(report)
    print(f"{_source(check)}: {count} images, {captions} of them with a caption")
    if faults and not check.options.skip_bad:
        raise DataSetError.of_report(report)
    if not count:
        raise DataSetError(f"{check.source} has no images that can be used")
    return 0


def _source(check: Check) -> str:
    return visible(check.source)


def _show(report: Report) -> None:
    """What was left out, of which nothing has been said yet, and a table of faults, on stderr."""
    from rich.console import Console
    from rich.text import Text

    if report.left_out:
        Console(stderr=True).print(Text(f"left out: {told(report.left_out)}"), soft_wrap=True)
    _show_faults(report)


def _show_faults(report: Report) -> None:
    """A table of faults, on stderr."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=True)
    if not report.faults:
        return
    table = Table("fault", "file", "what was found")
    for fault in report.faults[:_SHOWN]:
        table.add_row(fault.kind, Text(fault.name), Text(fault.detail))
    console.print(table)
    if len(report.faults) > _SHOWN:
        console.print(f"and {len(report.faults) - _SHOWN} more faults")


if __name__ == "__main__":
    sys.exit(main())
