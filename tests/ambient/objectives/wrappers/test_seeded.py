"""Networks that are themselves random."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ambient.data import Samples
from ambient.objectives import DenoisingScoreMatching, EDMWeight, Seeded
from ambient.randomness import Draws


def test_dropout_is_a_function_of_the_step_and_leaves_the_global_generator_alone() -> None:
    network = nn.Dropout(0.5)
    samples = Samples.of_clean(torch.randn(16, 1, 4, 4))
    batch = samples.batch(torch.arange(16))
    objective = Seeded(DenoisingScoreMatching(weight=EDMWeight()))

    def loss(step: int) -> Tensor:
        return objective(lambda x, level: network(x), batch, Draws.of_step(0, step)).per_sample

    state = torch.get_rng_state()
    one, two = loss(3), loss(3)
    assert torch.equal(one, two)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(one, loss(4))
    network.eval()
    assert not torch.equal(one, loss(3))
