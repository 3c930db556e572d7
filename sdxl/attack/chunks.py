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
from ambient.runs.files import is_to_be_made, load_tensors, save_tensors
from ambient.runs.identity import ConfigMismatchError
from sdxl.attack.methods import Attack, Restorations
from sdxl.checkpoints import digests, lora_applied
from sdxl.components import Components
from sdxl.images import load_images, pair_digest
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

    Writes `chunks/<checkpoint>/<set>/<first index>-<count>.safetensors` and `images/<set>/...png` in `folder`. A chunk
    says what it is called, and which images and which checkpoint it is of, so more of both may be asked for later.

    Raises:
        ConfigMismatchError: If a chunk is of another checkpoint, or an image has changed since it was attacked.
    """
    batches = [(name, list(pairs[i : i + batch])) for name, pairs in sets.items() for i in range(0, len(pairs), batch)]
    mine = batches[accelerator.process_index :: accelerator.num_processes]
    identities = digests(dict(checkpoints))
    for checkpoint, source in checkpoints.items():
        done = {name: _attempted(_chunks(folder, checkpoint, name), identities[checkpoint]) for name in sets}
        accelerator.wait_for_everyone()
        todo = [(name, left) for name, pairs in mine if (left := _left(pairs, done[name], folder))]
        if not todo:
            continue
        with (
            lora_applied(components, source),
            tqdm(todo, desc=checkpoint, unit="chunk", disable=not accelerator.is_main_process) as bar,
        ):
            for name, pairs in bar:
                images, sizes = load_images(pairs, resolution)
                done_now = attack(pairs, images, sizes)
                rows = range(len(pairs)) if done_now.kept is None else done_now.kept
                kept, images = [pairs[i] for i in rows], images[list(rows)]
                _write_pictures(folder, name, checkpoint, kept, images, done_now)
                parts = {"original": images, **done_now.restored}
                vectors = {key: features(done_now.view(part)) for key, part in parts.items()} if kept else {}
                index = torch.tensor([pair.index for pair in kept], dtype=torch.int64)
                facts = {
                    "order": json.dumps(list(done_now.restored)),
                    "checkpoint": identities[checkpoint],
                    "attempted": json.dumps({pair.index: pair_digest(pair) for pair in pairs}),
                }
                path = _chunk_folder(folder, checkpoint, name) / f"{pairs[0].index:08d}-{len(pairs)}.safetensors"
                save_tensors(path, {"index": index, **vectors}, {**facts, **_name(path)})
    accelerator.wait_for_everyone()


def collect(
    sets: Mapping[str, Sequence[Pair]], checkpoints: Mapping[str, str | None], folder: Path, features: str
) -> list[MeasuredRestoration]:
    """The similarities of everything that `restore_all` wrote of these images.

    Raises:
        DataSetError: If fewer than two images of a set could be attacked.
    """
    measured = []
    for name, pairs in sets.items():
        wanted = torch.tensor([pair.index for pair in pairs])
        for checkpoint in checkpoints:
            chunks = [chunk for chunk in _chunks(folder, checkpoint, name) if len(chunk.tensors["index"])]
            index = torch.cat([torch.zeros(0).long(), *(chunk.tensors["index"] for chunk in chunks)])
            rows = index.argsort()
            rows = rows[torch.isin(index[rows], wanted)]
            if len(rows) < 2:
                raise DataSetError(f"fewer than 2 images of the {name} could be attacked; nothing can be compared")
            whole = {key: torch.cat([chunk.tensors[key] for chunk in chunks])[rows] for key in chunks[0].tensors}
            for key in json.loads(chunks[0].facts["order"]):
                similarities = compare(whole[key], whole["original"], whole["original"], features)
                measured.append(MeasuredRestoration(name, checkpoint, key, whole["index"], similarities))
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


@dataclass(frozen=True, eq=False)
class _Chunk:
    """What a chunk holds: features and indices, and in its metadata the images and the checkpoint it is of."""

    path: Path
    tensors: dict[str, Tensor]
    facts: dict[str, str]


def _chunk_folder(folder: Path, checkpoint: str, images: str) -> Path:
    return folder / "chunks" / checkpoint / images.replace(" ", "-")


def _name(path: Path) -> dict[str, str]:
    """What tells a chunk from all others of an attack: so none can stand in the place of another, or twice."""
    return {"name": "/".join(path.parts[-3:])}


def _chunks(folder: Path, checkpoint: str, images: str) -> list[_Chunk]:
    """The chunks that are there; damaged ones are removed, and said to be made again."""
    chunks = []
    for path in sorted(_chunk_folder(folder, checkpoint, images).glob("*.safetensors")):
        if is_to_be_made(path, "index", metadata=_name(path)):
            path.unlink(missing_ok=True)
            continue
        chunks.append(_Chunk(path, *load_tensors(path)))
    return chunks


def _attempted(chunks: Sequence[_Chunk], checkpoint: str) -> dict[int, str]:
    """The images that were attacked by a checkpoint, with their digests."""
    images: dict[int, str] = {}
    for chunk in chunks:
        if chunk.facts["checkpoint"] != checkpoint:
            raise ConfigMismatchError(f"{chunk.path} is of another checkpoint of that name; choose another folder")
        images |= {int(index): digest for index, digest in json.loads(chunk.facts["attempted"]).items()}
    return images


def _left(pairs: Sequence[Pair], attempted: Mapping[int, str], folder: Path) -> list[Pair]:
    """The pairs that are still to be attacked."""
    for pair in pairs:
        if pair.index in attempted and attempted[pair.index] != pair_digest(pair):
            raise ConfigMismatchError(
                f"{folder} holds an attack on other images: {pair.name} is not what it was there; choose another folder"
            )
    return [pair for pair in pairs if pair.index not in attempted]


def _slug(kind: str) -> str:
    return kind.replace(" ", "-").replace(",", "")
