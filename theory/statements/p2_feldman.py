"""P2 sections 4.1 and A.1 to A.3: frequencies of subpopulations, tau_l, and what a data set says about them."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np

from theory.feldman import (
    Decomposition,
    Point,
    all_data_sets,
    decompose,
    exact_posterior_means,
    posterior_mean,
    typical_counts,
)
from theory.feldman_priors import GammaPrior, ListPrior
from theory.statements.base import Evidence, Findings, Statement

ATOMS = [[Fraction(1, 2), Fraction(1, 2)], [Fraction(1, 3), Fraction(2, 3)], [Fraction(1)]]
"""Three subpopulations with two, two and one points."""

_ENDS = ((3, 0, 0), (2, 1, 0))
"""Counts whose first entry is n or n - 1."""


def _definition_1() -> Findings:
    entries, components = (1, 4, 10), 3
    marginal = ListPrior(entries, components).exact_marginal()
    moments = [[Fraction(0)] * 4 for _ in range(components)]
    for p in product(entries, repeat=components):
        for i, k in product(range(components), range(4)):
            moments[i][k] += Fraction(p[i], sum(p)) ** (k + 1) / len(entries) ** components
    expected = [(marginal.mass * marginal.alpha ** (k + 1)).sum() for k in range(4)]
    gap = max(abs(m[k] - expected[k]) for m in moments for k in range(4))
    return Findings(
        printed=(
            Evidence("moments 1 to 4 of each alpha_i against the marginal, exact", float(gap), "<=", 0),
            Evidence("|N E[alpha] - 1|, exact", float(abs(components * expected[0] - 1)), "<=", 0),
        )
    )


def _tau() -> Findings:
    entries, components, n = (1, 4, 10), 3, 4
    marginal = ListPrior(entries, components).exact_marginal()
    gap = Fraction(0)
    for count in range(n + 1):
        total = mean = Fraction(0)
        for p in product(entries, repeat=components):
            alpha = [Fraction(v, sum(p)) for v in p]
            for sample in product(range(components), repeat=n):
                if sample.count(0) == count:
                    chance = math.prod(alpha[i] for i in sample)
                    total, mean = total + chance, mean + chance * alpha[0]
        gap = max(gap, abs(mean / total - Fraction(marginal.tau(n, count))))
    return Findings(printed=(Evidence("|E[alpha_i | l of n samples are of i] - tau_l|, exact", float(gap), "<=", 0),))


def _gap(prior: ListPrior, n: int, data_sets: int) -> float:
    """RMS of E[alpha_i|Z] / tau_1 - 1 for a subpopulation seen once, over data sets Z drawn from the model."""
    generator, tau_1 = np.random.default_rng(0), float(prior.lattice_marginal().tau(n))
    counts = [typical_counts(prior, n, generator) for _ in range(data_sets)]
    return math.sqrt(np.mean([(posterior_mean(prior, c, 1) / tau_1 - 1) ** 2 for c in counts if 1 in c]))


def _lemma_2_1() -> Findings:
    prior = ListPrior([1, 10], 3)
    tau_1 = Fraction(prior.exact_marginal().tau(3))
    distinct, repeated = exact_posterior_means(prior, (1, 1, 1))[0], exact_posterior_means(prior, (2, 1, 0))[1]
    entries = exact_posterior_means(ListPrior([1, 1, 10]), (1, 1, 1))[0]
    own = Fraction(ListPrior([1, 1, 10]).exact_marginal().tau(3))
    gamma = GammaPrior(0.7, 6)
    counts = {3: 1, 2: 1, 1: 2}
    dirichlet = max(abs(posterior_mean(gamma, counts, k) / gamma.tau(7, k) - 1) for k in (0, 1, 2, 3))
    pair = ListPrior([1, 10], 2)
    two = max(
        abs(exact_posterior_means(pair, (k, 5 - k))[0] - Fraction(pair.exact_marginal().tau(5, k))) for k in range(6)
    )
    ends = [exact_posterior_means(prior, c)[0] - Fraction(prior.exact_marginal().tau(3, c[0])) for c in _ENDS]
    far = ListPrior([1, 100], 10_000, [0.9, 0.1])
    all_distinct = posterior_mean(far, {1: 10_000}, 1) / float(far.lattice_marginal().tau(10_000)) - 1
    return Findings(
        printed=(
            Evidence("list (1, 10), N = n = 3, Z = (a,b,c): |E[alpha|Z]/tau_1 - 1|", _off(distinct, tau_1), "<=", 0),
            Evidence("the same, Z = (a,b,b), at a", _off(repeated, tau_1), "<=", 0),
            Evidence("a list of three entries (1, 1, 10), Z = (a,b,c)", _off(entries, own), "<=", 0),
            Evidence("list (1, 100), q = .1, N = n = 10^4, Z all distinct", abs(all_distinct), "<=", 1e-9),
        ),
        corrected=(
            Evidence("tau_1 of list (1, 10), N = n = 3, less 6378145/19018524", _tau_off(tau_1), "<=", 0),
            Evidence("average of E[alpha_i|Z] over Z with l_i = 1 against tau_1, exact", _averaged(prior), "<=", 0),
            Evidence("gamma prior: max |E[alpha|Z]/tau_l - 1|", dirichlet, "<=", 1e-10),
            Evidence(
                "l = n and n - 1, N = n = 3: max |E[alpha|Z] - tau_l|, exact", float(max(map(abs, ends))), "<=", 0
            ),
            Evidence("N = 2, n = 5: max |E[alpha|Z] - tau_l|, exact", float(two), "<=", 0),
            Evidence("typical Z, list (1, 10), N = n = 10: RMS gap", _gap(ListPrior([1, 10], 10), 10, 40), ">=", 0.02),
            Evidence("N = n = 10^4: RMS gap", _gap(ListPrior([1, 10], 10_000), 10_000, 20), "<=", 0.004),
        ),
    )


def _off(value: Fraction, tau_l: Fraction) -> float:
    return abs(float(value / tau_l - 1))


def _tau_off(tau_1: Fraction) -> float:
    return abs(float(tau_1 - Fraction(6378145, 19018524)))


def _averaged(prior: ListPrior) -> float:
    """The gap between tau_1 and the average of E[alpha_0|Z] over all samples with one of component 0, n = N = 3."""
    total = mean = Fraction(0)
    for sample in product(range(3), repeat=3):
        if sample.count(0) == 1:
            counts = [sample.count(i) for i in range(3)]
            chance = math.prod(
                exact_posterior_means(prior, [sample[:k].count(i) for i in range(3)])[i] for k, i in enumerate(sample)
            )
            total, mean = total + chance, mean + chance * exact_posterior_means(prior, counts)[0]
    return abs(float(mean / total - Fraction(prior.exact_marginal().tau(3))))


def _equation_9() -> Findings:
    """Loss 1 everywhere: then err = 1 whatever the algorithm, and the sum has to be 1 too."""
    prior = ListPrior([1, 10], 3)
    flat = decompose(prior, ATOMS, ((0, 0), (1, 1), (2, 0)), lambda point, data: Fraction(1))
    # Uniform densities on three unit intervals: Z has measure 0, so err_unseen = 1 and errn(1) = 3.
    tau_1 = float(prior.exact_marginal().tau(3))
    return Findings(
        printed=(Evidence("continuous domain, L = 1: err_unseen + tau_1 errn(1) - err", 3 * tau_1, "<=", 1e-9),),
        corrected=(
            Evidence("discrete domain, L = 1: |err - 1|, exact", abs(float(flat.error - 1)), "<=", 0),
            Evidence("and err less its two parts, exact", abs(float(flat.error - flat.corrected)), "<=", 0),
        ),
    )


def _nonlocal(point: Point, data: tuple[Point, ...]) -> Fraction:
    """A loss that depends on another component: component 0 fares worse when the others repeat."""
    others = [i for i, _ in data if i != 0]
    return Fraction(1 + 5 * (point[0] == 0 and len(set(others)) < len(others)) + point[1], 3)


def _local(point: Point, data: tuple[Point, ...]) -> Fraction:
    """A loss that depends on the samples of the point's own component only."""
    own = [x for x in data if x[0] == point[0]]
    return Fraction(2 + point[1] + 3 * own.count(point), 1 + len(own))


