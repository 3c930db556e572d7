"""Find memorised prompts by how much they move the prediction (Wen et al. 2024): `python -m sdxl.mitigation PROMPTS`.

Each prompt is scored by the mean of |eps(x_T, e) - eps(x_T, null)| over a few noises x_T, at the first step of sampling
only, where Wen et al. already tell memorised prompts from others. With a second list of prompts, `--others`, the area
under the ROC curve says how well the score tells the two lists apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ambient.metrics.dominance import Dominance, dominance
from ambient.process import Level
from ambient.randomness import IndexedNoise
from ambient.runs.identity import describe
from ambient.runs.results import write_results
from sdxl import lora
from sdxl.components import Components
from sdxl.devices import precision_on
from sdxl.lengths import LongCaptions
from sdxl.loading import load
from sdxl.mitigation.magnitude import magnitude
from sdxl.mitigation.options import ScoreOptions
from sdxl.prompts import read_prompts


@dataclass(frozen=True, eq=False)
class Scores:
    """How much prompts move the prediction.

    Attributes:
        prompts: Scores of the prompts, (N,).
        others: Of the others, (M,), or None.
        comparison: How far the first lie above the second: its superiority is the area under the ROC curve.
    """

    prompts: Tensor
    others: Tensor | None
    comparison: Dominance | None


def score_prompts(options: ScoreOptions, device: torch.device) -> Scores:
    """Score the prompts, and write the scores to the output, a JSON file.

    Raises:
        ValueError: If an option or file cannot be used, naming it.
    """
    options.check()
    texts = [read_prompts(options.prompts, options.prompt_column, "prompts")[: options.images]]
    if options.others is not None:
        column = options.others_column or options.prompt_column
        texts.append(read_prompts(options.others, column, "--others")[: options.images])
        if min(map(len, texts)) < 2:
            raise ValueError(f"--others {options.others}: a comparison needs at least 2 prompts of each file")
    precision = precision_on(device, options.run.precision)
    components = load(options.run.model, unet=precision).to(device, precision, precision)
    if options.lora is not None:
        lora.load(components, options.lora)
    step = len(components.process) - 1 if options.step is None else options.step
    if not 0 <= step < len(components.process):
        raise ValueError(f"--step {step}: this model has the steps 0 to {len(components.process) - 1}")
    level = components.process.level(float(step))
    seed = options.run.seed
    LongCaptions(components).add(text for part in texts for text in part).say("prompts")
    scores = [score(components, part, level, options.noises, seed, options.run.batch) for part in texts]
    comparison = dominance(*scores, paired=False, seed=seed) if options.others else None
    rows = [
        [{"text": text, "magnitude": value} for text, value in zip(part, values.tolist(), strict=True)]
        for part, values in zip(texts, scores, strict=True)
    ]
    others = rows[1] if options.others else None
    facts = {"step": step, "prompts": rows[0], "others": others, "comparison": describe(comparison)}
    write_results(options.output, facts)
    return Scores(scores[0], scores[1] if options.others else None, comparison)


@torch.no_grad()
def score(components: Components, prompts: Sequence[str], level: Level, noises: int, seed: int, batch: int) -> Tensor:
    """Mean magnitude of each prompt over `noises` noises, the same for all prompts, (N,) float64."""
    shape = components.latent_shape(components.resolution)
    x = level.perturb(torch.zeros(noises, *shape), IndexedNoise(seed, range(noises), shape, purpose="attack")())
    null = components.encode_prompts([""])
    parts = []
    for start in tqdm(range(0, len(prompts), batch), unit="batch", disable=len(prompts) <= batch):
        condition = components.encode_prompts(prompts[start : start + batch])
        count = len(next(iter(condition.values())))
        without = {name: value.expand(count, *value.shape[1:]) for name, value in null.items()}
        values = [
            magnitude(components.denoiser, row.expand(count, *shape).to(components.device), level, condition, without)
            for row in x
        ]
        parts.append(torch.stack(values).double().mean(0).cpu())
    return torch.cat(parts)
