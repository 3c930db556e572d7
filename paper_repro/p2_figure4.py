"""P2, Figure 4: images of Algorithm 1 trained on 300 images."""

from paper_repro.p2_samples import make

__all__ = ["make"]
