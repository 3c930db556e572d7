"""An evaluation from its options to its result: restoration, then generation, by every checkpoint."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import Tensor

from ambient.metrics.frechet import distance_name
from ambient.metrics.memorization import similarities
from ambient.metrics.similarity import P1_THRESHOLDS, summarise
from ambient.runs.damage import DamagedFileError
from ambient.runs.identity import claim_folder, describe
from ambient.runs.results import read_results, write_results
from sdxl.checkpoints import digests, lora_applied, named
from sdxl.components import Components
from sdxl.devices import precision_on
from sdxl.evaluate.audits import Audit, Extractors, audit
from sdxl.evaluate.options import EvaluateOptions
from sdxl.evaluate.report import Evaluation
from sdxl.evaluate.restoration import restoration_errors
from sdxl.features import clip_score, quality_features, similarity_facts, similarity_features
from sdxl.fingerprints import model_digests, source_digest
from sdxl.generate.drawing import draw
from sdxl.images import choose, content, load_images
from sdxl.loading import load
from sdxl.pairs import Pair, Source
from sdxl.pictures import read_images, save_grid
from sdxl.prompts import read_prompts


@dataclass(frozen=True, eq=False)
class _Model:
    """What is evaluated: the model, its checkpoints by name, and the side of the images."""

    components: Components
    checkpoints: Mapping[str, str | None]
    resolution: int


def run_evaluation(options: EvaluateOptions, accelerator: Accelerator) -> Evaluation:
    """Evaluate, or go on with the evaluation in the options' folder. What is returned counts on the main process only.

    Raises:
        ValueError: If an option or file cannot be used, naming it.
        ConfigMismatchError: If the folder holds another evaluation, naming what differs.
    """
    options.check()
    run, folder = options.run, options.output
    checkpoints = named(options.checkpoints)
    data = choose(options.source, None, run.seed)
    restored = choose(_restored(options), options.restore, run.seed, "--restore") if options.restore else []
    prompts = _prompts(options, data)
    extractors = _extractors(options, accelerator, any(prompts)) if options.samples else None
    names = {} if extractors is None else _names(extractors)
    precision = precision_on(accelerator.device, run.precision)
    components = load(run.model, unet=precision)
    model = _Model(components, checkpoints, options.resolution or components.resolution)
    components.latent_shape(model.resolution)
    if accelerator.is_main_process:
        facts = {
            "precision": precision, "content": content(data), "prompts": prompts,
            "features": similarity_facts(options.features), "model": model_digests(components),
            "sampler": options.sampler, "inference": options.inference, "resolution": model.resolution,
            "seed": run.seed,
        }  # fmt: skip
        claim_folder(folder, describe(facts), "evaluate.json")
        if extractors is not None:
            judged_by = {"distance": names["distance"], "clip": source_digest(options.clip)}
            claim_folder(folder / "audits", judged_by, "audits.json")
        for name, digest in digests(checkpoints).items():
            claim_folder(folder / "checkpoints" / name, {"checkpoint": digest}, "checkpoint.json")
    components.to(accelerator.device, precision, precision)
    if accelerator.is_main_process and restored:
        _restore(options, model, restored)
    accelerator.wait_for_everyone()
    if extractors is not None:
        _generate(options, model, data, prompts, extractors, accelerator)
    results = {}
    if accelerator.is_main_process:
        parts = [part for part, made in (("restoration", restored), ("generation", extractors)) if made]
        for name in checkpoints:
            rows = [_read_result(folder / part / f"{name}.json") or {} for part in parts]
            results[name] = {key: value for row in rows for key, value in row.items() if key != "of"}
    return Evaluation(folder, results, names)


def _restore(options: EvaluateOptions, model: _Model, pairs: Sequence[Pair]) -> None:
    """Restore images with every checkpoint, and write the errors to restoration/, unless they are there."""
    seed, batch = options.run.seed, options.run.batch
    of = {"content": content(pairs), "levels": list(options.levels)}
    for name, source in model.checkpoints.items():
        path = options.output / "restoration" / f"{name}.json"
        if path.exists() and (_read_result(path) or {}).get("of") == of:
            continue
        with lora_applied(model.components, source):
            rows, vae = restoration_errors(model.components, pairs, options.levels, model.resolution, seed, batch)
        errors = [dataclasses.asdict(row) for row in rows]
        write_results(path, {"restoration": errors, "vae": dataclasses.asdict(vae), "of": of})


def _generate(
    options: EvaluateOptions,
    model: _Model,
    data: Sequence[Pair],
    prompts: Sequence[str],
    extractors: Extractors,
    accelerator: Accelerator,
) -> None:
    """Generate with every checkpoint, compare with the data, and write the figures to generation/."""
    folder, count, resolution = options.output, options.samples, model.resolution
    without_clip = dataclasses.replace(extractors, clip=None)

    def originals(rows: range) -> Tensor:
        return load_images([data[i] for i in rows], resolution)[0]

    reference = audit(len(data), originals, None, without_clip, folder / "audits" / "data", accelerator, "data")
    for name, source in model.checkpoints.items():
        images = folder / "images" / name
        with lora_applied(model.components, source):
            draw(
                model.components, options.sampler, options.inference, prompts, images, accelerator,
                count=count, batch=options.run.batch, resolution=resolution, seed=options.run.seed,
            )  # fmt: skip

        def generated(rows: range, images: Path = images) -> Tensor:
            return read_images(images, rows)

        captions = [prompts[i % len(prompts)] for i in range(count)]
        where = folder / "audits" / name
        measured = audit(count, generated, captions, extractors, where, accelerator, name)
        if measured is not None and reference is not None:
            path = folder / "generation" / f"{name}.json"
            write_results(path, {"images": count, **_against(measured, reference)})
            save_grid(folder / f"samples-{name}.png", generated(range(min(16, count))))


def _read_result(path: Path) -> dict[str, Any] | None:
    """A result that was written before; None, and a warning, if it is damaged."""
    try:
        return read_results(path)
    except DamagedFileError as error:
        warnings.warn(f"{error.what}; it is made again", stacklevel=2)
        return None


def _against(measured: Audit, reference: Audit) -> dict[str, Any]:
    """What generated images are, compared with the data."""
    nearest = similarities(measured.features, reference.features)
    summary = summarise(nearest, P1_THRESHOLDS)
    return {
        "distance": measured.statistics.frechet_distance(reference.statistics),
        "similarity": summary.mean,
        "similarity_95": summary.quantile_95,
        "shares_above": {str(threshold): share for threshold, share in summary.shares.items()},
        "clip": float(measured.clip.double().mean()) if len(measured.clip) else None,
    }


def _prompts(options: EvaluateOptions, data: Sequence[Pair]) -> list[str]:
    """What is generated from: the file of prompts, else the captions of the data, else the null caption."""
    if options.prompts is not None:
        return read_prompts(options.prompts, options.source.caption_column)
    return [pair.caption for pair in data if pair.caption] or [""]


def _extractors(options: EvaluateOptions, accelerator: Accelerator, prompted: bool) -> Extractors:
    download, device = options.run.model.download, accelerator.device
    similarity = similarity_features(options.features, download, device)
    quality = quality_features(similarity, options.inception, device)
    clip = clip_score(options.clip, download, device) if prompted and options.clip != "none" else None
    return Extractors(similarity, quality, clip)


def _names(extractors: Extractors) -> dict[str, str]:
    return {
        "distance": distance_name(extractors.quality.name),
        "similarity": extractors.similarity.name,
        "clip": "no CLIP" if extractors.clip is None else extractors.clip.name,
    }


def _restored(options: EvaluateOptions) -> Source:
    if options.restore_data is None:
        return options.source
    return dataclasses.replace(options.source, data=options.restore_data, captions=None, without_caption="null")
