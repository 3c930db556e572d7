"""P2 section A.3: when tau_1 is large, and when it is not."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
from scipy.special import exp1

from theory.feldman_priors import ListPrior, Marginal
from theory.statements.base import Evidence, Findings, Statement


def _heavy_tail() -> Findings:
    slack = math.inf
    for entries, chances in (([1, 10], [0.5, 0.5]), ([1, 100], [0.9, 0.1]), ([1, 3, 7], [0.2, 0.5, 0.3])):
        for size in (10, 100, 1000, 10_000):
            marginal = ListPrior(entries, size, chances).lattice_marginal()
            weight = float(marginal.weight(1 / (2 * size), 1 / size))
            if weight > 0:
                slack = min(slack, size * float(marginal.tau(size)) / (weight / 5))
    return Findings(
        printed=(Evidence("n tau_1 / (weight[1/2n, 1/n] / 5), least over lists and N = n", slack, ">=", 1),),
    )


def _sharp_a_2(n: int) -> float:
    return min((1 - 1 / (3 * n)) ** (n - 1) / 3, 2 * (1 - 2 / n) ** (n - 1))


def _lemma_a_2() -> Findings:
    generator = np.random.default_rng(0)
    least, least_sharp = math.inf, math.inf
    for _ in range(300):
        size = int(generator.integers(2, 9))
        top = 10 ** generator.uniform(0, 4.5)
        entries = [int(v) for v in np.exp(generator.uniform(0, np.log(top), size))]
        marginal = ListPrior(entries).lattice_marginal()
        for n in range(1, 13):
            weight = float(marginal.weight(1 / (3 * n) * (1 - 1e-12), 2 / n * (1 + 1e-12)))
            if weight > 0:
                ratio = n * float(marginal.tau(n)) / weight
                least = min(least, ratio)
                least_sharp = min(least_sharp, ratio / _sharp_a_2(n)) if n >= 3 else least_sharp
    longer = ListPrior([1, 10_000], 200, [1 - 0.0015, 0.0015]).lattice_marginal()
    small, end = 1e-9, 1 / 300  # the interval's lower end for n = 100
    mass = np.array([0.999 / small, 0.001 / end])
    ends = Marginal(np.array([small, end]), mass / mass.sum())
    attained = 100 * ends.tau(100) / ends.weight(end, 0.02) / _sharp_a_2(100)
    two = 10 * float(longer.tau(2)) / float(longer.weight(1 / 6, 1))
    return Findings(
        printed=(Evidence("n tau_1 / weight, least over 300 lists, N <= 8, n <= 12", least, ">=", 0.2),),
        corrected=(
            Evidence("n >= 3: n tau_1 / weight over the sharp constant, least", least_sharp, ">=", 1),
            Evidence(
                "the sharp constant, least over 3 <= n <= 1000", min(map(_sharp_a_2, range(3, 1001))), ">=", 2 / 9
            ),
            Evidence("a two-atom prior at n = 100: n tau_1 / weight over it", float(attained), "<=", 1.05),
            Evidence("n = 2, a list longer than N = 200: tau_1 over the printed bound", two, "<", 1),
        ),
    )


def _lemma_a_3() -> Findings:
    most = 0.0
    for n in (1, 2, 3, 5, 10, 30, 100, 1000):
        for share, beta, inner in product(np.linspace(0.1, 1, 19), np.linspace(0.02, 0.999, 60), (1.0, 0.7)):
            theta = share / (2 * n)
            gap = math.log(1 / (theta * beta)) / n
            for large in gap + (1 - gap) * np.linspace(0, 1, 8) if gap <= 1 else ():
                atoms = np.array([inner * theta, large])
                mass = np.array([beta, 1 - beta]) / atoms
                most = max(most, float(Marginal(atoms, mass / mass.sum()).tau(n)) / (2 * theta))
    return Findings(
        printed=(Evidence("tau_1 / (2 theta), most over a scan of two-atom priors, n <= 1000", most, "<=", 1),),
        corrected=(Evidence("the same against the n = 1 limit", most, "<=", 1 - 1 / math.e),),
    )


def _singletons() -> Findings:
    ratios = {
        n: float(_equal(n).singletons(n)) / (n * float(_equal(n).weight(0, Fraction(1, n)))) for n in (2, 3, 4, 50)
    }
    generator, least = np.random.default_rng(1), math.inf
    for _ in range(200):
        size, n = int(generator.integers(2, 8)), int(generator.integers(1, 15))
        marginal = ListPrior(generator.integers(1, 500, size).tolist()).lattice_marginal()
        weight = float(marginal.weight(0, 1 / n * (1 + 1e-12)))
        if weight > 0:
            least = min(least, float(marginal.singletons(n)) / (n * weight) / (1 - 1 / n) ** (n - 1))
    return Findings(
        printed=(
            Evidence("singletons / (n weight[0, 1/n]) at alpha = 1/N, n = N = 3", ratios[3], ">=", 0.5),
            Evidence("the same at n = N = 4", ratios[4], ">=", 0.5),
        ),
        corrected=(
            Evidence("over (1 - 1/n)^(n-1): least in 200 lists", least, ">=", 1 - 1e-12),
            Evidence("attained: alpha = 1/N, n = N = 50", ratios[50] / (1 - 1 / 50) ** 49, "<=", 1 + 1e-12),
            Evidence("n = 2, where 1/2 is right", ratios[2], ">=", 0.5),
        ),
    )


def _equal(n: int) -> Marginal:
    return ListPrior([1], n).exact_marginal()


def _zipf() -> Findings:
    def law(size: int) -> Marginal:
        if size == 10:
            return ListPrior([2520 // i for i in range(1, 11)]).lattice_marginal()
        return ListPrior.zipf(size, 0.005).spectral_marginal()

    def limit(n: int, size: int) -> float:
        return float(1 / exp1(n / (size * (1 / np.arange(1, size + 1)).sum())))

    few, middle, many = law(10), law(1000), law(10**6)
    first, last = 10 * float(few.tau(10)), 10**6 * float(many.tau(10**6))
    rare = float(many.weight(0, 1e-6)) / float(few.weight(0, 0.1))
    heavy = float(many.weight(0.5e-6, 1e-6)) / float(few.weight(0.05, 0.1))
    ratios = {n: n * float(m.tau(n)) / limit(n, n) for n, m in ((1000, middle), (10**6, many))}
    return Findings(
        printed=(
            Evidence("n tau_1 at N = n = 10^6 over that at 10", last / first, ">=", 0.9),
            Evidence(
                "n tau_1 at N = 10^6, n = 10 over that at N = n = 10", 10 * float(many.tau(10)) / first, ">=", 0.9
            ),
            Evidence("weight[0, 1/n] at N = n = 10^6 over that at 10", rare, ">=", 0.9),
        ),
        corrected=(
            Evidence("n tau_1 E_1(n/(N H_N)) at N = n = 10^6", ratios[10**6], ">=", 0.93),
            Evidence("and at 10^3, further from 1", ratios[1000], "<", ratios[10**6]),
            Evidence("n tau_1 at N = n = 10^6", last, "<=", 0.44),
            Evidence("weight[1/2n, 1/n] at N = n = 10^6 over that at 10", heavy, "<=", 0.2),
        ),
    )


STATEMENTS: tuple[Statement, ...] = (
    Statement(
        "P2-4.3",
        "P2 eq. (7), Lemma 4.3",
        "If weight[1/2n, 1/n] = Omega(1), then tau_1 = Omega(1/n).",
        _heavy_tail,
    ),
    Statement(
        "P2-A.2",
        "P2 Lemma A.2",
        "tau_1 >= weight[1/3n, 2/n] / (5n) for every list of N frequencies.",
        _lemma_a_2,
        "exact",
        "Best constant min{(1 - 1/3n)^(n-1) / 3, 2 (1 - 2/n)^(n-1)} -> e^(-1/3)/3 = .239, at least 2/9 for n >= 3 and "
        "any exchangeable prior; 0 at n = 2, where lists longer than N violate the printed bound.",
    ),
    Statement(
        "P2-A.3",
        "P2 Lemma A.3",
        "If weight[theta, t/n] = 0 for t = ln(1/(theta beta)), beta = weight[0, theta], theta <= 1/2n, then "
        "tau_1 <= 2 theta.",
        _lemma_a_3,
        "exact",
        "In the scan tau_1 <= (1 - 1/e) 2 theta, approached at n = 1, theta = 1/2.",
    ),
    Statement(
        "P2-singletons",
        "P2 section A.3",
        "The expected number of singletons is at least (n/2) weight[0, 1/n].",
        _singletons,
        "correction",
        "At least n (1 - 1/n)^(n-1) weight[0, 1/n], attained by alpha = 1/N at n = N; the constant is below 1/2 for "
        "n >= 3 and tends to 1/e.",
    ),
    Statement(
        "P2-Zipf",
        "P2 section A.3",
        "For Zipf's list and N >= n: tau_1 = Omega(1/n) and weight[0, 1/n] = Omega(1).",
        _zipf,
        "correction",
        "n tau_1 ~ 1/E_1(n/(N H_N)), which tends to 0 like 1/ln ln N at N = n and like 1/ln N at fixed n; at N = n the "
        "weights of [0, 1/n] and [1/2n, 1/n] tend to 0 too, so Zipf's list is not heavy-tailed in the sense of (7).",
    ),
)
