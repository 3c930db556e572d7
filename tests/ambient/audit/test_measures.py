from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from ambient.audit.measures import authentic, data_copying, measure
from ambient.audit.neighbours import Space
from ambient.metrics.features import Pixels
from ambient.metrics.memorization import copied, copies, similarities, train_proximity


@pytest.fixture(scope="module")
def sets() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(0)
    samples, training, held_out = (torch.randn(n, 1, 4, 4, generator=source) / 3 for n in (80, 90, 100))
    samples[:20] = training[:20] + 0.01 * torch.randn(20, 1, 4, 4, generator=source)
    return samples, training, held_out


def distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """All distances in float64, sorted."""
    return (a.double().flatten(1)[:, None] - b.double().flatten(1)[None]).square().sum(2).sqrt()


def test_every_measure_against_brute_force(sets: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    samples, training, held_out = sets
    found = {m.title: m for m in measure(Space.of(Pixels(), *sets), torch.arange(80), (0.9,))}
    near = distances(samples, training).sort(1)
    m13 = float((near.values[:, 0] < near.values[:, 1] / 3).double().mean())
    assert found["m13"].value.value == pytest.approx(m13)
    assert m13 >= 0.25
    alone = distances(training, training).sort(1).values[:, 1]
    assert found["AuthPct"].value.value == pytest.approx(
        float((near.values[:, 0] > alone[near.indices[:, 0]]).double().mean())
    )
    correlations = torch.tensor(np.corrcoef(samples.flatten(1).double(), training.flatten(1).double())[:80, 80:])
    assert found["S > 0.9"].value.value == pytest.approx(float((correlations.amax(1) > 0.9).double().mean()))
    theirs = np.corrcoef(held_out.flatten(1).double(), training.flatten(1).double())[:100, 100:]
    assert found["S > 0.9"].unseen == pytest.approx(float((theirs.max(1) > 0.9).mean()))
    assert found["P_tr"].detail == "90 images against 90"
    assert 0.25 < found["P_tr"].value.value < 0.9


def test_p_tr_of_equal_sets(sets: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    samples, training, held_out = sets
    space = Space.of(Pixels(), samples, training, held_out[:90])
    values, size = space.proximity() or (None, 0)
    assert size == 90
    nearer = distances(samples, training).amin(1) < distances(samples, held_out[:90]).amin(1)
    assert values is not None
    assert torch.equal(values, nearer.double())


def test_the_audits_measures_are_those_of_the_metrics(sets: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    """Each finds its own distances, in another precision; the rules are one."""
    samples, training, held_out = sets[0], sets[1], sets[2][:90]
    space = Space.of(Pixels(), samples, training, held_out)
    found = {m.title: m.value.value for m in measure(space, torch.arange(80), (0.9,))}
    ours, known, unseen = (images.flatten(1) for images in (samples, training, held_out))
    assert found["m13"] == pytest.approx(copies(ours, known), abs=1e-12)
    assert found["P_tr"] == pytest.approx(train_proximity(ours, known, unseen), abs=1e-12)
    correlations = similarities(ours - ours.mean(1, keepdim=True), known - known.mean(1, keepdim=True))
    torch.testing.assert_close(space.from_samples.similarities.double(), correlations, rtol=0, atol=1e-5)


def test_without_held_out_images() -> None:
    source = torch.Generator().manual_seed(1)
    samples, training = (torch.randn(30, 3, 4, 4, generator=source) for _ in range(2))
    found = measure(Space.of(Pixels(), samples, training, None), torch.arange(30), (0.9, 0.95))
    assert [m.title for m in found] == ["S > 0.9", "S > 0.95", "m13", "AuthPct"]
    assert all(m.unseen is None for m in found)


def test_rules_at_their_edges() -> None:
    table = torch.tensor([[0.99, 3.0], [1.0, 3.0], [0.0, 0.0]])
    assert copied(table).tolist() == [True, False, False]
    assert authentic(table, torch.tensor([0, 0, 1]), torch.tensor([0.99, 5.0])).tolist() == [False, True, False]


def test_data_copying_is_the_standardised_u() -> None:
    source = np.random.default_rng(0)
    near, far = source.random(60).round(2), (source.random(50) + 0.1).round(2)
    u = mannwhitneyu(near, far).statistic
    expected = (u - 60 * 50 / 2) / np.sqrt(60 * 50 * 111 / 12)
    zeros = np.zeros(60, int), np.zeros(50, int)
    assert data_copying(near, far, *zeros, np.array([1.0])) == pytest.approx(expected)
    assert expected < 0


def test_data_copying_weighs_cells_and_leaves_out_small_ones() -> None:
    source = np.random.default_rng(1)
    near, far = source.random(90), source.random(90)
    ours, theirs = np.repeat([0, 1, 2], [40, 40, 10]), np.repeat([0, 1, 2], [40, 40, 10])

    def alone(i: int) -> float:
        cells = np.zeros(40, int)
        return data_copying(near[ours == i], far[theirs == i], cells, cells, np.array([1.0]))

    found = data_copying(near, far, ours, theirs, np.array([0.5, 0.3, 0.2]))
    assert found == pytest.approx((0.5 * alone(0) + 0.3 * alone(1)) / 0.8)
    assert np.isnan(data_copying(near, far, np.arange(90), np.arange(90), np.full(90, 1 / 90)))


def test_c_t_sees_copies_and_not_their_absence() -> None:
    source = torch.Generator().manual_seed(2)
    training, held_out, fresh = (torch.randn(300, 1, 3, 3, generator=source) for _ in range(3))
    copies = training + 0.1 * torch.randn(300, 1, 3, 3, generator=source)

    def c_t(samples: torch.Tensor) -> float:
        found = measure(Space.of(Pixels(), samples, training, held_out), torch.arange(300), (0.9,))
        return next(m for m in found if m.key == "c_t").value.value

    assert c_t(copies) < -5
    assert abs(c_t(fresh)) < 3


def test_features_that_are_not_finite_are_refused() -> None:
    class Broken:
        name = "broken"

        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1) / 0

    with pytest.raises(ValueError, match="broken: the features of 12 of 12 images are not finite"):
        Space.of(Broken(), torch.zeros(12, 1, 4, 4), torch.zeros(12, 1, 4, 4), None)
