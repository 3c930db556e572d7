r"""Encode images and captions once: `python -m sdxl.latents DATA`.

    z_i = scaled VAE latent of image i,    x_n,i = alpha_n z_i + sigma_n Z_i,    Z_i ~ N(0, I) by (seed, i).

Only x_n goes to disk. For t_n > 0 no image, no clean latent and no number computed from one is written, unless
`--keep-clean` asks for both versions, which Algorithm 1 of P2 needs. Whoever knows the seed can take the noise off
again: it is not in the cache either (its hash is, so that another seed makes another cache), and where the images must
stay private it should be a long random number.

The key of a cache covers the bytes and names of all files, the captions, resolution and crop, the weights of VAE and
text encoders, tokenizers, precision, seed and t_n. Shards are written whole or not at all, so a run that is killed goes
on where it was. Under `accelerate launch` each process encodes its share of the shards.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor
from tqdm.auto import tqdm

from ambient.data.images import DataSetError, to_unit
from ambient.data.images.pixels import fit
from ambient.data.images.validation import UnusableError
from ambient.data.noisy_copy import noisy_copy
from ambient.data.shards import ShardedSamples, count_rows, is_shard, save_shard
from ambient.process import Discrete, Level
from ambient.runs.console import run
from ambient.runs.files import fingerprint, load_tensors, write_json
from ambient.runs.identity import claim_folder
from sdxl.components import Components, ModelOptions, Precision, load
from sdxl.pairs import Pair, Source, Unit, units


@dataclass(frozen=True)
class Options:
    """Encode images and captions once; at a nature level above 0 only noisy latents are written.

    Interrupted? Run the same command again: it goes on where it was.
    """

    source: Source
    model: ModelOptions = field(default_factory=ModelOptions)
    nature: int = 800
    """t_n, the 0-based step of the model's schedule at which the data are given; 0: clean."""
    seed: int = 0
    """Decides the noise. Keep it secret where the images are: who knows it can remove the noise."""
    keep_clean: bool = False
    """Write the clean latents too, for Algorithm 1 (`--method hybrid`)."""
    resolution: int | None = None
    """Side of the images, cut from the centre and reduced; by default that of the model."""
    precision: Precision = "fp32"
    """Of VAE and text encoders; the latents themselves are written in fp32."""
    batch: int = 8
    """Images encoded at a time."""
    shard: int = 256
    """Images a shard of the cache."""
    skip_bad: bool = False
    """Leave out files that are no usable images, instead of stopping at the first."""
    cpu: bool = False
    """Use the CPU although there is a GPU."""
    output: Path | None = None
    """Folder of the cache; runs/latents-<key> if not given."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        for name in ("batch", "shard"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)}: at least 1")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: a seed is 0 or more")
        if self.keep_clean and self.nature == 0:
            raise ValueError("--keep-clean with --nature 0: the latents are clean already")


def write_latents(options: Options, accelerator: Accelerator) -> Path:
    """Write the cache, or what is missing of it, and return its folder.

    Raises:
        DataSetError: If the data cannot be used, naming the file.
        ConfigMismatchError: If `options.output` holds another cache, naming what differs.
        ValueError: If an option is out of range or does not fit the model.
    """
    options.check()
    components = load(options.model)
    resolution = options.resolution or components.resolution
    components.latent_shape(resolution)
    nature = nature_level(components.process, options.nature)
    work = units(options.source, options.shard)
    content, parts = _content(work, options.shard, accelerator)
    facts = {
        "content": content,
        "resolution": resolution,
        "crop": "centre",
        **_encoders(components),
        "precision": options.precision,
        "seed": hashlib.sha256(str(options.seed).encode()).hexdigest()[:16],
        "nature": {"t_n": options.nature, "alpha": float(nature.alpha), "sigma": float(nature.sigma)},
        "clean": options.keep_clean,
        "shards": sum(parts),
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    folder = options.output or Path("runs") / f"latents-{key[:12]}"
    if accelerator.is_main_process:
        claim_folder(folder, {**facts, "key": key}, "cache.json")
    accelerator.wait_for_everyone()
    components.to(accelerator.device, others=options.precision)
    mine = range(accelerator.process_index, len(work), accelerator.num_processes)
    with tqdm(total=sum(parts[i] for i in mine), unit="shard", disable=not accelerator.is_main_process) as bar:
        for i in mine:
            paths = [folder / _name(sum(parts[:i]) + k) for k in range(parts[i])]
            missing = {path for path in paths if not is_shard(path, key)}
            for path, pairs in zip(paths, _cut(work[i], options.shard) if missing else [], strict=False):
                if path in missing:
                    tensors, captions = _encode(pairs, components, nature, resolution, options)
                    write_json(_captions_beside(path), captions)
                    save_shard(path, tensors, key)
                bar.update()
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        rows = [count_rows(folder / _name(i), key) for i in range(sum(parts))]
        write_json(folder / "index.json", {"key": key, "rows": rows})
    return folder


def open_latents(folder: Path, components: Components) -> tuple[ShardedSamples, int]:
    """The samples of a cache that `write_latents` finished for this model, and their t_n.

    Raises:
        ValueError: If there is no cache, it is not finished, or it was made with another VAE or other text encoders.
        DamagedShardError: If a shard is damaged.
    """
    if not (folder / "cache.json").is_file():
        raise ValueError(f"{folder} holds no latents; make them with python -m sdxl.latents")
    facts = json.loads((folder / "cache.json").read_text())
    if not (folder / "index.json").is_file():
        raise ValueError(f"the latents in {folder} are not finished; run the same python -m sdxl.latents command again")
    for name, value in _encoders(components).items():
        if facts[name] != value:
            raise ValueError(f"{folder} was made with {_TITLES[name]} than those of --model {components.options.model}")
    t_n, nature = facts["nature"]["t_n"], Level(facts["nature"]["alpha"], facts["nature"]["sigma"])
    if not torch.isclose(nature_level(components.process, t_n).sigma, nature.sigma):
        raise ValueError(
            f"{folder} was made with another noise schedule than that of --model {components.options.model}"
        )
    paths = [folder / _name(i) for i in range(facts["shards"])]
    return ShardedSamples(paths, nature, facts["key"]), t_n


def captions_of(folder: Path) -> dict[int, str]:
    """The caption of each sample of a finished cache, by its index.

    Raises:
        ValueError: If they are not beside a shard.
    """
    found: dict[int, str] = {}
    for path in sorted(folder.glob("latents-*.safetensors")):
        try:
            captions = json.loads(_captions_beside(path).read_text())
        except (OSError, ValueError) as error:
            raise ValueError(f"{_captions_beside(path)} cannot be read ({error}); make the latents again") from error
        shard, _ = load_tensors(path, "index", "shared")
        rows = zip(shard["index"].tolist(), shard["shared"].tolist(), strict=True)
        found |= {index: captions[row] for index, row in rows}
    return found


def nature_level(process: Discrete, t_n: int) -> Level:
    """The level of step t_n as P1 counts: 0 is clean data.

    Raises:
        ValueError: If the model has no such step.
    """
    if not 0 <= t_n < len(process):
        raise ValueError(f"--nature {t_n}: this model has the steps 0 (clean) to {len(process) - 1}")
    return process.level(float(t_n)) if t_n else Level.clean()


def load_image(pair: Pair, resolution: int) -> tuple[Tensor, Tensor]:
    """The image of a pair, (3, H, W) in [-1, 1], and SDXL's sizes of it, (6,): see `sdxl.components`.

    Raises:
        UnusableError: If its file is no usable image.
    """
    pixels = pair.pixels()
    height, width = pixels.shape[:2]
    image = torch.from_numpy(fit(pixels, resolution, "rgb").copy()).permute(2, 0, 1)
    short = min(height, width)
    top, left = (round((side * resolution / short - resolution) / 2) for side in (height, width))
    return to_unit(image), torch.tensor([height, width, top, left, resolution, resolution], dtype=torch.float32)


_TITLES = {"vae": "another VAE", "text_encoders": "other text encoders"}


def _cut(unit: Unit, size: int) -> Iterator[list[Pair]]:
    """The pairs of a unit in pieces of `size`, read once."""
    pairs = unit.pairs()
    while piece := list(islice(pairs, size)):
        yield piece


def _encode(
    pairs: list[Pair], components: Components, nature: Level, resolution: int, options: Options
) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of one shard, see `ambient.data.shards`, and the captions whose states are shared, in their order."""
    index: list[int] = []
    captions: list[str] = []
    latents, sizes = [], []
    for some, images, size in _batches(pairs, resolution, options):
        latents.append(components.encode_images(images).cpu())
        sizes.append(size)
        index += [pair.index for pair in some]
        captions += [pair.caption for pair in some]
    if not latents:
        raise DataSetError(f"not one image from {pairs[0].name} to {pairs[-1].name} is usable; mend or remove them")
    z = torch.cat(latents)
    rows = torch.tensor(index)
    unique = {caption: i for i, caption in enumerate(dict.fromkeys(captions))}
    states = [
        components.encode_prompts(list(unique)[i : i + options.batch]) for i in range(0, len(unique), options.batch)
    ]
    shared = {name: torch.cat([part[name] for part in states]) for name in states[0] if name != "time_ids"}
    tensors = {
        "x": z if options.nature == 0 else noisy_copy(z, nature, options.seed, rows),
        "index": rows,
        "shared": torch.tensor([unique[caption] for caption in captions]),
        **{f"shared.{name}": value for name, value in shared.items()},
    }
    if components.is_xl:
        tensors["condition.time_ids"] = torch.cat(sizes)
    return tensors | ({"clean": z} if options.keep_clean else {}), list(unique)


