"""Images of a model as PNG files, a batch at a time; only those that are missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from tqdm.auto import tqdm

from ambient.runs.files import write_records
from ambient.runs.identity import claim_folder, describe
from sdxl import lora
from sdxl.components import Components
from sdxl.devices import precision_on
from sdxl.fingerprints import model_digests
from sdxl.generate.options import GenerateOptions
from sdxl.lengths import LongCaptions
from sdxl.loading import load
from sdxl.mitigation.inference import adjustment, changed_prompts
from sdxl.mitigation.options import Inference
from sdxl.options import Sampler
from sdxl.pictures import is_whole_png, name_of, save_png
from sdxl.prompts import read_prompts
from sdxl.sampling import sample, stopping_step


def generate(options: GenerateOptions, accelerator: Accelerator) -> tuple[Path, Components]:
    """Write the images, or what is missing of them; returns their folder, and the model.

    Raises:
        ValueError: If an option is out of range, or a file cannot be used, naming it.
        ConfigMismatchError: If the folder holds images of other options.
    """
    options.check()
    run = options.run
    prompts = read_prompts(options.prompts, options.prompt_column) if options.prompts else [options.prompt]
    precision = precision_on(accelerator.device, run.precision)
    components = load(run.model, unet=precision)
    resolution = options.resolution or components.resolution
    components.latent_shape(resolution)
    stopping_step(components, options.sampler)
    model = model_digests(components)
    if options.lora is not None:
        lora.load(components, options.lora)
    facts = {
        "precision": precision,
        "model": model,
        "lora": None if options.lora is None else lora.digest(options.lora),
        "sampler": options.sampler,
        "inference": options.inference,
        "prompts": hashlib.sha256("\0".join(prompts).encode()).hexdigest(),
        "resolution": resolution,
        "seed": run.seed,
    }
    folder = run.output or Path("runs") / f"images-{_key(facts)}"
    if accelerator.is_main_process:
        claim_folder(folder, facts, "generate.json")
    accelerator.wait_for_everyone()
    components.to(accelerator.device, precision, precision)
    draw(
        components, options.sampler, options.inference, prompts, folder, accelerator,
        count=options.samples, batch=run.batch, resolution=resolution, seed=run.seed,
    )  # fmt: skip
    return folder, components


def draw(
    components: Components,
    sampler: Sampler,
    inference: Inference,
    prompts: Sequence[str],
    folder: Path,
    accelerator: Accelerator,
    *,
    count: int,
    batch: int,
    resolution: int,
    seed: int,
) -> None:
    """Write the images 0 to `count` - 1 of a folder that are missing there, and `metadata.jsonl` with their prompts.

    Args:
        components: The model, on its device, with the LoRA that is sampled.
        sampler: How latents are drawn.
        inference: Remedies against memorised prompts.
        prompts: Taken in turn.
        folder: Where the images go.
        accelerator: Shares the work.
        count: How many images.
        batch: Images at a time.
        resolution: Side of the images.
        seed: With its index it decides an image.

    Warns:
        UserWarning: If prompts are longer than the text encoders read: how many, and the first.
    """
    if accelerator.is_main_process:
        LongCaptions(components).add(dict.fromkeys(prompts[:count])).say("prompts")
    starts = range(accelerator.process_index * batch, count, accelerator.num_processes * batch)
    chunks = [range(start, min(count, start + batch)) for start in starts]
    with tqdm(total=sum(map(len, chunks)), unit="img", disable=not accelerator.is_main_process) as bar:
        for indices in chunks:
            if missing := [i for i in indices if not is_whole_png(folder / name_of(i))]:
                texts = [prompts[i % len(prompts)] for i in indices]
                texts = changed_prompts(inference, texts, indices, seed, components.pipeline.tokenizer)
                adjust = adjustment(inference, components, indices, seed)
                latents = sample(components, sampler, indices, texts, resolution, seed, adjust)
                pictures = components.decode_latents(latents).cpu()
                for i in missing:
                    save_png(folder / name_of(i), pictures[i - indices[0]])
            bar.update(len(indices))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        records = ({"file_name": name_of(i), "text": prompts[i % len(prompts)]} for i in range(count))
        write_records(folder / "metadata.jsonl", records)


def _key(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(describe(facts), sort_keys=True).encode()).hexdigest()[:12]