def _sweep(n: int = 3) -> tuple[list[Decomposition], list[Decomposition]]:
    prior = ListPrior([1, 10], 3)
    data_sets = all_data_sets(ATOMS, n)
    return [decompose(prior, ATOMS, z, _local) for z in data_sets], [
        decompose(prior, ATOMS, z, _nonlocal) for z in data_sets
    ]


def _theorem_a_1() -> Findings:
    near, far = _sweep()
    worst = max(abs(d.printed / d.error - 1) for d in near + far)
    exact = max(abs(d.corrected - d.error) for d in near + far)
    average = {
        name: sum(d.evidence * (d.printed - d.error) for d in found) for name, found in (("n", near), ("f", far))
    }
    pair = ListPrior([1, 10], 2)
    two = [decompose(pair, ATOMS[:2], z, _local) for z in all_data_sets(ATOMS[:2], 2)]
    return Findings(
        printed=(Evidence("all 125 data sets, N = n = 3: max |printed/err - 1|", float(worst), "<=", 0),),
        corrected=(
            Evidence("with E[alpha_(i_x)|Z] for tau_l: max |corrected - err|, exact", float(exact), "<=", 0),
            Evidence("N = 2: max |printed - err|, exact", float(max(abs(d.printed - d.error) for d in two)), "<=", 0),
            Evidence("averaged over Z, losses that see their own component", abs(float(average["n"])), "<=", 0),
            Evidence("averaged over Z, a loss that sees the others too", abs(float(average["f"])), ">", 1e-4),
        ),
    )


