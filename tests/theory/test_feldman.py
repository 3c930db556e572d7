import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.feldman import all_data_sets, decompose, exact_posterior_means, posterior_mean, typical_counts
from theory.feldman_priors import GammaPrior, ListPrior, Marginal

ENTRIES = st.lists(st.integers(1, 60), min_size=1, max_size=3)
LONGER = st.lists(st.integers(1, 200), min_size=1, max_size=5)


def simulated(prior: ListPrior | GammaPrior, draws: int = 100_000) -> np.ndarray:
    generator = np.random.default_rng(0)
    return np.array([prior.draw(generator)[0] for _ in range(draws)])


@settings(max_examples=40, deadline=None)
@given(entries=ENTRIES, components=st.integers(2, 5))
def test_the_lattice_agrees_with_enumeration(entries, components):
    prior = ListPrior(entries, components)
    exact, lattice = prior.exact_marginal(), prior.lattice_marginal()
    assert exact.components == components
    assert sum(exact.mass) == 1
    for n in (1, 2, 5, 9):
        for count in range(n):
            assert lattice.tau(n, count) == pytest.approx(float(exact.tau(n, count)), rel=1e-9)
        assert lattice.singletons(n) == pytest.approx(float(exact.singletons(n)), rel=1e-9, abs=1e-12)
    assert lattice.weight(0.05, 0.4) == pytest.approx(float(exact.weight(Fraction(1, 20), Fraction(2, 5))), abs=1e-9)


@pytest.mark.parametrize(("entries", "components"), [(range(1, 201), 30), (range(50, 400, 3), 200)])
def test_the_spectral_marginal_agrees_with_the_lattice(entries, components):
    prior = ListPrior(list(entries), components)
    lattice, spectral = prior.lattice_marginal(), prior.spectral_marginal()
    for n in (1, components, 5 * components):
        assert spectral.tau(n) == pytest.approx(lattice.tau(n), rel=1e-9)
        assert spectral.singletons(n) == pytest.approx(lattice.singletons(n), rel=1e-9)


def test_the_spectral_marginal_of_zipf_agrees_with_simulation():
    zipf = ListPrior.zipf(60)
    found = zipf.spectral_marginal()
    alpha = simulated(zipf, 40_000)
    for n in (10, 60):
        seen = alpha * (1 - alpha) ** (n - 1)
        ratio = (alpha * seen).mean() / seen.mean()
        spread = np.std(alpha * seen - ratio * seen) / seen.mean() / len(alpha) ** 0.5
        assert found.tau(n) == pytest.approx(ratio, abs=4 * spread)
    assert found.components == pytest.approx(60, rel=1e-9)


