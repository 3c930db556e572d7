"""P2, Figure 6: images of Algorithm 1 trained on 3,000 images."""

from paper_repro.p2_samples import make

__all__ = ["make"]