def _theorem_4_2() -> Findings:
    near, far = _sweep()
    prior = ListPrior([1, 10], 3)
    tau_1 = Fraction(prior.exact_marginal().tau(3))
    short = max(float((d.unseen + tau_1 * d.singles - d.error) / d.error) for d in near + far)
    below = max(float(d.unseen - d.corrected) for d in near + far)
    distinct = decompose(prior, ATOMS, ((0, 0), (1, 0), (2, 0)), _local)
    third = abs(float(distinct.error - distinct.unseen - distinct.singles / 3))
    average = sum(float(d.evidence * (d.error - d.unseen - tau_1 * d.singles)) for d in near)
    return Findings(
        printed=(Evidence("max (err_unseen + tau_1 errn(1) - err)/err over all data sets", short, "<=", 0),),
        corrected=(
            Evidence("err - err_unseen is a sum of E[alpha|Z] M L >= 0: -min", below, "<=", 0),
            Evidence("Z = (a,b,c): err - err_unseen = errn(1)/3, exact", third, "<=", 1e-15),
            Evidence("averaged over Z, local losses: err - err_unseen - tau_1 errn(1)", average, ">=", 0),
        ),
    )


STATEMENTS: tuple[Statement, ...] = (
    Statement(
        "P2-Def1",
        "P2 Definition 1, eq. (8)",
        "The weights alpha_i = p_i / sum p_j of independent p_i have one marginal, the same for every subpopulation.",
        _definition_1,
    ),
    Statement(
        "P2-tau",
        "P2 section 4.1.2, Theorem A.1 (2)",
        "tau_l is the weight of a subpopulation with exactly l representatives among n samples.",
        _tau,
    ),
    Statement(
        "P2-9",
        "P2 eq. (9)",
        "errn(l) sums M_(i_x)(x) L(x) over training points x of a continuous domain.",
        _equation_9,
        "correction",
        "The domain has to be discrete: with densities Z has measure 0, and err = err_unseen already.",
    ),
    Statement(
        "P2-L2.1",
        "Feldman 2020 Lemma 2.1, used in P2 C.2.1",
        "E[alpha_i | Z] = tau_l for every data set Z with l samples of subpopulation i.",
        _lemma_2_1,
        "correction",
        "E[alpha_i | l_i = l] = tau_l: tau_l is the average of E[alpha_i | Z] over Z. Equality for each Z holds for "
        "N = 2, for l = n and n - 1, and under gamma priors; for typical Z the gap vanishes as N grows, for an "
        "all-distinct Z it need not.",
    ),
    Statement(
        "P2-A.1",
        "P2 Theorem A.1, eqs. (10), (11), C.2.1",
        "err(A|Z) = err_unseen(A|Z) + sum_l tau_l errn(l) for every data set and algorithm.",
        _theorem_a_1,
        "correction",
        "Exact with E[alpha_(i_x) | Z] inside the sum in place of tau_l; as printed exact on average over Z for "
        "algorithms whose loss on a subpopulation depends on its own samples only.",
    ),
    Statement(
        "P2-4.2",
        "P2 Theorem 4.2",
        "err(A|Z) >= err_unseen(A|Z) + tau_1 errn(1).",
        _theorem_4_2,
        "correction",
        "err(A|Z) >= err_unseen(A|Z) + sum over singletons of E[alpha_(i_x)|Z] M(x) L(x); the printed form on average "
        "over Z for algorithms that treat subpopulations separately.",
    ),
)
