r"""Fine-tune Stable Diffusion on clean or noisy latents by LoRA: `python -m sdxl.train LATENTS`.

    method        objective (all of `ambient.objectives`)                          latents
    dsm           denoising score matching                                         clean
    ambient       ambient score matching above t_n                                 noisy
    consistency   ambient + lambda x consistency below t_n                         noisy
    recommended   ambient on antithetic pairs + 0.3 x online EM below t_n          noisy
    hybrid        P2's Algorithm 1: clean up to t_n, the fixed noisy copy above    noisy with --keep-clean

Under `accelerate launch` the batch is shared among processes. Weights that are trained stay fp32, whatever the
precision of the U-Net. Where the processes hold pieces of the weights (FSDP, DeepSpeed), no LoRA is kept and no picture
drawn before the end. To resume, run the same command again: on the CPU the result is the same bit for bit.
"""

from sdxl.train.command import main
from sdxl.train.options import TrainOptions

__all__ = ["TrainOptions", "main"]
