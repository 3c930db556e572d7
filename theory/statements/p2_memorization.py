"""P2 sections 2.2 and 4, C.1: what the optimum on a finite set generates, clean or noisy, and what it reveals."""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from ambient import karras
from ambient.data.noisy_copy import noisy_copy
from ambient.process import VE, VP, Level
from theory.empirical import EmpiricalDenoiser
from theory.landing import grid_to_nature
from theory.statements.base import Evidence, Findings, NotChecked, Statement
from theory.statements.worlds import mixture, relative_error

_PATHS = 20_000


def digits(per_class: int = 10) -> Tensor:
    """Class-balanced 8 x 8 digits in [-1, 1] less their mean image, (10 per_class, 64) float64."""
    images, labels = load_digits(return_X_y=True)
    rows = np.concatenate([np.flatnonzero(labels == label)[:per_class] for label in range(10)])
    x = torch.from_numpy(images[rows]) / 8 - 1
    return x - x.mean(0)


def _replication() -> Findings:
    x_0 = digits()
    start = 80 * torch.randn(400, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ends = karras.sample_heun(EmpiricalDenoiser(x_0), start, karras.karras_sigmas(40, 0.005, 80.0), disable=True)
    distance, nearest = torch.cdist(ends, x_0).min(1)
    return Findings(
        (
            Evidence("100 digits, 400 paths: greatest distance to a training image", float(distance.max()), "<=", 1e-4),
            Evidence("images reached", len(torch.unique(nearest)), ">=", 90),
        )
    )


def _ambient_score() -> Findings:
    """C.1's score against finite differences of the log-density of q_t(. | S_tn)."""
    nature, level = VP().level(0.5), VP().level(0.8)
    x_n = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = torch.randn(30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    scale = np.sqrt((1 - 0.8**2) / (1 - 0.5**2))
    variance = (0.8**2 - 0.5**2) / (1 - 0.5**2)

    def log_density(y: np.ndarray) -> np.ndarray:
        squares = ((y[:, None] - scale * x_n.numpy()) ** 2).sum(-1)
        log_sum: np.ndarray = scipy.special.logsumexp(-squares / (2 * variance), axis=1)
        return log_sum

    shifts = 1e-5 * np.eye(3)
    numeric = [(log_density(x.numpy() + e) - log_density(x.numpy() - e)) / 2e-5 for e in shifts]
    score = EmpiricalDenoiser(x_n, nature).score(x, level)
    error = relative_error(score, torch.from_numpy(np.stack(numeric, axis=1)))
    return Findings((Evidence("relative error of the score against finite differences", error, "<=", 1e-8),))


def _landings(sigma_t: float, start: str) -> float:
    """Chi-square of the landing counts on eight noisy points in the plane, from N(0, I) or from the exact law."""
    nature, level, source = VP().level(0.5), VP().level(sigma_t), torch.Generator().manual_seed(3)
    x_0 = torch.randn(8, 2, dtype=torch.float64, generator=source)
    x_n = noisy_copy(x_0, nature, 3, range(8))
    noise = torch.randn(_PATHS, 2, dtype=torch.float64, generator=source)
    if start == "exact":
        noise = nature.transition_to(level).perturb(x_n[torch.randint(8, (_PATHS,), generator=source)], noise)
    sigmas = grid_to_nature(float(nature.ratio), float(level.ratio), 60)
    ends = karras.sample_heun(EmpiricalDenoiser(x_n, nature, queries=_PATHS), noise / level.alpha, sigmas, disable=True)
    counts = torch.cdist(ends, x_n / nature.alpha).argmin(1).bincount(minlength=8).double()
    return float(((counts - _PATHS / 8) ** 2 / (_PATHS / 8)).sum())


def _uneven(sigma_t: float) -> float:
    """Total variation between 1/N and the landing masses on a line from N(0, 1), exact.

    The flow on a line keeps the order of its paths, and from its own law it leaves 1/N on each point: the point of
    rank k collects the starts between the quantiles k/N and (k + 1)/N of q_T.
    """
    nature, level = VP().level(0.5), VP().level(sigma_t)
    step = nature.transition_to(level)
    x_n = np.array([-1.1, -0.2, 0.6, 1.9])

    def excess(x: float, q: float) -> float:
        return float(scipy.special.ndtr((x - float(step.scale) * x_n) / float(step.std)).mean() - q)

    quantiles = [scipy.optimize.brentq(excess, -20, 20, args=(q,), xtol=1e-14) for q in (0.25, 0.5, 0.75)]
    masses = np.diff(np.concatenate([[0], scipy.special.ndtr(quantiles), [1]]))
    return float(abs(masses - 0.25).sum() / 2)


def _lemma_4_1() -> Findings:
    limit = float(scipy.stats.chi2.isf(1e-3, 7))
    far, near = _uneven(0.99), _uneven(0.999)
    return Findings(
        printed=(
            Evidence("chi2(7) of 20,000 landings from N(0, I), sigma_T = .99", _landings(0.99, "normal"), "<=", limit),
            Evidence("on a line, exactly: TV(landing, uniform) from N(0, 1), sigma_T = .99", far, "<=", 1e-9),
        ),
        corrected=(
            Evidence("chi2(7) from q_T, sigma_T = .99", _landings(0.99, "exact"), "<=", limit),
            Evidence("chi2(7) from N(0, I), sigma_T = .99999", _landings(0.99999, "normal"), "<=", limit),
            Evidence("on a line: TV / alpha_T at .999 over that at .99, less 1", _alpha_law(near, far), "<=", 0.05),
        ),
    )


def _alpha_law(near: float, far: float) -> float:
    change: float = abs(near / (1 - 0.999**2) ** 0.5 / (far / (1 - 0.99**2) ** 0.5) - 1)
    return change


def _leakage() -> Findings:
    """The error of the mean of m samples of either optimum at t_n as an estimate of x_0, d = 16, sigma_n = .85."""
    d, repetitions, nature = 16, 2000, VP().level(0.85)
    source = torch.Generator().manual_seed(0)
    x_0 = torch.randn(1, d, dtype=torch.float64, generator=source)
    rate = d * 0.85**2 / (1 - 0.85**2)
    x_n = noisy_copy(x_0.expand(repetitions, d), nature, 0, range(repetitions))
    ambient = float((x_n / nature.alpha - x_0).square().sum(1).mean())
    ends = [_descend(x_n[i : i + 1], nature, 20, source) - x_n[i] / nature.alpha for i in range(10)]
    printed, ratios = [], []
    for m in (1, 10, 100):
        means = _descend(x_0, Level.clean(), repetitions * m, source, float(nature.ratio)).reshape(-1, m, d).mean(1)
        ratios.append(float((means - x_0).square().sum(1).mean()) * m / rate)
    spread = 5 * (2 / (d * repetitions)) ** 0.5
    printed = [
        Evidence(
            "DDPM optimum: error of the mean of 100 samples over that of 1", ratios[2] / 100 / ratios[0], "<=", 0.011
        ),
        Evidence("ambient optimum: greatest spread of its samples, 10 noisy copies", _greatest(ends), "<=", 1e-3),
    ]
    corrected = [
        Evidence(f"DDPM, m = {m}: |error m / (d s^2/(1-s^2)) - 1|", abs(ratio - 1), "<=", spread)
        for m, ratio in zip((1, 10, 100), ratios, strict=True)
    ]
    corrected.append(Evidence("ambient, any m: |error / (d s^2/(1-s^2)) - 1|", abs(ambient / rate - 1), "<=", spread))
    return Findings(tuple(printed), tuple(corrected))


def _greatest(differences: list[Tensor]) -> float:
    return max(float(d.abs().max()) for d in differences)


def _descend(points: Tensor, nature: Level, paths: int, source: torch.Generator, stop: float | None = None) -> Tensor:
    """Samples y = x / alpha of the optimum on `points`, from sigma 10^5 to `stop` or to their own level."""
    start = 1e5 * torch.randn(paths, points.shape[1], dtype=torch.float64, generator=source)
    if stop is None:
        sigmas = grid_to_nature(float(nature.ratio), 1e5, 100, 1e-4)
    else:
        sigmas = torch.tensor([1e5, stop], dtype=torch.float64)  # with one point the flow is a straight line
    return karras.sample_heun(EmpiricalDenoiser(points, nature, queries=paths), start, sigmas, disable=True)


def _infinite_data() -> Findings:
    law, nature, level = mixture(2), VE().level(0.4), VE().level(0.8)
    x = law.at(level).sample(200, torch.Generator().manual_seed(5))
    truth, errors = law.posterior_mean(x, level), {}
    for n in (1000, 64_000):
        x_0 = law.sample(n, torch.Generator().manual_seed(n))
        x_n = nature.perturb(
            x_0, torch.randn(x_0.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
        )
        for name, denoiser in (("dsm", EmpiricalDenoiser(x_0)), ("ambient", EmpiricalDenoiser(x_n, nature))):
            errors[name, n] = float((denoiser(x, level) - truth).square().mean().sqrt())
    orders = {name: np.log(errors[name, 64_000] / errors[name, 1000]) / np.log(64) for name in ("dsm", "ambient")}
    return Findings(
        (
            Evidence(
                "ambient optimum on 64,000 points: RMS error of E[X_0|X_t]", errors["ambient", 64_000], "<=", 0.02
            ),
            Evidence("its order in N, -1/2: |order + 1/2|", abs(float(orders["ambient"]) + 0.5), "<=", 0.2),
            Evidence("the same of the DDPM optimum", abs(float(orders["dsm"]) + 0.5), "<=", 0.2),
        )
    )


STATEMENTS: tuple[Statement, ...] = (
    Statement(
        "P2-replication",
        "P2 section 2.2",
        "The reverse process of the optimum on a finite set generates its points and nothing else.",
        _replication,
    ),
    Statement(
        "P2-C.1",
        "P2 C.1",
        "Given S_tn the ambient optimum has the score of the mixture of N(rho x_n, (s_t^2 - s_n^2)/(1 - s_n^2) I).",
        _ambient_score,
    ),
    Statement(
        "P2-infinite-data",
        "P2 section 3",
        "As the data grow, Algorithm 1 and denoising score matching find the same score, the true one.",
        _infinite_data,
    ),
    Statement(
        "P2-4.1",
        "P2 Lemma 4.1, C.1",
        "Started at N(0, I), the reverse process of the ambient optimum is uniform on S_tn at t_n.",
        _lemma_4_1,
        "correction",
        "Uniform from q_T, the law of X_T given S_tn, or as sigma_T -> 1; from N(0, I) the masses are off "
        "by O(alpha_T).",
    ),
    Statement(
        "P2-leakage",
        "P2 section 4, after Lemma 4.1",
        "From m samples of the DDPM optimum at t_n for a single image x_0 it can be estimated with error poly(1/m); "
        "from those of the ambient optimum it cannot.",
        _leakage,
        corrected_form="The squared error is d s_n^2/(1 - s_n^2) / m with DDPM and d s_n^2/(1 - s_n^2) for every m "
        "with ambient, whose samples are all equal.",
    ),
)

NOT_CHECKED: tuple[NotChecked, ...] = (
    NotChecked("P2-figures", "P2 Figures 1 to 6", "They show trained image models; see the experiments."),
    NotChecked("P2-tables", "P2 Tables 1 to 3", "They hold measurements of trained image models; see the experiments."),
    NotChecked(
        "P2-interval",
        "P2 section 5.1",
        "That good t_n form an interval is a finding about trained networks; the level at which a data set's posterior "
        "weights leave 1 (theory.empirical.collapse_level) marks where to look.",
    ),
)
