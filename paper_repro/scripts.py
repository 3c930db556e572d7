"""What makes each artefact: for every description of the registry, functions that take its products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

from paper_repro import p1, p2
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.registry import p1 as of_p1
from paper_repro.registry import p2 as of_p2
from paper_repro.registry.artefact import Artefact, P
from paper_repro.report.evidence import Evidence


@dataclass(frozen=True)
class Script(Generic[P]):
    """What makes an artefact.

    Attributes:
        artefact: Its description.
        shown: Makes what the models of its products show.
        on_digits: Makes what the small models show that stand for them at the scales smoke and cpu, if any can.
    """

    artefact: Artefact[P]
    shown: Callable[[Run, P], Evidence]
    on_digits: Callable[[Run, Sequence[StandIn]], Evidence] | None = None

    def evidence(self, run: Run) -> Evidence:
        """What the artefact shows, and what decides its claim."""
        artefact = self.artefact
        on_digits = None if self.on_digits is None else partial(self.on_digits, run, artefact.stand_ins)
        return run.backend.evidence(partial(self.shown, run, artefact.products), on_digits, artefact.surrogates)


SCRIPTS: tuple[Script[Any], ...] = (
    Script(of_p1.TABLE1, p1.restoration, p1.restoration_on_digits),
    Script(of_p1.FIGURE1, p1.filled_in, p1.filled_in_on_digits),
    Script(of_p1.FIGURE2, p1.posterior, p1.posterior_on_digits),
    Script(of_p1.FIGURE3, p1.two_attacks, p1.two_attacks_on_digits),
    Script(of_p1.FIGURE4, p1.distances, p1.distances_on_digits),
    Script(of_p1.FIGURE5, p1.levels, p1.levels_on_digits),
    Script(of_p1.FIGURE6, p1.generations, p1.generations_on_digits),
    Script(of_p1.FIGURE7, p1.prompts),
    Script(of_p1.FIGURE8, p1.clean_against_noisy, p1.clean_against_noisy_on_digits),
    Script(of_p1.FIGURE9, p1.regions, p1.regions_on_digits),
    Script(of_p1.FIGURE10, p1.noising_against_generating, p1.noising_against_generating_on_digits),
    Script(of_p1.FIGURE11, p1.xrays),
    Script(of_p2.TABLE1, p2.quality_and_copies),
    Script(of_p2.TABLE2, p2.corrupted_data),
    Script(of_p2.TABLE3, p2.text_conditional),
    Script(of_p2.FIGURE1, p2.frontier),
    Script(of_p2.FIGURE2, p2.prompts),
    Script(of_p2.FIGURE3, p2.denoised),
    Script(of_p2.FIGURE4, p2.images),
    Script(of_p2.FIGURE5, p2.images),
    Script(of_p2.FIGURE6, p2.images),
)


def script_of(artefact: Artefact[Any]) -> Script[Any]:
    """What makes an artefact."""
    return next(script for script in SCRIPTS if script.artefact is artefact)
