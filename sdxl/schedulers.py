"""The schedulers of diffusers that draw from a Stable Diffusion model, and why the others do not.

A scheduler belongs here if an unmodified pipeline with it makes the images that `sdxl.sampling.sample` makes; a test
goes through all of diffusers' schedulers, so that one which is new is refused until it has been tried.
"""

from __future__ import annotations

import difflib

SCHEDULERS = (
    "DDIM", "DDIMParallel", "DDPM", "DDPMParallel", "DEISMultistep", "DPMSolverMultistep", "DPMSolverSinglestep",
    "EulerAncestralDiscrete", "EulerDiscrete", "HeunDiscrete", "KDPM2AncestralDiscrete", "KDPM2Discrete", "LCM",
    "LMSDiscrete", "PNDM", "SASolver", "TCD", "UniPCMultistep",
)  # fmt: skip
"""Names without "Scheduler" at their end."""

_FLOW = "belongs to flow-matching models, whose levels are others than Stable Diffusion's"
_OWN_LEVELS = "has noise levels of its own, which are not those of the model"
_INVERTS = "goes from images to noise"
_TOKENS = "belongs to models of tokens"
_OTHER = "belongs to another model, which it needs more of than its prediction"

REFUSED = {
    "Amused": _TOKENS,
    "BlockRefinement": _TOKENS,
    "CMStochasticIterative": _OWN_LEVELS,
    "CogVideoXDDIM": _OWN_LEVELS,
    "CogVideoXDPM": _OWN_LEVELS,
    "CosineDPMSolverMultistep": _OWN_LEVELS,
    "DDIMInverse": _INVERTS,
    "DDPMWuerstchen": _OWN_LEVELS,
    "DPMSolverMultistepInverse": _INVERTS,
    "DPMSolverSDE": "draws noise for a whole batch at once, so that no image could be made again alone",
    "DiscreteDDIM": _TOKENS,
    "EDMDPMSolverMultistep": _OWN_LEVELS,
    "EDMEuler": _OWN_LEVELS,
    "EntropyBound": _TOKENS,
    "FlowMapEulerDiscrete": _FLOW,
    "FlowMatchEulerDiscrete": _FLOW,
    "FlowMatchHeunDiscrete": _FLOW,
    "FlowMatchLCM": _FLOW,
    "Helios": _FLOW,
    "HeliosDMD": _FLOW,
    "IPNDM": _OWN_LEVELS,
    "KarrasVe": _OWN_LEVELS,
    "LTXEulerAncestralRF": _FLOW,
    "MiniMaxH3": _FLOW,
    "Piflow": _FLOW,
    "RFD4Proteina": _OTHER,
    "RePaint": "fills in images, and needs an image and a mask",
    "SCM": _FLOW,
    "ScoreSdeVe": _OWN_LEVELS,
    "UnCLIP": _OWN_LEVELS,
    "VQDiffusion": _TOKENS,
}
"""Why a scheduler of diffusers is refused, as "--scheduler NAME ..."."""


def check_scheduler(name: str) -> str:
    """The full name of a scheduler that makes the images of a Stable Diffusion pipeline.

    Args:
        name: With or without "Scheduler" at its end.

    Raises:
        ValueError: If it cannot, saying why, or there is none of this name.
    """
    short = name.removesuffix("Scheduler")
    if short in SCHEDULERS:
        return f"{short}Scheduler"
    if short in REFUSED:
        raise ValueError(f"--scheduler {name} {REFUSED[short]}; use DDIM, DPMSolverMultistep or EulerDiscrete")
    near = difflib.get_close_matches(short, SCHEDULERS, 3, 0.5) or SCHEDULERS
    raise ValueError(f"--scheduler {name}: there is no {short}Scheduler here; there are {', '.join(near)}")