def test_merged_zipf_entries_change_little():
    whole, merged = (ListPrior.zipf(4000, width).spectral_marginal().tau(4000) for width in (0.0, 0.01))
    assert merged == pytest.approx(whole, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(entries=ENTRIES, counts=st.lists(st.integers(0, 4), min_size=2, max_size=5))
def test_the_integral_agrees_with_enumeration(entries, counts):
    if sum(counts) == 0:
        counts[0] = 1
    prior = ListPrior(entries, len(counts))
    exact = exact_posterior_means(prior, counts)
    assert sum(exact) == 1
    for count, mean in zip(counts, exact, strict=True):
        assert posterior_mean(prior, Counter(counts), count) == pytest.approx(float(mean), rel=1e-10)


@settings(max_examples=30, deadline=None)
@given(shape=st.floats(0.05, 20), counts=st.lists(st.integers(0, 50), min_size=2, max_size=30))
def test_lemma_2_1_is_exact_under_the_gamma_prior(shape, counts):
    counts[0] += 1
    prior = GammaPrior(shape, len(counts))
    for count in set(counts):
        assert posterior_mean(prior, Counter(counts), count) == pytest.approx(prior.tau(sum(counts), count), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(shape=st.floats(0.2, 5), components=st.integers(2, 30), n=st.integers(1, 20))
def test_gamma_closed_forms_by_quadrature(shape, components, n):
    prior = GammaPrior(shape, components)
    law = scipy.stats.beta(shape, (components - 1) * shape)
    nodes, weights = scipy.special.roots_sh_jacobi(60, components * shape - 1, shape)
    marginal = Marginal(nodes, weights / weights.sum())
    assert marginal.components == pytest.approx(components)
    for count in range(n + 1):
        assert prior.tau(n, count) == pytest.approx(marginal.tau(n, count), rel=1e-8)
    assert prior.singletons(n) == pytest.approx(marginal.singletons(n), rel=1e-8)
    expected, _ = scipy.integrate.quad(lambda a: components * a * law.pdf(a), 0.1, 0.6)
    assert prior.weight(0.1, 0.6) == pytest.approx(expected, abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(entries=ENTRIES, n=st.integers(1, 5), components=st.integers(2, 4))
def test_tau_averages_the_posterior_means(entries, n, components):
    """E[alpha_i | count_i = l] = tau_l, by summing over the counts of all others."""
    prior = ListPrior(entries, components)
    marginal = prior.exact_marginal()
    for count in range(n + 1):
        total = mean = Fraction(0)
        for others in compositions(n - count, components - 1):
            chance = evidence(prior, (count, *others))
            total += chance
            mean += chance * exact_posterior_means(prior, (count, *others))[0]
        assert mean / total == marginal.tau(n, count)


def compositions(n: int, parts: int) -> list[tuple[int, ...]]:
    if parts == 1:
        return [(n,)]
    return [(first, *rest) for first in range(n + 1) for rest in compositions(n - first, parts - 1)]


def evidence(prior: ListPrior, counts: tuple[int, ...]) -> Fraction:
    """P(counts), by the chain rule over posterior means."""
    seen, chance = [0] * len(counts), Fraction(math.factorial(sum(counts)))
    for i, count in enumerate(counts):
        for _ in range(count):
            chance *= exact_posterior_means(prior, seen)[i]
            seen[i] += 1
        chance /= math.factorial(count)
    return chance


def test_lemma_2_1_fails_for_a_list_of_three():
    prior = ListPrior([1, 10], 3)
    assert prior.exact_marginal().tau(3) == Fraction(6378145, 19018524)
    assert exact_posterior_means(prior, (1, 1, 1))[0] == Fraction(1, 3)
    assert float(exact_posterior_means(prior, (2, 1, 0))[1]) == pytest.approx(0.336339, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    entries=ENTRIES,
    laws=st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=3), min_size=2, max_size=3),
    n=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_the_corrected_decomposition_is_exact(entries, laws, n, seed):
    components = [[Fraction(w, sum(law)) for w in law] for law in laws]
    prior = ListPrior(entries, len(components))
    generator = np.random.default_rng(seed)
    data_sets = all_data_sets(components, n)
    data = data_sets[generator.integers(len(data_sets))]
    table = {(i, j): Fraction(int(generator.integers(0, 100)), 7) for i in range(3) for j in range(3)}
    found = decompose(prior, components, data, lambda point, _: table[point])
    assert found.error == found.corrected
    if len(components) == 2 and n == 1:
        assert found.error == found.printed


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(st.integers(1, 200), min_size=1, max_size=5), components=st.integers(2, 5), n=st.integers(3, 12)
)
def test_a_2_with_the_sharp_constant(entries, components, n):
    marginal = ListPrior(entries, components).exact_marginal()
    constant = min((1 - 1 / (3 * n)) ** (n - 1) / 3, 2 * (1 - 2 / n) ** (n - 1))
    weight = float(marginal.weight(Fraction(1, 3 * n), Fraction(2, n)))
    assert n * float(marginal.tau(n)) >= constant * weight * (1 - 1e-12)
    assert constant >= 2 / 9 - 1e-12


@pytest.mark.parametrize("n", [3, 10, 100])
def test_a_2_is_attained_by_a_general_prior(n):
    """A vanishing part below the interval, the rest at its end: the constant is the infimum."""
    ends = (1 / (3 * n), 2 / n)
    constant = min((1 - 1 / (3 * n)) ** (n - 1) / 3, 2 * (1 - 2 / n) ** (n - 1))
    ratios = []
    for end in ends:
        small = 1e-9
        part = 1e-3  # of the weight is at the end of the interval
        mass = np.array([(1 - part) / small, part / end])
        marginal = Marginal(np.array([small, end]), mass / mass.sum())
        ratios.append(n * marginal.tau(n) / marginal.weight(*ends))
    assert min(ratios) == pytest.approx(constant, rel=0.05)


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(st.integers(1, 200), min_size=1, max_size=5), components=st.integers(2, 5), n=st.integers(1, 12)
)
def test_singletons_with_the_sharp_constant(entries, components, n):
    marginal = ListPrior(entries, components).exact_marginal()
    weight = marginal.weight(0, Fraction(1, n))
    assert marginal.singletons(n) >= n * (1 - Fraction(1, n)) ** (n - 1) * weight
    constant = ListPrior([1], n).exact_marginal()
    assert constant.singletons(n) == n * (1 - Fraction(1, n)) ** (n - 1)


@settings(max_examples=200, deadline=None)
@given(n=st.integers(1, 200), share=st.floats(0.01, 1), beta=st.floats(0.01, 0.999), reach=st.floats(0, 1))
def test_a_3_for_two_atoms(n, share, beta, reach):
    theta = share / (2 * n)
    gap = math.log(1 / (theta * beta)) / n
    if gap > 1:
        return
    large = gap + reach * (1 - gap)
    mass = np.array([beta / theta, (1 - beta) / large])
    assert Marginal(np.array([theta, large]), mass / mass.sum()).tau(n) <= 2 * theta


def test_the_measured_slack_of_a_3():
    """At n = 1 the most is 1 - 1/e of the bound, in the limit; no scan over n <= 1000 has found more."""
    theta, beta = 0.5, 2 / math.e
    mass = np.array([beta / theta, 1 - beta])
    found = Marginal(np.array([theta, 1.0]), mass / mass.sum())
    assert math.log(1 / (theta * beta)) == pytest.approx(1)
    assert found.tau(1) / (2 * theta) == pytest.approx(1 - 1 / math.e)


def test_typical_counts_add_up():
    counts = typical_counts(ListPrior([1, 10], 40), 100, np.random.default_rng(0))
    assert sum(counts.values()) == 40
    assert sum(k * m for k, m in counts.items()) == 100


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="positive frequencies"):
        ListPrior([1, 0])
    with pytest.raises(ValueError, match="spectral_marginal"):
        ListPrior([0.5, 1.0]).lattice_marginal()
    with pytest.raises(ValueError, match="lattice_marginal"):
        ListPrior([1, 10], 50).spectral_marginal()
    with pytest.raises(ValueError, match="counts"):
        exact_posterior_means(ListPrior([1, 2]), [1, 2, 3])
    with pytest.raises(ValueError, match="no subpopulation"):
        posterior_mean(ListPrior([1, 2]), {1: 1}, 2)
