"""Ambient diffusion: what a diffusion model can learn from images it only ever sees noisy.

The method of two papers, P1 "Consistent Diffusion Meets Tweedie" (arXiv 2404.10177) and P2 "Does Generation Require
Memorization? Creative Diffusion Models using Ambient Diffusion". Everything is written for a denoiser
h(x_t, level) = E[X_0 | X_t = x_t] and levels X_t = alpha_t X_0 + sigma_t Z.
"""
