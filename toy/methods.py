"""The methods that the small experiments compare: what each may see of the data, and where it stops.

What they minimise is in `toy.objectives`; here is what the options have to know, without importing anything heavy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from toy.names import MethodName


@dataclass(frozen=True)
class Method:
    """A way to train.

    Attributes:
        title: For tables and plots.
        sees: What of the data reaches it: the clean images, their one noisy copy, both, or the images masked.
        levelled: Whether it depends on the nature level.
        control: Whether it runs at the levels of the controls, where those are named.
        stop: Where sampling stops and returns posterior means, as a multiple of the nature level; 0 for clean images.
        multiple: What the batch has to be a multiple of.
        dropout: Whether its network has the dropout that is asked for.
        held_out: Whether it is trained on the images that no other method sees.
    """

    title: str
    sees: Literal["clean", "noisy", "both", "masked"]
    levelled: bool = True
    control: bool = False
    stop: float = 0.0
    multiple: int = 1
    dropout: bool = False
    held_out: bool = False


METHODS: dict[MethodName, Method] = {
    "dsm": Method("DSM", "clean", levelled=False),
    "hybrid": Method("hybrid", "both"),
    "ambient": Method("ambient", "noisy", control=True),
    "masking": Method("masking", "masked", levelled=False),
    "weight": Method("DSM, hybrid's weight", "clean", control=True),
    "redrawn": Method("hybrid, noise redrawn", "both", control=True),
    "dropout": Method("DSM, dropout", "clean", levelled=False, dropout=True),
    "held-out": Method("DSM on held-out images", "clean", levelled=False, held_out=True),
    "early-stop": Method("ambient, early stop", "noisy", stop=1.0),
    "paper": Method("ambient + P1's consistency", "noisy"),
    "ambient+consistency": Method("ambient + consistency", "noisy", stop=0.5, multiple=16),
}
"""By name:

- dsm, DDPM's objective; hybrid, P2's Algorithm 1; ambient, P1's ambient score matching ("noise" in P2's Table 2);
  masking, Ambient Diffusion's further corruption, sampled with fixed masks;
- controls: weight, which has Algorithm 1's weights and none of its missing information; redrawn, whose noise is drawn
  anew in every step; dropout; held-out, what is to be learnt from other images of the same kind;
- early-stop, paper, ambient+consistency: what P1 does below t_n, and the recipe that did best there
  (`ambient.objectives.recommended`).
"""
