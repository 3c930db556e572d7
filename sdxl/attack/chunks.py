"""What the three attacks have in common: images in, restorations out, features of both, chunk by chunk.

A chunk is a few images under all restorations of one checkpoint. Its features go to disk when all its pictures are
there, whole or not at all, so a run that is killed goes on where it was; `accelerate launch` shares the chunks among
processes. Each set of images is compared with its own originals: the largest similarity to any of them is P1's measure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm.auto import tqdm

from ambient.attacks import Similarities, compare
from ambient.data.images import DataSetError
from ambient.metrics.features import FeatureMap
from ambient.runs.checksums import metadata_of
from ambient.runs.files import is_to_be_made, load_tensors, save_tensors
from sdxl.attack.methods import Attack, Restorations
from sdxl.checkpoints import lora_applied
from sdxl.components import Components
from sdxl.images import load_images
from sdxl.pairs import Pair
from sdxl.pictures import save_png


@dataclass(frozen=True, eq=False)
class MeasuredRestoration:
    """One restoration of one set of images by one checkpoint.

    Attributes:
        images: Name of the set: "data" or "held out".
        checkpoint: Name of the model.
        restoration: Name of the restoration.
        index: Of the images in their data set, (N,).
        similarities: Of the restorations, (N,) each.
    """

    images: str
    checkpoint: str
    restoration: str
    index: Tensor
    similarities: Similarities

    @property
    def name(self) -> str:
        """For tables and legends."""
        name = f"{self.checkpoint}, {self.restoration}"
        return name if self.images == "data" else f"{name}, {self.images}"


def restore_all(
    attack: Attack,
    sets: Mapping[str, Sequence[Pair]],
    checkpoints: Mapping[str, str | None],
    components: Components,
    features: FeatureMap,
    folder: Path,
    accelerator: Accelerator,
    *,
    resolution: int,
    batch: int,
) -> None:
    """Attack every image of every set with every checkpoint, or do what is missing of it.

    Writes `chunks/<checkpoint>/<set>/<first row>.safetensors` and `images/<set>/...png` in `folder`.
    """
    every = [(name, start) for name, pairs in sets.items() for start in range(0, len(pairs), batch)]
    mine = every[accelerator.process_index :: accelerator.num_processes]
    for checkpoint, source in checkpoints.items():
        todo = [
            (name, start) for name, start in mine if is_to_be_made(_chunk(folder, checkpoint, name, start), "index")
        ]
        if not todo:
            continue
        with (
            lora_applied(components, source),
            tqdm(todo, desc=checkpoint, unit="chunk", disable=not accelerator.is_main_process) as bar,
        ):
            for name, start in bar:
                pairs = list(sets[name][start : start + batch])
                images, sizes = load_images(pairs, resolution)
                done = attack(pairs, images, sizes)
                rows = range(len(pairs)) if done.kept is None else done.kept
                kept, images = [pairs[i] for i in rows], images[list(rows)]
                _write_pictures(folder, name, checkpoint, kept, images, done)
                parts = {"original": images, **done.restored}
                vectors = {key: features(done.view(part)) for key, part in parts.items()} if kept else {}
                index = torch.tensor([pair.index for pair in kept], dtype=torch.int64)
                facts = {"order": json.dumps(list(done.restored))}
                save_tensors(_chunk(folder, checkpoint, name, start), {"index": index, **vectors}, facts)
    accelerator.wait_for_everyone()


def collect(
    sets: Mapping[str, Sequence[Pair]], checkpoints: Mapping[str, str | None], folder: Path, features: str, batch: int
) -> list[MeasuredRestoration]:
    """The similarities of everything that `restore_all` wrote.

    Raises:
        DataSetError: If fewer than two images of a set could be attacked.
    """
    measured = []
    for name, pairs in sets.items():
        for checkpoint in checkpoints:
            paths = [_chunk(folder, checkpoint, name, start) for start in range(0, len(pairs), batch)]
            chunks = [load_tensors(path, "index")[0] for path in paths]
            parts = [part for part in chunks if len(part["index"])]
            if sum(len(part["index"]) for part in parts) < 2:
                raise DataSetError(f"fewer than 2 images of the {name} could be attacked; nothing can be compared")
            whole = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
            index, original = whole["index"], whole["original"]
            for key in max(map(_order, paths), key=len):
                similarities = compare(whole[key], original, original, features)
                measured.append(MeasuredRestoration(name, checkpoint, key, index, similarities))
    return measured


def picture(folder: Path, images: str, kind: str, index: int) -> Path:
    """The file of an image: kind is "originals", "shown/NAME" or "CHECKPOINT/RESTORATION"."""
    return folder / "images" / images.replace(" ", "-") / _slug(kind) / f"{index:08d}.png"


def _write_pictures(
    folder: Path, name: str, checkpoint: str, pairs: Sequence[Pair], images: Tensor, done: Restorations
) -> None:
    """Write what a checkpoint made of some images, and what all checkpoints share where it is not there yet."""
    shared = {"originals": images, **{f"shown/{key}": value for key, value in done.shown.items()}}
    own = {f"{checkpoint}/{key}": value for key, value in done.restored.items()}
    for kind, values in {**shared, **own}.items():
        for pair, image in zip(pairs, values, strict=True):
            path = picture(folder, name, kind, pair.index)
            if kind in own or not path.exists():
                save_png(path, image)


def _chunk(folder: Path, checkpoint: str, images: str, start: int) -> Path:
    return folder / "chunks" / checkpoint / images.replace(" ", "-") / f"{start:08d}.safetensors"


def _order(path: Path) -> list[str]:
    """The restorations in a chunk, in the order of the attack; none if no image of it could be attacked."""
    return list(json.loads(metadata_of(path)["order"]))


def _slug(kind: str) -> str:
    return kind.replace(" ", "-").replace(",", "")
