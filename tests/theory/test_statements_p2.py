from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ambient import karras, tweedie
from ambient.levels import UniformTime
from ambient.objectives import (
    Hybrid,
)
from ambient.objectives.matching import matching_loss
from ambient.process import VP, Level, transition
from tests.mutation import mutate
from theory import feldman, separation
from theory.empirical import EmpiricalDenoiser, HybridOptimum
from theory.feldman_priors import Marginal
from theory.running import check
from theory.statements import NOT_CHECKED, STATEMENTS

P2 = {statement.id: statement for statement in STATEMENTS if statement.id.startswith("P2-")}


def test_every_numbered_statement_has_its_place() -> None:
    places = " ".join(entry.place for entry in (*STATEMENTS, *NOT_CHECKED) if entry.place.startswith("P2"))
    equations = {int(number) for number in re.findall(r"\((\d+)\)", places)}
    assert set(range(1, 12)) <= equations
    for name in ("Lemma 4.1", "Theorem 4.2", "Lemma 4.3", "Lemma 4.4", "Theorem A.1", "Lemma A.2", "Lemma A.3"):
        assert name in places
    for name in ("Lemma A.4", "Lemma A.5", "Lemma A.6", "Lemma B.1", "Lemma B.2", "Definition 1", "Definition 2"):
        assert name in places
    for name in ("Remark 1", "Algorithm 1", "Figures 1 to 6", "Tables 1 to 3"):
        assert name in places


MUTATIONS: list[tuple[Callable[..., Any], str, str, str]] = [
    (Level.perturb, "per_sample(self.alpha, x_0) * x_0", "x_0", "P2-1"),
    (VP.level, "(1 - t) * (1 + t)", "(1 - t) * (1 - t)", "P2-1"),
    (tweedie.from_x_0, "x_0 - per_sample(d", "x_0 + per_sample(d", "P2-2"),
    (matching_loss, "- batch.x", "+ batch.x", "P2-3"),
    (tweedie.to_x_0, "+ per_sample(d, x_t)", "- per_sample(d, x_t)", "P2-4"),
    (karras._churned, "(x - denoised)", "(denoised - x)", "P2-5"),
    (tweedie.nature_coefficients, "nature.alpha * step.variance", "step.variance", "P2-6"),
    (tweedie.nature_mean, "+ per_sample(b, x_t)", "- per_sample(b, x_t)", "P2-B.1"),
    (transition, "scale * source.sigma", "source.sigma", "P2-B.1"),
    (tweedie.clean_mean, "x_n - per_sample(b, x_t)", "x_n + per_sample(b, x_t)", "P2-Alg1-once"),
    (Hybrid.__call__, "torch.where(pixels, batch.x, batch.clean)", "batch.x", "P2-Alg1"),
    (Hybrid._draw, "self.levels.draw(u, below=nature)", "self.levels.draw(u)", "P2-Alg1"),
    (Hybrid._draw, "< 0.5", "< 0.52", "P2-Alg1-sides"),
    (UniformTime.draw, "low + u * (high - low)", "low + u**2 * (high - low)", "P2-Alg1-sides"),
    (EmpiricalDenoiser._chunk, "rho * (x @ points.T)", "x @ points.T", "P2-C.1"),
    (HybridOptimum.__call__, "(self.clean, ~above), (self.noisy, above)", "(self.clean, above)", "P2-Alg1-end"),
    (Marginal.tau, "(n - count)", "n", "P2-tau"),
    (feldman.posterior_mean, "count + 1", "count", "P2-L2.1"),
    (feldman.decompose, "sum(means[x[0]] * mass[x]", "sum(means[0] * mass[x]", "P2-A.1"),
    (Marginal.singletons, "(n - 1)", "n", "P2-singletons"),
    (separation.total_variation, "8**0.5", "4**0.5", "P2-A.5"),
    (separation.sharp_threshold, "distance(tau)", "tau", "P2-A.5"),
]


@pytest.mark.parametrize(("function", "right", "wrong", "id_"), MUTATIONS)
def test_an_error_is_found(monkeypatch: pytest.MonkeyPatch, function: Any, right: str, wrong: str, id_: str) -> None:
    mutate(monkeypatch, function, right, wrong)
    assert not check(P2[id_]).agrees
