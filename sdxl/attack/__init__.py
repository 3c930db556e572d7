r"""Attack a model for memorisation (P1, section 4.1): `python -m sdxl.attack noise|mask|prompt DATA`.

    noise    latents of the data are noised to t = 900 and 800 and restored with null captions, as the posterior mean
             E[X_0 | X_t] and as a posterior sample (`ambient.attacks.noise_and_restore`)
    mask     the largest object of each image is hidden, and an inpainting model fills it in, given the caption
             (`ambient.attacks.mask_and_restore`); only what was hidden is compared
    prompt   Somepalli et al.: images are generated from the captions and compared with the data; the baseline

All compare each image with its own original and with the nearest image of the data, on DINOv2 features. Several
checkpoints are attacked with the same noise and compared image by image. `--held-out` attacks images that were not
trained on, the control without which a similarity says little.

Posterior samples are drawn by ancestral steps on a grid that is geometric in sigma / alpha, from t down to the model's
first step.
"""

from sdxl.attack.command import main
from sdxl.attack.options import AttackOptions, MaskAttack, MaskOptions, NoiseAttack, PromptAttack

__all__ = ["AttackOptions", "MaskAttack", "MaskOptions", "NoiseAttack", "PromptAttack", "main"]
