r"""The U-Net of a mini model: denoising score matching on latents with their captions.

The network predicts v; with latents of unit variance that is EDM's preconditioning (`ambient.denoisers`), and levels
and weights are EDM's: ln(sigma / alpha) ~ N(P_mean, P_std^2), the error of E[X_0 | X_t] weighed by 1 / sigma^2 + 1
(Karras et al. 2022, table 1, with sigma_data = 1 for .5, which moves the mean by ln 2). The levels that the scheduler
names are Stable Diffusion's own, so that a step t is the same sigma / alpha as in the papers.

In every update an image is mirrored by a coin, and its caption is drawn: one of the wordings of its class; or, with
small probabilities, zeros, which is what an SDXL pipeline guides away from (`force_zeros_for_empty_prompt`), or the
empty caption as the encoders read it, which is what attacks without a caption use.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ambient.data import Batch
from ambient.denoisers import Denoiser
from ambient.levels import LogNormal
from ambient.objectives import DenoisingScoreMatching, EDMWeight, Loss
from ambient.objectives.base import Wrapper
from ambient.randomness import Draws


@dataclass(frozen=True, eq=False)
class Texts:
    """What the encoders make of every caption.

    Attributes:
        states: (classes, wordings, 77, D).
        pooled: (classes, wordings, P).
        empty_states: Of the empty caption, (77, D).
        empty_pooled: (P,).
        sizes: SDXL's time_ids, (6,).
    """

    states: Tensor
    pooled: Tensor
    empty_states: Tensor
    empty_pooled: Tensor
    sizes: Tensor

    def condition(self, label: Tensor, wording: Tensor, zeros: Tensor, empty: Tensor) -> dict[str, Tensor]:
        """The U-Net's condition for images of the classes `label`, all (B,), the last two bool: which have none."""
        states = torch.where(empty[:, None, None], self.empty_states, self.states[label, wording])
        pooled = torch.where(empty[:, None], self.empty_pooled, self.pooled[label, wording])
        return {
            "encoder_hidden_states": states.masked_fill(zeros[:, None, None], 0.0),
            "text_embeds": pooled.masked_fill(zeros[:, None], 0.0),
            "time_ids": self.sizes.expand(len(label), -1),
        }


@dataclass(frozen=True)
class Captioned(Wrapper):
    """`objective` on latents with captions. A batch holds (B, 2, 4, H, W): as it is and mirrored; and its label.

    Attributes:
        objective: What is trained.
        texts: The captions.
        zeros: Probability of zeros in the place of a caption.
        empty: Probability of the empty caption.
    """

    texts: Texts
    zeros: float = 0.1
    empty: float = 0.05

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample."""
        mirrored = (draws.uniform(batch.x) < 0.5).long()
        wordings = self.texts.states.shape[1]
        wording = (draws.uniform(batch.x) * wordings).long()
        u = draws.uniform(batch.x)
        zeros, empty = u < self.zeros, (u >= self.zeros) & (u < self.zeros + self.empty)
        shown = batch.x[torch.arange(len(batch)), mirrored]
        condition = self.texts.condition(batch.condition["label"], wording, zeros, empty)
        return self.objective(denoiser, replace(batch, x=shown, condition=condition), draws)


def latent_objective(texts: Texts, mean: float = -0.2, std: float = 1.2) -> Captioned:
    """Denoising score matching at EDM's levels and weights for latents of unit variance; see the module."""
    return Captioned(DenoisingScoreMatching(LogNormal(mean, std), EDMWeight(1.0)), texts)
