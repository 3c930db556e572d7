r"""What a data set says about the frequencies of its subpopulations (P2 Theorem A.1; Feldman 2020, Lemma 2.1).

Of n samples, l_j are of subpopulation j. Given the whole data set Z,

    E[alpha_i | Z] = E[ alpha_i prod_j alpha_j^l_j ] / E[ prod_j alpha_j^l_j ],

which is not tau_(l_i): Feldman's Lemma 2.1 conditions on l_i alone. Three ways to the same number:

    enumeration     all lists of entries (p_1 .. p_N), in fractions, for small N;
    an integral     alpha_j = p_j / S and 1 / S^n = int_0^inf u^(n-1) e^(-uS) du / Gamma(n) separate the components,
                    E[ prod_j alpha_j^l_j ] = int_0^inf u^(n-1) / Gamma(n) prod_j E[p^l_j e^(-up)] du, for any N;
    closed form     (a + l_i) / (N a + n) under the gamma prior, where Lemma 2.1 is exact.

Theorem A.1 splits the error of an algorithm on a data set into what it has not seen and what it has,

    err = err_unseen + sum_l c_l errn(l),    errn(l) = sum over the x of Z_l of M_(i_x)(x) L(x),

printed with c_l = tau_l; it holds with E[alpha_(i_x) | Z] inside the sum instead. Points have to have a probability,
so the domain is discrete.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
from numpy.typing import NDArray

from theory.feldman_priors import ListPrior, Prior

Point = tuple[int, int]
"""The j-th point of subpopulation i."""
Loss = Callable[[Point, tuple[Point, ...]], Fraction]
"""The loss at a point of what an algorithm makes of a data set."""


def exact_posterior_means(prior: ListPrior, counts: Sequence[int]) -> list[Fraction]:
    """E[alpha_i | Z] of every subpopulation in fractions, by enumeration; small N and short lists only.

    Args:
        prior: A list prior.
        counts: l_1 .. l_N, the samples of each subpopulation.

    Raises:
        ValueError: If there is not one count for each component.
    """
    if len(counts) != prior.components:
        raise ValueError(f"{prior.components} components need {prior.components} counts, got {len(counts)}")
    total, means = Fraction(0), [Fraction(0)] * len(counts)
    for alpha, chance in _weights(prior):
        joint = chance * math.prod(a**c for a, c in zip(alpha, counts, strict=True))
        total += joint
        means = [m + joint * a for m, a in zip(means, alpha, strict=True)]
    return [m / total for m in means]


def posterior_mean(prior: Prior, counts: Mapping[int, int], count: int) -> float:
    """E[alpha_i | Z] of a subpopulation with l samples, by the one-dimensional integral; N up to 10^6.

    Args:
        prior: Any prior.
        counts: How many subpopulations have how many samples, {l: how many}; those not named have none.
        count: Samples of subpopulation i; some subpopulation must have them.

    Raises:
        ValueError: If more subpopulations are named than there are, none has `count` samples, or there are no samples.
    """
    profile = Counter({k: m for k, m in counts.items() if k > 0})
    profile[0] = prior.components - profile.total()
    n = sum(k * m for k, m in profile.items())
    if profile[0] < 0 or profile[count] < 1 or n < 1:
        raise ValueError(f"no subpopulation with {count} samples in {dict(counts)} of {prior.components} components")

    def log_integrand(s: NDArray[np.float64]) -> NDArray[np.float64]:
        u = np.exp(s)
        return n * s + sum(m * prior.log_moment(k, u) for k, m in profile.items() if m > 0)

    s = np.linspace(-45, 500, 8001)
    for _ in range(3):  # narrows the range to where the integrand is above e^-45 of its peak
        value = log_integrand(s)
        inside = np.flatnonzero(value > value.max() - 45)
        s = np.linspace(s[max(inside[0] - 1, 0)], s[min(inside[-1] + 1, len(s) - 1)], 2001)
    value = log_integrand(s)
    density = np.exp(value - value.max())
    gain = np.exp(s + prior.log_moment(count + 1, np.exp(s)) - prior.log_moment(count, np.exp(s))) / n
    return float((density * gain).sum() / density.sum())


def typical_counts(prior: Prior, n: int, generator: np.random.Generator) -> dict[int, int]:
    """How many subpopulations have how many samples in one data set of n drawn from the model, {l: how many}."""
    counts = generator.multinomial(n, prior.draw(generator))
    return dict(Counter(counts.tolist()))


@dataclass(frozen=True)
class Decomposition:
    """Theorem A.1 on one data set, in fractions.

    Attributes:
        error: err(A | Z), the expected population loss.
        unseen: Its part on points outside of Z.
        printed: unseen + sum_l tau_l errn(l).
        corrected: unseen + sum over x in Z of E[alpha_(i_x) | Z] M_(i_x)(x) L(x).
        singles: errn(1), the loss on the points whose subpopulation has one sample.
        evidence: P(Z), the probability of the data set (in its order).
    """

    error: Fraction
    unseen: Fraction
    printed: Fraction
    corrected: Fraction
    singles: Fraction
    evidence: Fraction


def decompose(
    prior: ListPrior, components: Sequence[Sequence[Fraction]], data: tuple[Point, ...], loss: Loss
) -> Decomposition:
    """Both sides of Theorem A.1, the left one from Bayes' rule alone.

    Args:
        prior: A list prior with few components.
        components: M_i, the probabilities of the points of subpopulation i, i = 1 .. N.
        data: Z.
        loss: L(x) of the algorithm that was given Z.

    Raises:
        ValueError: If there is not one law for each component.
    """
    if len(components) != prior.components:
        raise ValueError(f"{prior.components} components need {prior.components} laws, got {len(components)}")
    points = [(i, j) for i, law in enumerate(components) for j in range(len(law))]
    mass = {point: Fraction(components[point[0]][point[1]]) * loss(point, data) for point in points}
    evidence, error, unseen = Fraction(0), Fraction(0), Fraction(0)
    for alpha, chance in _weights(prior):
        joint = chance * math.prod(alpha[i] * components[i][j] for i, j in data)
        evidence += joint
        error += joint * sum(alpha[point[0]] * mass[point] for point in points)
        unseen += joint * sum(alpha[point[0]] * mass[point] for point in points if point not in data)
    counts = Counter(i for i, _ in data)
    means = exact_posterior_means(prior, [counts[i] for i in range(prior.components)])
    marginal = prior.exact_marginal()
    tau = {c: Fraction(marginal.tau(len(data), c)) for c in set(counts.values())}
    seen = set(data)
    return Decomposition(
        error=error / evidence,
        unseen=unseen / evidence,
        printed=unseen / evidence + sum(tau[counts[x[0]]] * mass[x] for x in seen),
        corrected=unseen / evidence + sum(means[x[0]] * mass[x] for x in seen),
        singles=sum((mass[x] for x in seen if counts[x[0]] == 1), Fraction(0)),
        evidence=evidence,
    )


def all_data_sets(components: Sequence[Sequence[Fraction]], n: int) -> list[tuple[Point, ...]]:
    """Every ordered data set of n points."""
    points = [(i, j) for i, law in enumerate(components) for j in range(len(law))]
    return list(product(points, repeat=n))


def _weights(prior: ListPrior) -> list[tuple[list[Fraction], Fraction]]:
    atoms = {Fraction(v): Fraction(q) for v, q in prior.atoms.items()}
    found = []
    for p in product(atoms, repeat=prior.components):
        total = sum(p, Fraction(0))
        found.append(([v / total for v in p], math.prod((atoms[v] for v in p), start=Fraction(1))))
    return found
