"""The images of SDXL's experiments: the user's, or handwritten digits as pictures where none are needed or given."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from ambient.runs.files import write_atomically, write_records
from ambient.runs.identity import claim_folder
from paper_repro.products import Data
from paper_repro.workshop import Workshop
from sdxl.pairs import Source, units

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SIDE = 64


def source(shop: Workshop, data: Data) -> tuple[Source, str]:
    """Where the images of a data set are, and what they are called in tables.

    At the scales smoke and cpu the X-rays, if given, or digits stand for all of them.
    """
    options = shop.options
    if not options.substitute:
        caption = "" if data == "ffhq" else None
        return Source(str(getattr(options, data)), caption=caption, without_caption="skip"), _TITLES[data]
    if options.scale == "cpu" and options.xrays:
        return Source(str(_few_pairs(shop, options.xrays)), without_caption="skip"), "chest X-rays at 64x64"
    return Source(str(_digits(shop))), "handwritten digits as 64x64 pictures"


_TITLES = {"ffhq": "FFHQ", "laion": "LAION", "xrays": "chest X-rays"}


def prompts_of_figure_7(folder: Path) -> Path:
    """A file of the four prompts of P1's Figure 7."""
    path = folder / "figure7.txt"
    write_atomically(path, lambda file: file.write_text("\n".join(FIGURE_7) + "\n"))
    return path


FIGURE_7 = (
    "A propaganda poster depicting a cat dressed as french emperor napoleon.",
    "A high-quality image of a dog.",
    "Panda mad scientist mixing sparkling chemicals, artstation.",
    "A robot painted as graffiti on a brick wall.",
)


def captions(path: Path) -> list[str]:
    """The captions of a metadata.jsonl."""
    return [str(json.loads(line)["text"]) for line in path.read_text().splitlines()]


def _digits(shop: Workshop) -> Path:
    """A folder of digits as 64x64 pictures, with captions."""
    count = shop.sizes.images or 100
    folder = shop.folder("digits", {"images": count, "side": _SIDE})
    if not (folder / "metadata.jsonl").exists():
        claim_folder(folder, {"images": count, "side": _SIDE}, "digits.json")
        bunch = load_digits()
        records = []
        for i in range(count):
            pixels = Image.fromarray((255 - 255 / 16 * bunch.images[i]).astype(np.uint8)).resize((_SIDE, _SIDE))
            write_atomically(folder / f"{i:04d}.png", partial(pixels.convert("RGB").save, format="PNG"))
            text = f"a photo of the digit {_WORDS[bunch.target[i]]}"
            records.append({"file_name": f"{i:04d}.png", "text": text})
        write_records(folder / "metadata.jsonl", records)
    return folder


def _few_pairs(shop: Workshop, data: str) -> Path:
    """A folder of the first images of a data set that have a caption: as many as the scale takes."""
    count = shop.sizes.images or 100
    folder = shop.folder("pairs", {"data": str(Path(data).resolve()), "images": count})
    if not (folder / "metadata.jsonl").exists():
        pairs = [p for unit in units(Source(data, without_caption="skip"), 256) for p in unit.pairs()][:count]
        records = []
        for i, pair in enumerate(pairs):
            name = f"{i:04d}{Path(pair.name).suffix or '.png'}"
            write_atomically(folder / name, partial(_write, pair.content()))
            records.append({"file_name": name, "text": pair.caption})
        write_records(folder / "metadata.jsonl", records)
    return folder


def _write(content: bytes, file: Path) -> None:
    file.write_bytes(content)
