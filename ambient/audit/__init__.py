"""Do these samples repeat their training set? An audit of anybody's samples.

    inputs, options      images of any source, checked against each other
    warps, matching      the training image that a sample most resembles: mirrored, shifted, cropped
    duplicates           what a set holds more than once
    probes, planted      the share of samples that are copies, by a test whose errors are measured
    neighbours, measures S > c, m13, P_tr, AuthPct, C_T
    intervals            of shares and statistics, of samples that repeat each other
    auditing             all of it, as one call
    explanations, pictures, page    what a reader sees

The names below are public, and imported when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
