"""Plots about P1: what a reader of its equations would want to see once."""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from torch import Tensor

from ambient import kernels, tweedie
from ambient.kernels import Kernel
from ambient.process import VE
from ambient.runs.figures import save_figure
from theory.quadrature import normal_nodes
from theory.statements.p1_ambient import amplification
from theory.statements.p1_consistency import expectation_under
from theory.statements.p1_kernels import KERNELS, STEPS, biases, order
from theory.statements.p1_uniqueness import euler_bias, fisher_condition
from theory.statements.worlds import LINE

Plot = tuple[str, str, str]
"""The title of a plot, its file's name, and a caption."""


def plots(folder: Path) -> list[Plot]:
    """Draw the plots about P1 into `folder`, which exists."""
    drawn = (double_tweedie, kernel_bias, consistency, what_the_data_determine)
    return [draw(folder) for draw in drawn]


def double_tweedie(folder: Path) -> Plot:
    """The error of E[X_0|X_t] got back from E[X_n|X_t] against t - t_n."""
    figure, (axes,) = new_figure(1)
    gaps = torch.logspace(-8, 0.5, 30, dtype=torch.float64)
    for dtype, marker in ((torch.float32, "o-"), (torch.float64, "s-")):
        errors = amplification(gaps, dtype)
        axes.loglog(gaps, errors, marker, markersize=3, label=str(dtype).removeprefix("torch."))
    nature = VE().level(0.5)
    a = torch.stack([tweedie.nature_coefficients(nature, VE().level(0.5 + gap))[0] for gap in gaps])
    axes.loglog(gaps, torch.finfo(torch.float32).eps / 4 / a, "k:", label="(eps / 4) sigma_t² / (alpha_n v), float32")
    axes.set(xlabel="t - t_n (VE, t_n = 0.5)", ylabel="RMS error of E[X_0|X_t]")
    return finish(
        figure,
        folder,
        "Inverting double Tweedie near the nature level",
        "double_tweedie.png",
        "RMS error of E[X_0|X_t] recovered from an exact but rounded E[X_n|X_t]. It grows as 1/(t - t_n), which is why "
        "the losses here use the residual A h + B x - x_n and never divide by A.",
    )


def kernel_bias(folder: Path) -> Plot:
    """The bias of each one-step kernel against the width of the step."""
    figure, panels = new_figure(3)
    for axes, sigma in zip(panels, (0.3, 0.8, 2.0), strict=True):
        for (name, kernel), marker in zip(KERNELS.items(), "os^Dv", strict=True):
            errors = biases(kernel, sigma)
            axes.loglog(STEPS, errors, f"{marker}-", markersize=4, label=f"{name}: order {order(errors):.2f}")
        axes.set(title=f"sigma = {sigma:g}", xlabel="relative step 1 - sigma_s / sigma_t")
        axes.set_ylim(1e-11, 1)
        axes.set_xticks(STEPS.tolist(), [f"{step:g}" for step in STEPS.tolist()])
        axes.legend(fontsize=6.5, loc="lower right")
    panels[0].set_ylabel("RMS of E h(X_s, s) - h(X_t, t)")
    return finish(
        figure,
        folder,
        "Bias of one reverse step",
        "kernel_bias.png",
        "Bias that one step of each kernel leaves in the consistency of the optimal denoiser of a mixture on a line. "
        "The order is the slope between the two smallest steps.",
    )


def consistency(folder: Path) -> Plot:
    """E[h(X_s, s) | X_t = x] along s: flat under the exact kernel."""
    figure, panels = new_figure(3)
    level = VE().level(1.5)
    sigmas = torch.logspace(-1, 0.17, 25, dtype=torch.float64)
    x = torch.tensor([[-1.5], [0.4], [2.0]], dtype=torch.float64)
    laws = {"exact kernel": None, "one ancestral step": kernels.ancestral, "one DDIM step": kernels.ddim}
    for axes, (title, kernel) in zip(panels, laws.items(), strict=True):
        means = torch.stack([_mean_denoised(kernel, x, float(sigma)) for sigma in sigmas])
        for i, colour in enumerate(("C0", "C1", "C2")):
            axes.axhline(float(LINE.posterior_mean(x[i : i + 1], level)), color=colour, linewidth=0.6, linestyle=":")
            axes.semilogx(sigmas, means[:, i], color=colour, label=f"x_t = {float(x[i]):g}")
        axes.set(title=title, xlabel="sigma_s")
        axes.set_ylim(-1.6, 1.6)
    panels[0].set_ylabel("E[h(X_s, s) | X_t = x_t], sigma_t = 1.5")
    return finish(
        figure,
        folder,
        "Consistency under the exact kernel",
        "consistency.png",
        "The mean of the optimal denoiser along the reverse process from x_t, against the level it is taken at. Under "
        "the exact kernel it is constant (P1 eq. 3.5; dotted: h(x_t, t)); one long step of a kernel bends it.",
    )


def what_the_data_determine(folder: Path) -> Plot:
    """How ill-conditioned deconvolution is, and the bias of the minimiser under a discretised kernel."""
    figure, (left, right) = new_figure(2)
    sigmas = torch.linspace(0.2, 3, 15).tolist()
    left.semilogy(sigmas, [fisher_condition(sigma) for sigma in sigmas], "o-", markersize=3)
    left.set(xlabel="nature level sigma_n", ylabel="condition number")
    counts = (8, 16, 32, 64)
    found = [euler_bias(count) for count in counts]
    widths = [0.8 / count for count in counts]
    right.loglog(widths, [error for error, _ in found], "o-", markersize=4, label="relative error of Sigma_0")
    right.loglog(widths, [predicted for _, predicted in found], "k:", label="e (1/s_min - 1/s_n)")
    right.set(xlabel="Euler step e below t_n", ylim=(0.03, 1.2))
    right.set_xticks(widths, [f"{width:g}" for width in widths])
    right.legend(fontsize=7)
    return finish(
        figure,
        folder,
        "Uniqueness, and its price",
        "uniqueness.png",
        "Left: Fisher information on the parameters of a two-component mixture seen at level sigma_n. Right: the "
        "covariance that P1's objective recovers from Gaussian data with one Euler step of (2.3) a pair of levels; "
        "with the ancestral step it is exact.",
    )


def _mean_denoised(kernel: Kernel | None, x: Tensor, sigma: float) -> Tensor:
    """E[h(X_s, s)] at sigma_s = `sigma` from each x at sigma_t = 1.5, (B,); None is the exact kernel."""
    level, target = VE().level(1.5), VE().level(sigma)
    if kernel is None:
        exact = LINE.reverse_kernel(x, level, target)
        return expectation_under(exact, lambda y: LINE.posterior_mean(y, target), 150)[:, 0]
    step = kernel(LINE.posterior_mean(x, level), x, level, target)
    z, weights = normal_nodes(150)
    landed = (step.mean + step.std * z).reshape(-1, 1)
    return LINE.posterior_mean(landed, target).reshape(len(x), -1) @ weights


def new_figure(panels: int) -> tuple[Figure, list[Axes]]:
    """A figure of panels side by side, and their axes; three share their vertical axis."""
    figure = Figure(figsize=(1 + 3.4 * panels, 3.4), layout="constrained")
    axes = figure.subplots(1, panels, sharey=panels == 3, squeeze=False)[0]
    return figure, list(axes)


def finish(figure: Figure, folder: Path, title: str, name: str, caption: str) -> Plot:
    """Write `figure` to `folder` / `name`, with legends where there are labels."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        if axes.get_legend() is None and axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7)
    save_figure(folder / name, figure, dpi=100, tight=False)
    return title, name, caption
