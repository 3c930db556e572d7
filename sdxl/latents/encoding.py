"""Latents of a data set, shard by shard: encoded, noised, written; only what is missing."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor
from tqdm.auto import tqdm

from ambient.data.images import DataSetError
from ambient.data.images.validation import UnusableError
from ambient.data.noisy_copy import noisy_copy
from ambient.data.shards import count_rows, is_shard, save_shard
from ambient.process import Level
from ambient.runs.files import load_tensors, write_json
from ambient.runs.identity import claim_folder
from sdxl.components import Components
from sdxl.images import load_image
from sdxl.latents.cache import (
    captions_beside,
    encoders_of,
    key_of,
    nature_level,
    read_captions,
    shard_name,
    write_captions,
)
from sdxl.latents.options import LatentOptions
from sdxl.lengths import LongCaptions
from sdxl.loading import load
from sdxl.pairs import Pair, Unit, units


def write_latents(options: LatentOptions, accelerator: Accelerator) -> Path:
    """Write the cache, or what is missing of it, and return its folder.

    Raises:
        DataSetError: If the data cannot be used, naming the file.
        ConfigMismatchError: If the folder holds another cache, naming what differs.
        ValueError: If an option is out of range or does not fit the model.
    """
    options.check()
    run, precision = options.run, options.run.precision or "fp32"
    components = load(run.model)
    resolution = options.resolution or components.resolution
    components.latent_shape(resolution)
    nature = nature_level(components.process, options.nature)
    work = units(options.source, options.shard)
    content, parts = _content(work, options.shard, accelerator)
    facts = {
        "content": content,
        "resolution": resolution,
        "crop": "centre",
        **encoders_of(components),
        "precision": precision,
        "seed": hashlib.sha256(str(run.seed).encode()).hexdigest()[:16],
        "nature": {"t_n": options.nature, "alpha": float(nature.alpha), "sigma": float(nature.sigma)},
        "clean": options.keep_clean,
        "shards": sum(parts),
    }
    key = key_of(facts)
    folder = run.output or Path("runs") / f"latents-{key[:12]}"
    if accelerator.is_main_process:
        claim_folder(folder, {**facts, "key": key}, "cache.json")
    accelerator.wait_for_everyone()
    components.to(accelerator.device, others=precision)
    encoder = _Encoder(
        components, nature if options.nature else None, resolution, run.batch, run.seed, options.keep_clean,
        options.skip_bad, LongCaptions(components),
    )  # fmt: skip
    mine = range(accelerator.process_index, len(work), accelerator.num_processes)
    with tqdm(total=sum(parts[i] for i in mine), unit="shard", disable=not accelerator.is_main_process) as bar:
        for i in mine:
            paths = [folder / shard_name(sum(parts[:i]) + k) for k in range(parts[i])]
            missing = {path for path in paths if not _is_done(path, key)}
            for path, pairs in zip(paths, _cut(work[i], options.shard) if missing else [], strict=False):
                if path in missing:
                    _write_shard(path, pairs, encoder, key)
                bar.update()
    long = encoder.long
    counts = gather_object([(long.seen, long.count, long.first)])
    if accelerator.is_main_process:
        LongCaptions(components).merge(counts).say("captions")
        rows = [count_rows(folder / shard_name(i), key) for i in range(sum(parts))]
        write_json(folder / "index.json", {"key": key, "rows": rows})
    return folder


def _is_done(path: Path, key: str) -> bool:
    """Whether a shard and its captions are there; what is damaged is said to be made again."""
    whole = is_shard(path, key)
    if whole and read_captions(path, key) is not None:
        return True
    damaged = captions_beside(path) if whole else path
    if damaged.exists():
        warnings.warn(f"{damaged} is damaged; it is made again", stacklevel=2)
    return False


def _write_shard(path: Path, pairs: Sequence[Pair], encoder: _Encoder, key: str) -> None:
    """Write a shard with its captions, or its captions alone where they are all that is missing."""
    if is_shard(path, key):
        indices = set(load_tensors(path, "index")[0]["index"].tolist())
        captions = list(dict.fromkeys(pair.caption for pair in pairs if pair.index in indices))
    else:
        tensors, captions = encoder(pairs)
        save_shard(path, tensors, key)
    write_captions(path, key, captions)


@dataclass(frozen=True, eq=False)
class _Encoder:
    """Makes the tensors of a shard from its images and captions.

    Attributes:
        components: The model.
        nature: The level t_n of the data, None for clean data.
        resolution: Side of the images.
        batch: Images at a time.
        seed: Of the noise.
        keep_clean: Whether the clean latents are written too.
        skip_bad: Whether unusable images are left out.
        long: Counts the captions that are cut.
    """

    components: Components
    nature: Level | None
    resolution: int
    batch: int
    seed: int
    keep_clean: bool
    skip_bad: bool
    long: LongCaptions

    def __call__(self, pairs: Sequence[Pair]) -> tuple[dict[str, Tensor], list[str]]:
        """The tensors, see `ambient.data.shards`, and the captions whose states are shared, in their order.

        Raises:
            DataSetError: If an image cannot be used, or none can.
        """
        index: list[int] = []
        captions: list[str] = []
        latents, sizes = [], []
        for usable, images, size in self._batches(pairs):
            latents.append(self.components.encode_images(images).cpu())
            sizes.append(size)
            index += [pair.index for pair in usable]
            captions += [pair.caption for pair in usable]
        self.long.add(captions)
        if not latents:
            raise DataSetError(f"not one image from {pairs[0].name} to {pairs[-1].name} is usable; mend or remove them")
        z = torch.cat(latents)
        rows = torch.tensor(index)
        unique = {caption: i for i, caption in enumerate(dict.fromkeys(captions))}
        tensors = {
            "x": z if self.nature is None else noisy_copy(z, self.nature, self.seed, rows),
            "index": rows,
            "shared": torch.tensor([unique[caption] for caption in captions]),
            **{f"shared.{name}": value for name, value in self._states(list(unique)).items()},
        }
        if self.components.is_xl:
            tensors["condition.time_ids"] = torch.cat(sizes)
        if self.keep_clean:
            tensors["clean"] = z
        return tensors, list(unique)

    def _states(self, captions: list[str]) -> dict[str, Tensor]:
        """What the text encoders say of each caption, all but SDXL's sizes."""
        stretches = range(0, len(captions), self.batch)
        parts = [self.components.encode_prompts(captions[i : i + self.batch]) for i in stretches]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0] if name != "time_ids"}

    def _batches(self, pairs: Sequence[Pair]) -> Iterator[tuple[list[Pair], Tensor, Tensor]]:
        """The usable pairs, their images (B, 3, H, W) and SDXL's sizes (B, 6), a batch at a time."""
        usable = self._usable(pairs)
        while batch := list(islice(usable, self.batch)):
            some, images, sizes = zip(*batch, strict=True)
            yield list(some), torch.stack(images), torch.stack(sizes)

    def _usable(self, pairs: Sequence[Pair]) -> Iterator[tuple[Pair, Tensor, Tensor]]:
        for pair in pairs:
            try:
                image, size = load_image(pair, self.resolution)
            except UnusableError as error:
                fault = error.fault(pair.name)
                if self.skip_bad:
                    warnings.warn(f"left out ({fault.kind}): {fault}", stacklevel=2)
                    continue
                raise DataSetError(
                    f"{fault.kind}: {fault}; mend or remove it, or leave it out with --skip-bad"
                ) from error
            yield pair, image, size


def _cut(unit: Unit, size: int) -> Iterator[list[Pair]]:
    """The pairs of a unit in pieces of `size`, read once."""
    pairs = unit.pairs()
    while piece := list(islice(pairs, size)):
        yield piece


def _content(work: list[Unit], size: int, accelerator: Accelerator) -> tuple[str, list[int]]:
    """SHA-256 of every file, name and caption, and the number of shards of each unit; the processes share the work."""
    mine = range(accelerator.process_index, len(work), accelerator.num_processes)
    digests = sorted(gather_object([(i, *work[i].digest()) for i in mine]))
    digest = hashlib.sha256("".join(digest for _, digest, _ in digests).encode()).hexdigest()
    return digest, [-(-count // size) for _, _, count in digests]