def _batches(pairs: list[Pair], resolution: int, options: Options) -> Iterator[tuple[list[Pair], Tensor, Tensor]]:
    usable: list[Pair] = []
    loaded: list[tuple[Tensor, Tensor]] = []
    for pair in pairs:
        try:
            loaded.append(load_image(pair, resolution))
        except UnusableError as error:
            if options.skip_bad:
                continue
            fault = error.fault(pair.name)
            raise DataSetError(f"{fault.kind}: {fault}; mend or remove it, or leave it out with --skip-bad") from error
        usable.append(pair)
        if len(usable) == options.batch:
            yield usable, *map(torch.stack, zip(*loaded, strict=True))  # type: ignore[misc]
            usable, loaded = [], []
    if usable:
        yield usable, *map(torch.stack, zip(*loaded, strict=True))  # type: ignore[misc]


def _content(work: list[Unit], size: int, accelerator: Accelerator) -> tuple[str, list[int]]:
    """SHA-256 of every file, name and caption, and the number of shards of each unit; the processes share the work."""
    mine = range(accelerator.process_index, len(work), accelerator.num_processes)
    found = sorted(gather_object([(i, *work[i].digest()) for i in mine]))
    digest = hashlib.sha256("".join(digest for _, digest, _ in found).encode()).hexdigest()
    return digest, [-(-count // size) for _, _, count in found]


def _encoders(components: Components) -> dict[str, Any]:
    """What identifies VAE and text encoders, whatever their precision: their weights as loaded."""
    parts = components.pipeline.components
    names = [name for name in ("text_encoder", "text_encoder_2") if parts.get(name) is not None]
    words = json.dumps([sorted(parts[f"tokenizer{name[12:]}"].get_vocab().items()) for name in names])
    text = [fingerprint(*_float32(parts[name])) for name in names] + [hashlib.sha256(words.encode()).hexdigest()]
    vae = fingerprint(*_float32(parts["vae"])) + f" * {parts['vae'].config.scaling_factor:g}"
    return {"vae": vae, "text_encoders": hashlib.sha256("".join(text).encode()).hexdigest()}


def _float32(module: Any) -> Iterator[Tensor]:
    return (value.float() for value in module.state_dict().values())


def _captions_beside(shard: Path) -> Path:
    return shard.with_name(shard.stem.replace("latents", "captions") + ".json")


def _name(shard: int) -> str:
    return f"latents-{shard:05d}.safetensors"


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(Options, _main)


def _main(options: Options) -> None:
    accelerator = Accelerator(cpu=options.cpu)
    folder = write_latents(options, accelerator)
    if not accelerator.is_main_process:
        return
    rows = sum(json.loads((folder / "index.json").read_text())["rows"])
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / 1e6
    what = "clean latents" if options.nature == 0 else f"noisy latents at t_n = {options.nature}"
    also = ", AND THE CLEAN LATENTS (--keep-clean)" if options.keep_clean else ""
    print(f"{rows} {what}{also}, {size:.1f} MB")
    print(f"Results: {folder}")


if __name__ == "__main__":
    sys.exit(main())
