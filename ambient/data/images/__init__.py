"""Data sets of images: read from any usual layout, checked file by file, and cut to subsets that are written down.

    options     how they are read, and how large they may be         stores     folders, zips and tars, read alike
    loading     all images of a set as one tensor                    layouts    CIFAR-10, Tiny ImageNet, EDM, ...
    captioned   images with captions, as units of work               captions   where captions are found
    validation  faults, what is left out, and the report of both     subsets    which images are used, written down

The names below are imported when they are first used, so that the options alone cost nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
