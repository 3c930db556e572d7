r"""Feldman's prior over the frequencies of subpopulations, and its marginal (P2 Definition 1, eq. 8; Feldman 2020).

N subpopulations draw p_1 .. p_N independently from a list of frequencies (or from a gamma law) and get the weights

    alpha_i = p_i / (p_1 + ... + p_N).

All alpha_i have the same marginal, written pi-bar; it has the mean 1/N. From it alone follow

    tau_l = E[alpha^(l+1) (1-alpha)^(n-l)] / E[alpha^l (1-alpha)^(n-l)]       = E[alpha_i | l of n samples are of i],
    weight(I) = N E[alpha 1{alpha in I}],
    singletons = N n E[alpha (1-alpha)^(n-1)],      the expected number of subpopulations seen once.

The marginal is found in three ways: exactly, in fractions, over all multisets of list entries; for integer lists by
convolution on the lattice (N up to 10^5); and for any list from the characteristic function of R = S - p_i, whose
density is then smooth (N up to 10^6 for Zipf's list).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import scipy.fft
import scipy.stats
from numpy.typing import NDArray
from scipy.special import gammaln

Number = int | float | Fraction


@dataclass(frozen=True, eq=False)
class Marginal:
    """A law on [0, 1] with finitely many atoms: the marginal pi-bar of a prior over frequencies.

    Attributes:
        alpha: Atoms, (m,), of fractions (dtype object) or floats.
        mass: Their probabilities, (m,), of the same kind.
    """

    alpha: NDArray[Any]
    mass: NDArray[Any]

    @classmethod
    def of(cls, atoms: dict[Fraction, Fraction]) -> Marginal:
        """The law with the probabilities `atoms`, in exact arithmetic."""
        return cls(np.array(list(atoms), dtype=object), np.array(list(atoms.values()), dtype=object))

    @property
    def components(self) -> Number:
        """N = 1 / E[alpha]."""
        count: Number = 1 / self._mean(self.alpha)
        return count

    def tau(self, n: int, count: int = 1) -> Number:
        """tau_l of subpopulations with l = `count` of n samples, 0 <= l <= n (P2 Theorem A.1)."""
        seen = self.alpha**count * (1 - self.alpha) ** (n - count)
        mean: Number = self._mean(self.alpha * seen) / self._mean(seen)
        return mean

    def weight(self, low: Number, high: Number) -> Number:
        """weight(pi-bar, [low, high]): the expected total frequency of subpopulations in the interval, in [0, 1]."""
        inside = (self.alpha >= low) & (self.alpha <= high)
        weight: Number = (self.mass * self.alpha)[inside].sum() * self.components
        return weight

    def singletons(self, n: int) -> Number:
        """The expected number of subpopulations with one of n samples."""
        expected: Number = n * self.components * self._mean(self.alpha * (1 - self.alpha) ** (n - 1))
        return expected

    def _mean(self, values: NDArray[Any]) -> Any:
        return (self.mass * values).sum()


class ListPrior:
    """p_i independent and uniform on the entries of a list; repeated entries are the more probable.

    Args:
        entries: Positive frequencies, in any unit; integers and fractions stay exact.
        components: N, the number of subpopulations; P2's Definition 1 has as many as entries, the default.
        probabilities: Of the entries, where they are not equal.

    Raises:
        ValueError: If there is no entry, one is not positive, or N < 1.
    """

    def __init__(
        self, entries: Sequence[Number], components: int | None = None, probabilities: Sequence[Number] | None = None
    ) -> None:
        self.components = len(entries) if components is None else components
        if self.components < 1 or len(entries) == 0 or min(entries) <= 0:
            raise ValueError("a prior needs a list of positive frequencies and at least one component")
        chances = [Fraction(1, len(entries))] * len(entries) if probabilities is None else list(probabilities)
        merged: dict[Number, Number] = {}
        for value, chance in zip(entries, chances, strict=True):
            merged[value] = merged.get(value, 0) + chance
        self.atoms = merged
        self.values = np.array([float(v) for v in merged])
        self.chances = np.array([float(q) for q in merged.values()])

    @classmethod
    def zipf(cls, components: int, width: float = 0.0) -> ListPrior:
        """Zipf's list 1, 1/2, .. 1/N for N components.

        Args:
            components: N.
            width: Entries beyond the 500th are merged into their means over intervals of this relative width: an
                error of order width^2 in every expectation, and the only way to N = 10^6. 0 keeps all of them.
        """
        if width == 0:
            return cls([Fraction(1, i) for i in range(1, components + 1)])
        entries = 1 / np.arange(1, components + 1)
        bins = np.where(entries > 1 / 500, np.arange(components), components + np.floor(-np.log(entries) / width))
        _, index, counts = np.unique(bins, return_inverse=True, return_counts=True)
        means = np.bincount(index, weights=entries) / counts
        return cls(means.tolist(), components, (counts / components).tolist())

    def log_moment(self, count: int, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """log E[p^count exp(-u p)] at the points u, (k,)."""
        exponent = -np.multiply.outer(u, self.values) + count * np.log(self.values) + np.log(self.chances)
        top = exponent.max(1)
        moment: NDArray[np.float64] = top + np.log(np.exp(exponent - top[:, None]).sum(1))
        return moment

    def draw(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """One set of weights alpha, (N,)."""
        p = generator.choice(self.values, self.components, p=self.chances / self.chances.sum())
        alpha: NDArray[np.float64] = p / p.sum()
        return alpha

    def exact_marginal(self) -> Marginal:
        """The marginal in fractions, by enumeration of all multisets of N - 1 further entries: small N only."""
        rest: defaultdict[Fraction, Fraction] = defaultdict(Fraction)
        atoms = {Fraction(v): Fraction(q) for v, q in self.atoms.items()}
        for chosen in combinations_with_replacement(atoms, self.components - 1):
            chance, orders = Fraction(1), math.factorial(self.components - 1)
            for value, times in Counter(chosen).items():
                chance *= atoms[value] ** times
                orders //= math.factorial(times)
            rest[sum(chosen, Fraction(0))] += chance * orders
        alpha: defaultdict[Fraction, Fraction] = defaultdict(Fraction)
        for value, chance in atoms.items():
            for total, weight in rest.items():
                alpha[value / (value + total)] += chance * weight
        return Marginal.of(alpha)

    def lattice_marginal(self) -> Marginal:
        """The marginal of an integer list by the fast Fourier transform, to about 1e-13.

        Raises:
            ValueError: If the entries are not integers, or their sum runs beyond 2^26.
        """
        size = scipy.fft.next_fast_len(int(self.values.max()) * (self.components - 1) + 1, real=True)
        if any(v != int(v) for v in self.values) or size > 2**26:
            raise ValueError("the lattice needs integer entries and a sum below 2^26; use spectral_marginal")
        one = np.bincount(self.values.astype(int), weights=self.chances, minlength=size)
        law = scipy.fft.irfft(scipy.fft.rfft(one) ** (self.components - 1), size).clip(min=0)
        return self._join(np.flatnonzero(law > 1e-18), law[law > 1e-18])

    def spectral_marginal(self) -> Marginal:
        """The marginal from the characteristic function of R, for lists that give R a smooth density.

        R is taken at evenly spaced points, so finely that the characteristic function has decayed to 1e-13 at the
        highest frequency, where the trapezoidal rule is exact to about that.

        Raises:
            ValueError: If it does not decay (few distinct entries: R is not smooth).
        """
        rest = self.components - 1
        mean = rest * (self.chances @ self.values)
        spread = math.sqrt(rest * (self.chances @ self.values**2) - mean**2 / rest)
        low, high = max(0.0, mean - 14 * spread), mean + 40 * spread
        for step in (0.1, 0.05, 0.025, 0.0125):
            size = scipy.fft.next_fast_len(math.ceil((high - low) / (step * spread)))
            spacing = (high - low) / size
            frequency = 2 * np.pi * np.arange(size // 2 + 1) / (high - low)
            transform = (np.exp(1j * np.multiply.outer(frequency, self.values)) @ self.chances) ** rest
            if np.abs(transform[-size // 8 :]).max() < 1e-13:
                break
        else:
            raise ValueError("the sum of the other entries has no smooth density; use lattice_marginal")
        law = scipy.fft.irfft(np.conj(transform * np.exp(-1j * frequency * low)), size)
        kept = law > 1e-17
        return self._join((low + spacing * np.arange(size))[kept], law[kept])

    def _join(self, rest: NDArray[Any], law: NDArray[np.float64]) -> Marginal:
        alpha = self.values[:, None] / (self.values[:, None] + rest)
        mass = self.chances[:, None] * law
        return Marginal(alpha.ravel(), (mass / mass.sum()).ravel())


@dataclass(frozen=True)
class GammaPrior:
    """p_i independent Gamma(shape): alpha is symmetric Dirichlet(shape), where everything is in closed form.

    Attributes:
        shape: a > 0.
        components: N >= 2.
    """

    shape: float
    components: int

    def log_moment(self, count: int, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """log E[p^count exp(-u p)] at the points u, (k,)."""
        moment: NDArray[np.float64] = (
            gammaln(self.shape + count) - gammaln(self.shape) - (self.shape + count) * np.log1p(u)
        )
        return moment

    def tau(self, n: int, count: int = 1) -> float:
        """tau_l = (a + l) / (N a + n)."""
        return (self.shape + count) / (self.components * self.shape + n)

    def weight(self, low: float, high: float) -> float:
        """weight(pi-bar, [low, high]), from the Beta(a + 1, (N - 1) a) law of a size-biased alpha."""
        law = scipy.stats.beta(self.shape + 1, (self.components - 1) * self.shape)
        return float(law.cdf(high) - law.cdf(low))

    def singletons(self, n: int) -> float:
        """The expected number of subpopulations with one of n samples."""
        a, b = self.shape, (self.components - 1) * self.shape
        log_mean = gammaln(a + 1) + gammaln(b + n - 1) - gammaln(a + b + n) - gammaln(a) - gammaln(b) + gammaln(a + b)
        return n * self.components * math.exp(log_mean)

    def draw(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """One set of weights alpha, (N,)."""
        return generator.dirichlet(np.full(self.components, self.shape))


Prior = ListPrior | GammaPrior
