"""The noise of given images: how strong it is, what kind it is, and how it is made white.

    estimate(images)                  the level of each image and of all, with its interval, checks, and a verdict
    PoissonGaussian, Stabilised       noise that depends on the brightness: Anscombe transform, exact unbiased inverse
    parse_level, parse_poisson        noise as users write it
    read_arrays, read_source          images from files of numbers with a stated range, or from anything

Images are in [-1, 1]. The names are imported when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
