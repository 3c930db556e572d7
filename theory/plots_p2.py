"""Plots about P2: frequencies of subpopulations, their separation under noise, and where optima land."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from theory.empirical import collapse_level, neighbours
from theory.feldman import posterior_mean, typical_counts
from theory.feldman_priors import GammaPrior, ListPrior, Marginal
from theory.landing import land
from theory.plots import Plot, finish, new_figure
from theory.separation import Event, printed_threshold, sharp_threshold
from theory.statements.p2_memorization import digits

_EVENTS: dict[Event, str] = {"separated": "C0", "merged": "C3"}


def plots(folder: Path) -> list[Plot]:
    """Draw the plots about P2 into `folder`, which exists."""
    drawn = (tau_and_its_bounds, lemma_2_1, thresholds, landing)
    return [draw(folder) for draw in drawn]


def tau_and_its_bounds(folder: Path) -> Plot:
    """tau_1 against n for three priors, between its lower bounds and, where there is one, its upper bound."""
    figure, panels = new_figure(3)
    samples, size = np.unique(np.geomspace(3, 30_000, 25).astype(int)), 1000
    two = ListPrior([1, 100], size, [0.9, 0.1]).lattice_marginal()
    priors: dict[str, Marginal | GammaPrior] = {
        "list (1, 100), nine to one": two,
        "Zipf's list": ListPrior.zipf(size).spectral_marginal(),
        "Dirichlet (0.1)": GammaPrior(0.1, size),
    }
    for axes, (title, prior) in zip(panels, priors.items(), strict=True):
        weight = np.array([float(prior.weight(1 / (3 * n), 2 / n)) for n in samples])
        sharp = np.minimum((1 - 1 / (3 * samples)) ** (samples - 1) / 3, 2 * (1 - 2 / samples) ** (samples - 1))
        axes.loglog(samples, [n * float(prior.tau(int(n))) for n in samples], "o-", markersize=3, label="n tau_1")
        axes.loglog(samples, sharp * weight, "s-", markersize=3, label="A.2, sharp")
        axes.loglog(samples, weight / 5, ":", color="k", label="A.2 as printed")
        axes.set(title=title, xlabel="samples n", ylim=(1e-3, 20))
    upper = [n * _upper_bound(two, int(n)) for n in samples]
    panels[0].loglog(samples, upper, "^-", color="C3", markersize=3, label="A.3")
    panels[0].set_ylabel("n times the weight of a singleton")
    return finish(
        figure,
        folder,
        "What a singleton weighs, and its bounds",
        "tau.png",
        f"n tau_1 for N = {size} subpopulations under three priors, with Lemma A.2's bound weight[1/3n, 2/n]/5, the "
        "one with the best constant, and Lemma A.3's upper bound where the frequencies leave a gap for it (less than "
        "1e-12 of the weight). Where no frequencies are near 1/n the lower bound is empty.",
    )


def _upper_bound(prior: Marginal, n: int) -> float:
    """Lemma A.3's least 2 theta, or NaN where it does not apply."""
    order = np.argsort(prior.alpha)
    alpha = prior.alpha[order]
    below = np.concatenate([[0.0], np.cumsum(prior.mass[order] * alpha) * float(prior.components)])
    for theta in np.geomspace(1e-6, 1 / (2 * n), 300):
        beta = below[np.searchsorted(alpha, theta, side="right")]
        if beta > 0:
            gap = below[np.searchsorted(alpha, np.log(1 / (theta * beta)) / n, side="right")] - beta
            if gap < 1e-12:
                return 2 * float(theta)
    return float("nan")


