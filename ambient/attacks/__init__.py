"""Attacks that ask a trained model to restore what was taken from its training images (P1, section 4.1).

A restoration much nearer to its original than what was left of it can explain is evidence that the model has kept the
image. How near is the cosine similarity of features, to the image's own original and to the nearest image of the data
set; the share of restorations whose nearest image is their own says how many are *identified*. A similarity by itself
is no evidence: good models restore images well that they have never seen. So the same attack on held-out images, or on
a model trained on other data, is the control, and `ambient.metrics.dominance` compares the two.
"""

from ambient.attacks.repaint import RePaint
from ambient.attacks.restoration import (
    Inpainter,
    Restoration,
    Restored,
    corrupt,
    mask_and_restore,
    noise_and_restore,
)
from ambient.attacks.similarities import Similarities, compare, histogram

__all__ = [
    "Inpainter",
    "RePaint",
    "Restoration",
    "Restored",
    "Similarities",
    "compare",
    "corrupt",
    "histogram",
    "mask_and_restore",
    "noise_and_restore",
]
