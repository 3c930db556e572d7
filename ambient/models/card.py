"""What a model's folder says of it to a person: its README.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ambient.noise.units import noise_in_words

if TYPE_CHECKING:
    from ambient.models.model import Model

_METHODS = {
    "recommended": "ambient score matching on antithetic pairs above the noise of the images, and online EM below it",
    "ambient": "ambient score matching: E[X_0 | X_t] above the noise of each image by the double-Tweedie map",
    "early-stop": "ambient score matching, and sampling that stops at the noise level of the images",
    "paper": "ambient score matching with the consistency loss of Consistent Diffusion Meets Tweedie",
    "algorithm-1": "Algorithm 1 of Does Generation Require Memorization?: clean images below the nature level, one "
    "fixed noisy copy of each above it",
    "dropout": "denoising score matching with dropout",
    "dsm": "denoising score matching",
}


def card_text(model: Model) -> str:
    """The card, in Markdown with the Hub's header."""
    channels, side, _ = model.shape
    noise = f"noisy images of level {model.nature:g}" if model.noisy else "clean images"
    if model.stabilised is not None:
        law = model.stabilised.noise
        noise = f"images with the noise {noise_in_words(law.gain, law.std)}"
    facts = "\n".join(f"- {name}: {value}" for name, value in model.facts.items())
    stop = f"Sampling stops at {model.stop:g} and returns posterior means.\n" if model.stop else ""
    classes = f"Classes, in order: {', '.join(model.classes)}.\n" if model.classes else ""
    return f"""---
library_name: ambient-tweedie-lab
license: apache-2.0
tags: [diffusion, ambient-diffusion, denoising, unconditional-image-generation]
---
# A diffusion model trained on {noise}

Images of {side}x{side} with {channels} channel(s), in [-1, 1]. {_levels(model)}

Trained by *{model.method}*: {_METHODS.get(model.method, model.method)}.
{stop}{classes}{_units(model)}
{facts}

```python
import ambient

model = ambient.load(".")  # or its Hub id
images = next(model.sample(16, seed=0))  # (16, {channels}, {side}, {side}) in [-1, 1]
```

What it was trained on decides what it may be used for: the licence above is that of the code. A model can keep training
images, even noisy ones; `python -m ambient audit` counts how many of its samples are copies.
"""


def _levels(model: Model) -> str:
    if model.stabilised is not None:
        return f"Levels are in the model's own units (below), in which the noise is {model.nature:.3g}."
    grey = f"{model.nature * 127.5:.3g} grey levels of 255"
    return f"Levels are in the same units: a sigma of\n{model.nature:g} is {grey}."


def _units(model: Model) -> str:
    """How a model for Poisson noise is to be understood; nothing for others."""
    if model.stabilised is None:
        return ""
    return (
        "\nThe network sees images through the generalised Anscombe transform, which makes their noise white. Samples "
        "and\nposterior samples are taken back by its exact unbiased inverse, which is right for them. The posterior "
        "mean is taken\nback by the same inverse; it is a little darker than the mean of the image (by at most about a "
        "quarter of a count),\nand where that matters, average posterior samples.\n"
    )
