r"""Whether a run has collapsed, judged from the noisy data alone.

The terms that act below the nature level (consistency, EM) ask the denoiser to agree with itself. A denoiser can do
that and know little of the data: that of any Gaussian, linear in x_t, is exactly consistent, and with consistency at
100 times its weight training ends near one. What the data do say is the ambient loss above t_n. So the watch compares
it, on the same samples with the same noise, with that of the linear denoiser of the data's own mean m and covariance C,

    h(x_t) = m + alpha_t C (alpha_t^2 C + sigma_t^2 I)^{-1} (x_t - alpha_t m),

which follow from the noisy samples: E X_n = alpha_n m and Cov X_n = alpha_n^2 C + sigma_n^2 I. The gain of a model is
1 - J(model) / J(linear). A model has collapsed if in the second half of its training its gain is not above two standard
errors, or has fallen to less than half of what it was at some time of the run: then it has not got, or has lost, what
there is to know of the data beyond their covariance. A model that has hardly been trained looks the same, and so do
Gaussian data, where there is nothing beyond; these need `watch=False`. A model that stays near the linear denoiser, but
is clearly better than it, is not noticed.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ambient.data import Batch
from ambient.data.samples import Data, Samples, in_memory
from ambient.objectives import (
    Objective,
    sigma_data_of,
)
from ambient.process import VE, Level, as_level, per_sample
from ambient.randomness import Draws


class CollapseWarning(UserWarning):
    """A model agrees with itself and not with the data."""


@dataclass(frozen=True, eq=False)
class LinearDenoiser:
    """E[X_0 | X_t] of Gaussian data.

    Attributes:
        mean: m, flat, (d,).
        variances: Eigenvalues of C, (d,); or one variance for all directions, ().
        vectors: Eigenvectors, (d, d), in columns; None if C is a multiple of the identity.
    """

    mean: Tensor
    variances: Tensor
    vectors: Tensor | None = None

    @classmethod
    def of(cls, samples: Samples) -> LinearDenoiser:
        """From noisy samples; the covariance is isotropic where there are fewer than 2 d of them, or d > 3072.

        Where each sample has a level of its own, X_n / alpha_n are all of the same mean, and their covariance exceeds C
        by the mean of sigma_n^2 / alpha_n^2.
        """
        if samples.nature.sigma.ndim:
            x_0 = samples.x / per_sample(samples.nature.alpha, samples.x)
            noise = float(samples.nature.ratio.double().square().mean().sqrt())
            samples = replace(samples, x=x_0, nature=VE().level(noise))
        x = samples.x.flatten(1).double()
        alpha, sigma = float(samples.nature.alpha), float(samples.nature.sigma)
        if x.shape[1] > 3072 or len(x) < 2 * x.shape[1]:
            variance = torch.tensor(sigma_data_of(samples.x, samples.nature) ** 2, dtype=torch.float64)
            return cls(x.mean(0) / alpha, variance)
        eigenvalues, vectors = torch.linalg.eigh(x.T.cov())
        return cls(x.mean(0) / alpha, (eigenvalues - sigma**2).clamp(min=0) / alpha**2, vectors)

    def __call__(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        x, own = x_t.flatten(1).double(), as_level(level).on(x_t)
        alpha, sigma = own.alpha.double()[:, None], own.sigma.double()[:, None]
        gain = alpha * self.variances.to(x) / (alpha**2 * self.variances.to(x) + sigma**2)
        centred = x - alpha * self.mean.to(x)
        if self.vectors is None:
            shrunk = gain * centred
        else:
            shrunk = (gain * (centred @ self.vectors.to(x))) @ self.vectors.to(x).mT
        return (self.mean.to(x) + shrunk).to(x_t.dtype).reshape(x_t.shape)


@dataclass(eq=False)
class CollapseWatch:
    """Compares a model with the linear denoiser as it is trained.

    Attributes:
        term: The term of the objective that the data alone determine, `Objective.data_term`.
        batches: Noisy samples on which it is evaluated.
        linear: What the model has to beat.
        best: Largest gain so far.
        reported: Whether the warning has been given.
    """

    term: Objective
    batches: Sequence[Batch]
    linear: LinearDenoiser
    best: float = 0.0
    reported: bool = False

    @classmethod
    def of(cls, objective: Objective, samples: Data, batch: int = 64, number: int = 8) -> CollapseWatch | None:
        """The watch of a run, or None if its objective has no term of the data, or none that learns from the model.

        Args:
            objective: What the run minimises, whatever is wrapped round it.
            samples: The noisy training samples.
            batch: How many of them are looked at together,
            number: and how often.
        """
        term = objective.data_term()
        if term is None or not objective.learns_from_itself():
            return None
        rows = torch.linspace(0, len(samples) - 1, min(batch * number, len(samples))).round().long()
        some = in_memory(samples)
        batches = [samples.batch(rows[i : i + batch]) for i in range(0, len(rows), batch)]
        return cls(term, batches, LinearDenoiser.of(some))

    @torch.no_grad()
    def gain(self, denoiser: nn.Module) -> tuple[float, float]:
        """1 - J(model) / J(linear) of the mean loss J of the data's term, and its standard error.

        Always at the same noise. The model is looked at in evaluation mode, and left in the mode it was in.
        """
        device, training = next(denoiser.parameters()).device, denoiser.training
        denoiser.eval()
        losses = []
        for i, kept in enumerate(self.batches):
            condition = {name: values.to(device) for name, values in kept.condition.items()}
            batch = replace(kept, x=kept.x.to(device), condition=condition)
            both = [self.term(h, batch, Draws.of_step(0, i)).per_sample.double() for h in (denoiser, self.linear)]
            losses.append(torch.stack(both))
        denoiser.train(training)
        model, linear = torch.cat(losses, 1)
        error = (linear - model).std() / (len(model) ** 0.5 * linear.mean())
        return float(1 - model.mean() / linear.mean()), float(error)

    def check(self, denoiser: nn.Module, done: float, step: int) -> None:
        """Look at a model after `step` updates, the share `done` of all.

        Warns:
            CollapseWarning: If it has collapsed; never in the first half, and once.
        """
        gain, error = self.gain(denoiser)
        self.best = max(self.best, gain)
        least = max(2 * error, self.best / 2)
        if done >= 0.5 and gain < least and not self.reported:
            self.reported = True
            message = (
                f"the model has collapsed, or not learnt yet: after {step} updates its ambient loss is "
                f"{100 * gain:.2g} % below that of the linear denoiser of the data's covariance, which is less than "
                f"{100 * least:.2g} %. Lower the weight of the term below the nature level, train longer, or train the "
                "ambient term alone first; if the data are Gaussian, train with watch=False"
            )
            warnings.warn(message, CollapseWarning, stacklevel=2)