def lemma_2_1(folder: Path) -> Plot:
    """The gap between E[alpha_i|Z] and tau_1 against N = n."""
    figure, (typical, distinct) = new_figure(2)
    sizes = np.unique(np.geomspace(5, 10_000, 8).astype(int))
    for (low, high, chance), marker in zip(((1, 10, 0.5), (1, 100, 0.1)), "os", strict=True):
        gaps, apart = [], []
        for size in sizes:
            prior = ListPrior([low, high], int(size), [1 - chance, chance])
            tau_1 = float(prior.lattice_marginal().tau(int(size)))
            gaps.append(_typical_gap(prior, int(size), tau_1))
            apart.append(abs(posterior_mean(prior, {1: int(size)}, 1) / tau_1 - 1))
        label = f"list ({low}, {high}), q = {chance:g}"
        typical.loglog(sizes, gaps, f"{marker}-", markersize=4, label=label)
        distinct.loglog(sizes, apart, f"{marker}-", markersize=4, label=label)
    typical.loglog(sizes, 0.3 / sizes**0.5, "k:", label="0.3 / sqrt(N)")
    typical.set(title="Z drawn from the model", xlabel="N = n", ylabel="|E[alpha_i|Z] / tau_1 - 1|, l_i = 1")
    distinct.set(title="Z with every subpopulation once", xlabel="N = n")
    return finish(
        figure,
        folder,
        "Feldman's Lemma 2.1 for one data set",
        "lemma_2_1.png",
        "tau_1 against the true posterior mean of a subpopulation seen once. Left: root mean square over 20 data sets "
        "drawn from the model; it vanishes like 1/sqrt(N). Right: for a data set without repetitions it does not.",
    )


def _typical_gap(prior: ListPrior, n: int, tau_1: float) -> float:
    generator = np.random.default_rng(0)
    counts = (typical_counts(prior, n, generator) for _ in range(20))
    return float(np.mean([(posterior_mean(prior, c, 1) / tau_1 - 1) ** 2 for c in counts if 1 in c]) ** 0.5)


def thresholds(folder: Path) -> Plot:
    """The levels at which two components are told apart and merge."""
    figure, panels = new_figure(3)
    for axes, tau in zip(panels, (0.3, 0.9, 0.999), strict=True):
        for event, colour in _EVENTS.items():
            deltas = np.linspace(0.005, 0.995, 120) * (tau / 2 if event == "separated" else tau)
            sharp = [sharp_threshold(tau, float(delta), event) for delta in deltas]
            printed = [printed_threshold(tau, float(delta), event) for delta in deltas]
            axes.plot(deltas, sharp, color=colour, label=f"{event}: sharp")
            axes.plot(deltas, printed, ":", color=colour, label=f"{event}: printed")
        axes.set(title=f"tau = {tau:g}", xlabel="delta", ylim=(0, 1.02))
    panels[0].set_ylabel("VP level sigma_t")
    return finish(
        figure,
        folder,
        "When noise merges two subpopulations",
        "thresholds.png",
        "Two unit Gaussians with total variation tau are delta-separated (TV > 2 delta) below the blue line and merged "
        "(TV <= delta) above the red one. The printed thresholds lie below: safe for separation, too low for merging.",
    )


def landing(folder: Path) -> Plot:
    """On which image the optimum lands, and the posterior weights that decide it."""
    figure, (ends, weights) = new_figure(2)
    sigmas = np.geomspace(0.1, 8, 10)
    for per_class, colour in ((10, "C0"), (50, "C1")):
        x_0 = digits(per_class)
        found = [land(x_0, float(sigma), 150, steps=40) for sigma in sigmas]
        profile = neighbours(x_0, sigmas.tolist())
        noisy, clean = (
            [float((d < 0.05).double().mean()) for d in distances]
            for distances in ([f.noisy_distance for f in found], [f.clean_distance for f in found])
        )
        if per_class == 10:
            ends.semilogx(sigmas, noisy, "^", color="0.5", markersize=5, label="a noisy copy, at t_n")
            ends.semilogx(sigmas, clean, "-", color="0.5", label="a clean image, at the end")
        ends.semilogx(
            sigmas, [f.own for f in found], "o-", color=colour, markersize=4, label=f"the copy's own, N = {len(x_0)}"
        )
        weights.semilogx(
            sigmas, [p.largest for p in profile], "o-", color=colour, markersize=4, label=f"N = {len(x_0)}"
        )
        weights.axvline(collapse_level(x_0), color=colour, linewidth=0.8, linestyle=":")
    ends.set(xlabel="nature level sigma_n", ylabel="share of paths", ylim=(-0.03, 1.05))
    weights.set(xlabel="level sigma", ylabel="mean largest posterior weight", ylim=(-0.03, 1.05))
    return finish(
        figure,
        folder,
        "Where Algorithm 1's full optimum lands",
        "landing.png",
        "Digits in 64 dimensions. Left: the reverse process of the full optimum meets a noisy copy at t_n and ends on "
        "a clean image, whatever sigma_n is; on which one is forgotten as sigma_n grows. Right: the largest posterior "
        "weight, which says the same without any sampling; dotted: collapse_level, where it falls to .95.",
    )
