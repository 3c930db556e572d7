r"""Linear measurements y = A x_0 + sigma_y N: what they are, and how to solve with them.

    Identity, Mask, Blur, Downsample, Matrix        of real images
    Fourier, MultiCoil, AsComplex                   of magnetic resonance imaging
    Compose, adapted                                two in a row; any object with `A` and `A_adjoint`
    conjugate_gradients                             batched, each sample to its own tolerance
    parse_task, operator_of                         as users write them: blur:1.5, downsample:2, inpainting:0.8

What a denoiser makes of measurements is `ambient.posterior.guidance`. The names are imported when first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
