r"""Remedies at inference: noise on the prompt's embedding, changed prompts (S23), and an optimised embedding (W24).

Wen et al. move the embedding e, by Adam and before the first step only, to lower how much it moves the prediction,

    min_e | eps(x_T, e) - eps(x_T, null) |_2,

until that is at most a target, and sample with the e found. Each image has its own e, a function of (seed, index).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ambient.randomness import IndexedNoise, generator
from sdxl.components import Components
from sdxl.mitigation.captions import Changer, vocabulary
from sdxl.mitigation.options import Inference
from sdxl.mitigation.training import TEXT
from sdxl.sampling import Adjust, Condition

STATES = "encoder_hidden_states"


def changed_prompts(
    remedy: Inference, texts: Sequence[str], indices: Sequence[int], seed: int, tokenizer: Any
) -> list[str]:
    """The prompts of the images `indices`, changed where the remedy says so."""
    if remedy.remedy not in ("random-words", "repeated-words", "random-numbers"):
        return list(texts)
    change = Changer(remedy.remedy, vocabulary(tokenizer), 1.0, remedy.remedy_words)
    return [
        change(text, np.random.default_rng(generator("attack", seed, index).initial_seed()))
        for text, index in zip(texts, indices, strict=True)
    ]


def adjustment(remedy: Inference, components: Components, indices: Sequence[int], seed: int) -> Adjust | None:
    """What changes the condition of the images `indices` before the first step; None if nothing does."""
    if remedy.remedy == "embedding-noise":
        return lambda condition, predict: _with_noise(condition, indices, seed, remedy.remedy_noise)
    if remedy.remedy != "optimise":
        return None
    null = components.encode_prompts([""] * len(indices))

    def adjust(condition: Condition, predict: Callable[[Condition], Tensor]) -> Condition:
        without = {**condition, **{name: null[name] for name in TEXT if name in null}}
        states = _optimised(
            condition, without, predict, remedy.optimise_target, remedy.optimise_steps, remedy.optimise_rate
        )
        return {**condition, STATES: states}

    return adjust


def _with_noise(condition: Condition, indices: Sequence[int], seed: int, std: float) -> Condition:
    changed = dict(condition)
    for i, name in enumerate(name for name in TEXT if name in condition):
        value = condition[name]
        rows = [i << 64 | int(index) for index in indices]
        noise = IndexedNoise(seed, rows, tuple(value.shape[1:]), torch.float32, value.device, "attack")
        changed[name] = value + (std * noise()).to(value.dtype)
    return changed


@torch.enable_grad()
def _optimised(
    condition: Condition,
    null: Condition,
    predict: Callable[[Condition], Tensor],
    target: float,
    steps: int,
    learning_rate: float,
) -> Tensor:
    """The states of each prompt, moved until they move the prediction by no more than the target."""
    states = condition[STATES]
    with torch.no_grad():
        without = predict(null)
    moved = states.detach().float().requires_grad_()
    best = moved.detach().clone()
    active = torch.ones(len(states), dtype=torch.bool, device=states.device)
    adam = torch.optim.Adam([moved], lr=learning_rate)
    for step in range(steps + 1):
        distance = (predict({**condition, STATES: moved.to(states.dtype)}) - without).flatten(1).norm(dim=1)
        best[active] = moved.detach()[active]
        active = active & (distance.detach() > target)
        if step == steps or not bool(active.any()):
            break
        (moved.grad,) = torch.autograd.grad(distance.sum(), moved)
        adam.step()
    return best.to(states.dtype)
