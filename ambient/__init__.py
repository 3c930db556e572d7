"""Ambient diffusion: what a diffusion model can learn from images it only ever sees noisy.

The method of two papers, P1 "Consistent Diffusion Meets Tweedie" (arXiv 2404.10177) and P2 "Does Generation Require
Memorization? Creative Diffusion Models using Ambient Diffusion". Everything is written for a denoiser
h(x_t, level) = E[X_0 | X_t = x_t] and levels X_t = alpha_t X_0 + sigma_t Z.

    process, levels, schedules, tweedie, denoisers           the mathematics
    kernels, karras                                          steps and grids of sampling
    objectives, posterior                                    what is minimised, and what that draws from
    data, training, sampling                                 samples in, a model, samples out
    metrics, attacks                                         how good they are, and what was memorised
    runs                                                     files, tables, the command line

The names below are public; so is what the rooms' own `__init__` lists. They are imported when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
