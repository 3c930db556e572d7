r"""Generate images, each a function of (seed, index): `python -m sdxl.generate`.

The images are drawn in batches of consecutive indices and written as PNG files as soon as a batch is done; a run that
is killed goes on where it was, and `accelerate launch` shares the batches among processes. The batch changes no image
beyond rounding, the number of processes none at all. `sdxl.sampling` says how an unmodified diffusers pipeline makes
the same images.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from ambient.data.images import to_uint8, to_unit
from ambient.runs.console import run
from ambient.runs.files import write_atomically, write_records
from ambient.runs.identity import claim_folder, describe
from sdxl import lora
from sdxl.components import Components, ModelOptions, Precision, load
from sdxl.mitigation import Inference
from sdxl.sampling import Sampler, sample, stopping_step


@dataclass(frozen=True)
class Options:
    """Generate images with a pretrained or fine-tuned model.

    Interrupted? Run the same command again: it goes on where it was.
    """

    sampler: Sampler = field(default_factory=Sampler)
    model: ModelOptions = field(default_factory=ModelOptions)
    lora: Path | None = None
    """pytorch_lora_weights.safetensors of a training run, or its folder; none: the pretrained model."""
    images: int = 50_000
    """How many; may be raised later."""
    prompt: str = ""
    """The prompt of all images; "" is the null caption."""
    prompts: Path | None = None
    """File of prompts in its place, taken in turn: lines of text, or JSON lines or CSV with a text column."""
    prompt_column: str = "text"
    """Name of that column."""
    resolution: int | None = None
    """Side of the images; by default that of the model."""
    seed: int = 0
    """With the index of an image it decides the image."""
    batch: int = 8
    """Images at a time."""
    precision: Precision | None = None
    """bf16 on a GPU and fp32 on the CPU if not given."""
    cpu: bool = False
    """Use the CPU although there is a GPU."""
    output: Path | None = None
    """Folder of the images; runs/images-<key of the options> if not given."""
    inference: Inference = field(default_factory=Inference)

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        self.sampler.check()
        self.inference.check()
        for name in ("images", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)}: at least 1")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: a seed is 0 or more")


def generate(options: Options, accelerator: Accelerator) -> tuple[Path, Components]:
    """Write the images, or what is missing of them; returns their folder, and the model.

    Raises:
        ValueError: If an option is out of range, or a file cannot be used, naming it.
        ConfigMismatchError: If `options.output` holds images of other options.
    """
    options.check()
    prompts = read_prompts(options.prompts, options.prompt_column) if options.prompts else [options.prompt]
    precision = options.precision or ("fp32" if accelerator.device.type == "cpu" else "bf16")
    components = load(options.model, unet=precision)
    resolution = options.resolution or components.resolution
    components.latent_shape(resolution)
    stopping_step(components, options.sampler)
    if options.lora is not None:
        lora.load(components, options.lora)
    facts = {
        "model": lora.base_of(components),
        "lora": None if options.lora is None else lora.digest(options.lora),
        "sampler": options.sampler,
        "inference": options.inference,
        "prompts": hashlib.sha256("\0".join(prompts).encode()).hexdigest(),
        "resolution": resolution,
        "seed": options.seed,
        "precision": precision,
    }
    folder = options.output or Path("runs") / f"images-{_key(facts)}"
    if accelerator.is_main_process:
        claim_folder(folder, facts, "generate.json")
    accelerator.wait_for_everyone()
    components.to(accelerator.device, precision, precision)
    starts = range(accelerator.process_index * options.batch, options.images, accelerator.num_processes * options.batch)
    chunks = [range(start, min(options.images, start + options.batch)) for start in starts]
    with tqdm(total=sum(map(len, chunks)), unit="img", disable=not accelerator.is_main_process) as bar:
        for indices in chunks:
            if missing := [i for i in indices if not (folder / name_of(i)).exists()]:
                chosen = [prompts[i % len(prompts)] for i in indices]
                chosen = options.inference.prompts(chosen, indices, options.seed, components.pipeline.tokenizer)
                adjust = options.inference.adjust(components, indices, options.seed)
                latents = sample(components, options.sampler, indices, chosen, resolution, options.seed, adjust)
                pictures = components.decode_latents(latents).cpu()
                for i in missing:
                    save_png(folder / name_of(i), pictures[i - indices[0]])
            bar.update(len(indices))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        records = ({"file_name": name_of(i), "text": prompts[i % len(prompts)]} for i in range(options.images))
        write_records(folder / "metadata.jsonl", records)
    return folder, components


def name_of(index: int) -> str:
    """The file of an image, in a folder for each thousand."""
    return f"{index // 1000:05d}/{index:08d}.png"


def save_png(path: Path, image: Tensor) -> None:
    """Write an image (3, H, W) in [-1, 1], atomically."""
    pixels = to_uint8(image).permute(1, 2, 0).numpy()
    write_atomically(path, lambda file: Image.fromarray(pixels).save(file, format="PNG"))


def save_grid(path: Path, images: Tensor, columns: int = 4) -> None:
    """Write images (N, 3, H, W) in [-1, 1] side by side, `columns` a row."""
    blank = torch.ones(-len(images) % columns, *images.shape[1:])
    rows = torch.cat([images, blank]).unflatten(0, (-1, columns))
    save_png(path, rows.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2))


def read_prompts(path: Path, column: str = "text") -> list[str]:
    """The prompts of a file: a line each, or the column of JSON lines (.jsonl) or CSV (.csv); empty ones left out.

    Raises:
        ValueError: If it cannot be read, or holds none, naming file and line.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--prompts {path} cannot be read ({error})") from error
    if path.suffix == ".csv":
        found = [row.get(column) for row in csv.DictReader(text.splitlines())]
    elif path.suffix in (".jsonl", ".json"):
        found = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                found.append(json.loads(line).get(column))
            except (ValueError, AttributeError) as error:
                raise ValueError(f"--prompts {path} line {number} is not a JSON object") from error
    else:
        found = list(text.splitlines())
    prompts = [str(prompt).strip() for prompt in found if prompt and str(prompt).strip()]
    if not prompts:
        where = f' under "{column}" (--prompt-column)' if path.suffix in (".csv", ".jsonl", ".json") else ""
        raise ValueError(f"--prompts {path} holds no prompts{where}")
    return prompts


def read_images(folder: Path, rows: range) -> Tensor:
    """Some images of a folder, (b, 3, H, W) float32 in [-1, 1]."""
    arrays = [np.asarray(Image.open(folder / name_of(i))) for i in rows]
    return to_unit(torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2))


def _key(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(describe(facts), sort_keys=True).encode()).hexdigest()[:12]


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(Options, _main)


def _main(options: Options) -> None:
    accelerator = Accelerator(cpu=options.cpu)
    folder, components = generate(options, accelerator)
    if not accelerator.is_main_process:
        return
    save_grid(folder / "samples.png", read_images(folder, range(min(options.images, 16))))
    stop = options.sampler.stop
    ends = "" if stop is None else f", stopped at step {stopping_step(components, options.sampler):g} (t_n = {stop})"
    print(f"{options.images} images, {options.sampler.scheduler} with {options.sampler.steps} steps{ends}")
    print(f"Results: {folder}  (metadata.jsonl, samples.png)")


if __name__ == "__main__":
    sys.exit(main())
