r"""Remedies in training, as wrappers of an objective; all randomness comes from the step's draws.

With J the objective and c the captions of a batch,

    S23    J(h, x, e(c) + s Z)      or      J(h, x, e(change(c)))
    W24    1[m(x_t, e(c)) <= threshold] J(h, x, e(c)),      at a level t of its own draw, above the nature level

The mean of a batch still divides by all of its samples, so leaving some out shortens the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from ambient.data import Batch
from ambient.denoisers import Denoiser
from ambient.levels import LevelDistribution, UniformSteps
from ambient.objectives import Loss, Objective, Wrapper
from ambient.randomness import Draws
from sdxl.components import Components
from sdxl.mitigation.captions import Changer, read_several, vocabulary
from sdxl.mitigation.magnitude import magnitude
from sdxl.mitigation.options import CaptionChange, Mitigation

TEXT = ("encoder_hidden_states", "text_embeds")
"""The parts of a condition that depend on the caption."""


def mitigated(
    objective: Objective, options: Mitigation, components: Components, captions: Callable[[], Mapping[int, str]]
) -> Objective:
    """The objective with the remedies around it.

    Args:
        objective: Of any method.
        options: Which remedies.
        components: The model: its text encoders encode changed captions.
        captions: Gives the captions by sample index; called only if they are needed.

    Raises:
        ValueError: If an option is out of range, or a file cannot be used.
    """
    options.check()
    if options.filter_magnitude is not None:
        null = components.encode_prompts([""])
        levels = UniformSteps(components.process)
        objective = MagnitudeFilter(
            objective, options.filter_magnitude, levels, {name: null[name] for name in _text(null)}
        )
    if options.mitigation == "embedding-noise":
        objective = EmbeddingNoise(objective, options.embedding_noise)
    elif options.mitigation in get_args(CaptionChange):
        several = read_several(options.several_captions) if options.several_captions else {}
        words = vocabulary(components.pipeline.tokenizer)
        change = Changer(options.mitigation, words, options.caption_probability, options.caption_words, several)  # type: ignore[arg-type]
        objective = ChangedCaptions(objective, change, captions(), components.encode_prompts)
    return objective


@dataclass(frozen=True, eq=False)
class EmbeddingNoise(Wrapper):
    """Gaussian noise on what the text encoders say, on SDXL's pooled embedding too.

    Attributes:
        objective: What is minimised.
        std: Standard deviation of the noise.
    """

    std: float

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample, (B,)."""
        noisy = {
            name: batch.condition[name] + self.std * draws.normal(batch.condition[name])
            for name in _text(batch.condition)
        }
        return self.objective(denoiser, replace(batch, condition={**batch.condition, **noisy}), draws)


@dataclass(frozen=True, eq=False)
class ChangedCaptions(Wrapper):
    """Captions changed at random and encoded anew.

    Attributes:
        objective: What is minimised.
        change: Changes one caption.
        captions: By sample index.
        encode: The condition of some captions, as `Components.encode_prompts`.
    """

    change: Callable[[str, np.random.Generator], str]
    captions: Mapping[int, str] = field(metadata={"identity": False})
    encode: Callable[[Sequence[str]], Mapping[str, Tensor]] = field(metadata={"identity": False})

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample, (B,)."""
        keys = (draws.uniform(batch.x).cpu() * 2**53).long().tolist()
        before = [self.captions[int(i)] for i in batch.index]
        after = [self.change(text, np.random.default_rng(key)) for text, key in zip(before, keys, strict=True)]
        changed = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        if changed:
            condition: dict[str, Any] = dict(batch.condition)
            encoded = self.encode([after[i] for i in changed])
            for name in _text(condition):
                condition[name] = condition[name].clone()
                condition[name][changed] = encoded[name].to(condition[name])
            batch = replace(batch, condition=condition)
        return self.objective(denoiser, batch, draws)


@dataclass(frozen=True, eq=False)
class MagnitudeFilter(Wrapper):
    """Leaves out the samples whose caption moves the prediction by more than a threshold.

    Attributes:
        objective: What is minimised.
        threshold: Largest m that counts.
        levels: Distribution of the level at which m is measured, cut at the nature level.
        null: The text parts of the null caption's condition, one row.
    """

    threshold: float
    levels: LevelDistribution
    null: Mapping[str, Tensor] = field(metadata={"identity": False})

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample, (B,), 0 where it is left out; its share is logged as "left out"."""
        level = self.levels.draw(draws.uniform(batch.x), above=batch.nature)
        x_t = batch.nature.transition_to(level).perturb(batch.x, draws.normal(batch.x))
        rows = {
            name: value.to(batch.condition[name]).expand_as(batch.condition[name]) for name, value in self.null.items()
        }
        with torch.no_grad():
            moved = magnitude(denoiser, x_t, level, batch.condition, {**batch.condition, **rows})
        keep = (moved <= self.threshold).to(batch.x)
        loss = self.objective(denoiser, batch, draws)
        return Loss(loss.per_sample * keep, {**loss.terms, "left out": 1 - keep}, loss.level)


def _text(condition: Mapping[str, Any]) -> list[str]:
    return [name for name in TEXT if name in condition]
