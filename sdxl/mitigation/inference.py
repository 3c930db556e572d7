r"""Remedies at inference: noise on the prompt's embedding, changed prompts (S23), and an optimised embedding (W24).

Wen et al. move the embedding e, by Adam and before the first step only, to lower how much it moves the prediction,

    min_e | eps(x_T, e) - eps(x_T, null) |_2,

until that is at most a target, and sample with the e found. Each image has its own e, a function of (seed, index).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ambient.randomness import IndexedNoise, generator
from sdxl.components import Components
from sdxl.mitigation.captions import Changer, vocabulary
from sdxl.mitigation.training import TEXT
from sdxl.sampling import Adjust, Condition

STATES = "encoder_hidden_states"


@dataclass(frozen=True)
class Inference:
    """Remedies against memorised prompts, at inference."""

    remedy: Literal["none", "embedding-noise", "random-words", "repeated-words", "random-numbers", "optimise"] = "none"
    """Somepalli et al.: noise on the embedding, or words or numbers put into the prompt; Wen et al.: optimise."""
    remedy_noise: float = 0.1
    """Standard deviation of embedding-noise."""
    remedy_words: int = 4
    """Words or numbers put into a prompt."""
    optimise_target: float = 3.0
    """Stop optimising where the prompt moves the predicted noise by no more than this (Euclidean norm)."""
    optimise_steps: int = 10
    """Most steps of Adam."""
    optimise_rate: float = 0.05
    """Its learning rate."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        for name in ("remedy_noise", "optimise_target", "optimise_rate"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"--{name.replace('_', '-')} {getattr(self, name):g}: 0 or more")
        for name in ("remedy_words", "optimise_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} {getattr(self, name)}: at least 1")

    def prompts(self, texts: Sequence[str], indices: Sequence[int], seed: int, tokenizer: Any) -> list[str]:
        """The prompts of the images `indices`, changed where the remedy says so."""
        if self.remedy not in ("random-words", "repeated-words", "random-numbers"):
            return list(texts)
        change = Changer(self.remedy, vocabulary(tokenizer), 1.0, self.remedy_words)
        return [
            change(text, np.random.default_rng(generator("attack", seed, index).initial_seed()))
            for text, index in zip(texts, indices, strict=True)
        ]

    def adjust(self, components: Components, indices: Sequence[int], seed: int) -> Adjust | None:
        """What changes the condition of the images `indices` before the first step; None if nothing does."""
        if self.remedy == "embedding-noise":
            return lambda condition, predict: self._noisy(condition, indices, seed)
        if self.remedy != "optimise":
            return None
        null = components.encode_prompts([""] * len(indices))

        def optimised(condition: Condition, predict: Callable[[Condition], Tensor]) -> Condition:
            without = {**condition, **{name: null[name] for name in TEXT if name in null}}
            return {**condition, STATES: self._optimised(condition, without, predict)}

        return optimised

    def _noisy(self, condition: Condition, indices: Sequence[int], seed: int) -> Condition:
        changed = dict(condition)
        for i, name in enumerate(name for name in TEXT if name in condition):
            value = condition[name]
            rows = [i << 64 | int(index) for index in indices]
            noise = IndexedNoise(seed, rows, tuple(value.shape[1:]), torch.float32, value.device, "attack")
            changed[name] = value + (self.remedy_noise * noise()).to(value.dtype)
        return changed

    @torch.enable_grad()
    def _optimised(self, condition: Condition, null: Condition, predict: Callable[[Condition], Tensor]) -> Tensor:
        """The states of each prompt, moved until they move the prediction by no more than the target."""
        states = condition[STATES]
        with torch.no_grad():
            without = predict(null)
        moved = states.detach().float().requires_grad_()
        found = moved.detach().clone()
        active = torch.ones(len(states), dtype=torch.bool, device=states.device)
        adam = torch.optim.Adam([moved], lr=self.optimise_rate)
        for step in range(self.optimise_steps + 1):
            distance = (predict({**condition, STATES: moved.to(states.dtype)}) - without).flatten(1).norm(dim=1)
            found[active] = moved.detach()[active]
            active = active & (distance.detach() > self.optimise_target)
            if step == self.optimise_steps or not bool(active.any()):
                break
            (moved.grad,) = torch.autograd.grad(distance.sum(), moved)
            adam.step()
        return found.to(states.dtype)
