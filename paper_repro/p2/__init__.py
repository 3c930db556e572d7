"""P2's tables and figures: each function takes an artefact's products and shows what was made of them."""

from paper_repro.p2.figure1 import frontier
from paper_repro.p2.figure2 import prompts
from paper_repro.p2.figure3 import denoised
from paper_repro.p2.samples import images
from paper_repro.p2.table1 import quality_and_copies
from paper_repro.p2.table2 import corrupted_data
from paper_repro.p2.table3 import text_conditional

__all__ = [
    "corrupted_data",
    "denoised",
    "frontier",
    "images",
    "prompts",
    "quality_and_copies",
    "text_conditional",
]
