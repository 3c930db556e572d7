"""What a model's folder says of it to a person: its README.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    facts = "\n".join(f"- {name}: {value}" for name, value in model.facts.items())
    stop = f"Sampling stops at {model.stop:g} and returns posterior means.\n" if model.stop else ""
    classes = f"Classes, in order: {', '.join(model.classes)}.\n" if model.classes else ""
    return f"""---
library_name: ambient-tweedie-lab
license: apache-2.0
tags: [diffusion, ambient-diffusion, denoising, unconditional-image-generation]
---
# A diffusion model trained on {noise}

Images of {side}x{side} with {channels} channel(s), in [-1, 1]. Levels are in the same units: a sigma of
{model.nature:g} is {model.nature * 127.5:.3g} grey levels of 255.

Trained by *{model.method}*: {_METHODS.get(model.method, model.method)}.
{stop}{classes}
{facts}

```python
import ambient

model = ambient.load(".")  # or its Hub id
images = next(model.sample(16, seed=0))  # (16, {channels}, {side}, {side}) in [-1, 1]
```

What it was trained on decides what it may be used for: the licence above is that of the code. A model can keep training
images, even noisy ones; `python -m ambient audit` counts how many of its samples are copies.
"""
