r"""How much a caption moves the prediction (Wen et al. 2024):

    m(x_t, e) = | eps(x_t, e) - eps(x_t, null) |_2,

the Euclidean norm over all coordinates of a latent, so thresholds belong to a model and a resolution. In terms of the
denoiser it is (alpha_t / sigma_t) | h(x_t, e) - h(x_t, null) |.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ambient import tweedie
from ambient.denoisers import Denoiser
from ambient.process import Level


def magnitude(
    denoiser: Denoiser, x_t: Tensor, level: Level, condition: Mapping[str, Tensor], null: Mapping[str, Tensor]
) -> Tensor:
    """m for each sample, (B,).

    Args:
        denoiser: h.
        x_t: Noisy latents, (B, *).
        level: Theirs, () or (B,), sigma > 0.
        condition: Keyword arguments of the denoiser with the captions.
        null: The same with the null caption.
    """
    with_caption, without = (
        tweedie.from_x_0(denoiser(x_t, level, **given), x_t, level, "epsilon") for given in (condition, null)
    )
    distance: Tensor = (with_caption - without).flatten(1).norm(dim=1)
    return distance
