"""P1's table and figures: what SDXL's models show, and what the small models show that stand for them.

A function without `_on_digits` takes the artefact's products and shows what the pipeline of the scale makes of them;
one with it takes the small models of the registry's `stand_ins`.
"""

from paper_repro.p1.figure1 import filled_in, filled_in_on_digits
from paper_repro.p1.figure2 import posterior, posterior_on_digits
from paper_repro.p1.figure3 import two_attacks, two_attacks_on_digits
from paper_repro.p1.figure4 import distances, distances_on_digits
from paper_repro.p1.figure5 import levels, levels_on_digits
from paper_repro.p1.figure6 import generations, generations_on_digits
from paper_repro.p1.figure7 import prompts
from paper_repro.p1.figure8 import clean_against_noisy, clean_against_noisy_on_digits
from paper_repro.p1.figure9 import regions, regions_on_digits
from paper_repro.p1.figure10 import noising_against_generating, noising_against_generating_on_digits
from paper_repro.p1.figure11 import xrays
from paper_repro.p1.table1 import restoration, restoration_on_digits

__all__ = [
    "clean_against_noisy",
    "clean_against_noisy_on_digits",
    "distances",
    "distances_on_digits",
    "filled_in",
    "filled_in_on_digits",
    "generations",
    "generations_on_digits",
    "levels",
    "levels_on_digits",
    "noising_against_generating",
    "noising_against_generating_on_digits",
    "posterior",
    "posterior_on_digits",
    "prompts",
    "regions",
    "regions_on_digits",
    "restoration",
    "restoration_on_digits",
    "two_attacks",
    "two_attacks_on_digits",
    "xrays",
]
