from __future__ import annotations

import re
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from ambient import kernels, tweedie
from ambient.objectives import (
    AmbientScoreMatching,
    EpsilonWeight,
)
from ambient.objectives.consistency import Consistency, FromAbove, WithinEpsilon, _one_sided
from ambient.objectives.matching import matching_loss
from ambient.objectives.sure import SURE
from ambient.process import Transition, transition
from tests.mutation import mutate
from theory.running import check
from theory.statements import NOT_CHECKED, STATEMENTS

P1 = {statement.id: statement for statement in STATEMENTS if statement.id.startswith("P1-")}


def test_every_numbered_equation_has_its_place() -> None:
    places = " ".join(entry.place for entry in (*STATEMENTS, *NOT_CHECKED) if entry.place.startswith("P1"))
    named = set(re.findall(r"\b[23A]\.\d+", places))
    for first, last in re.findall(r"\bA\.(\d+)-A\.(\d+)", places):
        named |= {f"A.{i}" for i in range(int(first), int(last) + 1)}
    equations = {f"2.{i}" for i in range(1, 4)} | {f"3.{i}" for i in range(1, 8)} | {f"A.{i}" for i in range(1, 36)}
    assert equations <= named
    for theorem in ("Theorem 3.1", "Lemma 3.2", "Definition 3.3", "Theorem 3.4", "Lemma A.1", "Lemma A.2", "Lemma A.4"):
        assert theorem in places
    for theorem in ("Theorem A.3", "Theorem A.5", "Theorem A.6"):
        assert theorem in places


MUTATIONS: list[tuple[Callable[..., Any], str, str, str]] = [
    (tweedie.to_x_0, "+ per_sample(d, x_t)", "- per_sample(d, x_t)", "P1-3.2"),
    (tweedie.from_x_0, "x_0 - per_sample(d", "x_0 + per_sample(d", "P1-2.1"),
    (tweedie.nature_coefficients, "nature.alpha * step.variance", "step.variance", "P1-A.5"),
    (
        tweedie.nature_coefficients,
        "(nature.sigma / level.sigma) ** 2",
        "nature.sigma / level.sigma",
        "P1-double-Tweedie",
    ),
    (tweedie.nature_mean, "+ per_sample(b, x_t)", "- per_sample(b, x_t)", "P1-3.1"),
    (tweedie.clean_mean, "x_n - per_sample(b, x_t)", "x_n + per_sample(b, x_t)", "P1-A.2"),
    (transition, "scale * source.sigma", "source.sigma", "P1-A.24"),
    (Transition.perturb, "per_sample(self.std, x_s)", "per_sample(self.variance, x_s)", "P1-J_DSM"),
    (kernels.ancestral, "(target.sigma / level.sigma) ** 2", "(target.sigma / level.sigma)", "P1-step-moments"),
    (kernels.euler_maruyama, "back.std / back.scale", "back.std * back.scale", "P1-step-moments"),
    (kernels.euler_maruyama_sigma, "2 * per_sample", "per_sample", "P1-step-euler-sigma"),
    (kernels.euler_maruyama_sigma, "back.std / back.scale", "back.std", "P1-step-euler-sigma"),
    (kernels.covariance_matched, "per_sample(a**2 *", "per_sample(a *", "P1-step-matched"),
    (kernels.ddim, "perturb(x_0, noise)", "perturb(x_0, -noise)", "P1-step-DDIM"),
    (matching_loss, "- batch.x", "+ batch.x", "P1-3.1"),
    (matching_loss, "residual.square()", "residual.abs()", "P1-J_DSM"),
    (matching_loss, "weight(level, batch.nature)", "1 / weight(level, batch.nature)", "P1-epsilon-loss"),
    (EpsilonWeight.__call__, "step.scale**2 / step.variance", "step.scale / step.variance", "P1-epsilon-loss"),
    (
        AmbientScoreMatching.__call__,
        "self.levels.draw(draws.uniform(batch.x), above=batch.nature)",
        "batch.nature",
        "P1-3.1",
    ),
    (Consistency.__call__, "first * second", "first * first", "P1-two-sample"),
    (Consistency.__call__, "second = denoiser(reach(), end", "second = denoiser(reach(), start", "P1-two-sample"),
    (Consistency.__call__, 'h if self.gradient == "through" else h.detach()', "h.detach()", "P1-two-sample-gradient"),
    (_one_sided, "2 * first", "first", "P1-two-sample-gradient"),
    (WithinEpsilon.__call__, "t.clamp(max=self.epsilon)", "t", "P1-A.6-times"),
    (FromAbove.__call__, "sample(draws.normal(x_t)), middle", "sample(draws.normal(x_t)), level", "P1-A.6-times"),
    (SURE.__call__, "+ 2 * per_sample", "+ per_sample", "P1-SURE"),
]


@pytest.mark.parametrize(
    ("function", "right", "wrong", "id_"), MUTATIONS, ids=[f"{f.__qualname__}: {wrong}" for f, _, wrong, _ in MUTATIONS]
)
def test_an_error_in_the_method_is_found(
    monkeypatch: pytest.MonkeyPatch, function: FunctionType, right: str, wrong: str, id_: str
) -> None:
    mutate(monkeypatch, function, right, wrong)
    result = check(P1[id_])
    assert result.error == ""
    assert not result.agrees


@pytest.mark.parametrize("kind", ["score", "epsilon"])
def test_a_sign_error_in_a_prediction_is_found(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    inverse = tweedie._INVERSE[kind]
    monkeypatch.setitem(
        tweedie._INVERSE, kind, lambda alpha, sigma: (-inverse(alpha, sigma)[0], inverse(alpha, sigma)[1])
    )
    assert not check(P1["P1-3.2" if kind == "score" else "P1-step-DDIM"]).agrees
