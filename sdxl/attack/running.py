"""An attack from its options to its result: every image of every set, by every checkpoint."""

from __future__ import annotations

import dataclasses
from typing import Any

from accelerate import Accelerator

from ambient.runs.identity import claim_folder, describe
from sdxl.attack.chunks import collect, restore_all
from sdxl.attack.methods import attack_of
from sdxl.attack.options import AttackOptions, MaskAttack, NoiseAttack, PromptAttack
from sdxl.attack.report import AttackResult, make_result
from sdxl.checkpoints import named
from sdxl.devices import precision_on
from sdxl.features import similarity_facts, similarity_features
from sdxl.fingerprints import model_digests, source_digest
from sdxl.images import choose
from sdxl.loading import load
from sdxl.pairs import Pair


def run_attack(options: AttackOptions, accelerator: Accelerator) -> AttackResult:
    """Attack, or go on with the attack in the options' folder.

    Raises:
        ValueError: If an option or file cannot be used, naming it.
        ConfigMismatchError: If the folder holds another attack, naming what differs.
    """
    options.check()
    run, folder = options.run, options.output
    checkpoints = named(options.checkpoints)
    sets = _sets(options)
    precision = precision_on(accelerator.device, run.precision)
    components = load(run.model, channels=9 if isinstance(options, MaskAttack) else 4, unet=precision)
    resolution = options.resolution or components.resolution
    components.latent_shape(resolution)
    model = model_digests(components) if accelerator.is_main_process else {}
    components.to(accelerator.device, precision, precision)
    attack, note = attack_of(options, components, resolution)
    features = similarity_features(options.features, run.model.download, accelerator.device)
    if accelerator.is_main_process:
        facts = {
            "precision": precision,
            "model": model,
            "features": similarity_facts(options.features),
            "resolution": resolution,
            "seed": run.seed,
        }
        claim_folder(folder, describe({**_method_facts(options), **facts}), "attack.json")
    accelerator.wait_for_everyone()
    restore_all(
        attack, sets, checkpoints, components, features, folder, accelerator,
        resolution=resolution, batch=run.batch,
    )  # fmt: skip
    measured = collect(sets, checkpoints, folder, features.name)
    return make_result(folder, features.name, measured, note, run.seed)


def _sets(options: AttackOptions) -> dict[str, list[Pair]]:
    """The images that are attacked, "data" and "held out"."""
    seed = options.run.seed
    sets = {"data": choose(options.source, options.images, seed)}
    if options.held_out is not None:
        other = dataclasses.replace(options.source, data=options.held_out, captions=None)
        sets["held out"] = choose(other, options.images, seed)
    if isinstance(options, MaskAttack | PromptAttack) and not any(pair.caption for pair in sets["data"]):
        raise ValueError(f"{options.source.data} has no captions, which this attack needs; give --captions")
    return sets


def _method_facts(options: AttackOptions) -> dict[str, Any]:
    """What identifies the method."""
    if isinstance(options, NoiseAttack):
        own = {"levels": options.levels, "restorations": options.restorations, "steps": options.steps}
        return {"attack": "noise", **own}
    if isinstance(options, MaskAttack):
        masks = describe(options.masks)
        if options.masks.mask == "detector":
            masks["detector"] = source_digest(options.masks.detector)
        own = {"prompts": options.prompts, "steps": options.steps, "guidance": options.guidance}
        return {"attack": "mask", "masks": masks, **own}
    if isinstance(options, PromptAttack):
        return {"attack": "prompt", "sampler": options.sampler}
    raise TypeError(f"{type(options).__name__} is no attack")
