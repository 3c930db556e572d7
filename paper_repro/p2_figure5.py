"""P2, Figure 5: images of Algorithm 1 trained on 1,000 images."""

from paper_repro.p2_samples import make

__all__ = ["make"]
