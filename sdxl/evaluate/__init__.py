r"""Judge fine-tuned models side by side: `python -m sdxl.evaluate DATA --checkpoints base runs/a runs/b`.

    restoration    P1's Table 1: MSE of E[X_0 | X_t] at t = 900, 800, 500 and 100, in latents and in pixels
    generation     images from the captions of the data (P1's Figure 4, P2's Table 3): Fréchet distance to the data, FID
                   on Inception features and called by its features' name on others; largest similarity to an image of
                   the data, its mean ("Sim"), 95 % quantile, shares above P1's thresholds; CLIP score with the prompt

Everything is written as soon as it is known, so the same command goes on where it was; `accelerate launch` shares the
images among processes. Fréchet distances depend on the number of images and compare only at equal numbers.
"""

from sdxl.evaluate.command import main
from sdxl.evaluate.options import EvaluateOptions

__all__ = ["EvaluateOptions", "main"]
