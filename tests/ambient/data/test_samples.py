from __future__ import annotations

import torch

from ambient.data import Batch, Samples, in_memory
from ambient.data.noisy_copy import noisy_copy
from ambient.process import VE, VP


def test_noisy_samples_hold_no_clean_pixel_unless_asked() -> None:
    x_0, index = torch.randn(6, 1, 2, 2), torch.tensor([3, 1, 4, 15, 9, 2])
    samples = Samples.of_noisy(x_0, VE().level(0.5), seed=2, index=index)
    assert samples.clean is None
    assert torch.equal(samples.x, noisy_copy(x_0, VE().level(0.5), 2, index))
    both = Samples.of_noisy(x_0, VE().level(0.5), seed=2, index=index, keep_clean=True)
    batch = both.batch(torch.tensor([4, 0]))
    assert batch.clean is not None
    assert torch.equal(batch.clean, x_0[[4, 0]])
    assert torch.equal(batch.x, samples.x[[4, 0]])
    assert batch.index.tolist() == [9, 3]
    assert len(batch) == 2
    clean = Samples.of_clean(x_0)
    assert float(clean.nature.sigma) == 0
    assert torch.equal(clean.x, x_0)


def test_centring_uses_only_what_was_observed() -> None:
    x_0 = torch.randn(8, 3) + 2
    level = VP().level(0.6)
    noisy, centre = Samples.of_noisy(x_0, level, 0).centred()
    x_n = noisy_copy(x_0, level, 0, range(8))
    assert torch.allclose(centre, x_n.mean(0) / 0.8, atol=1e-6)
    assert torch.allclose(noisy.x, x_n - x_n.mean(0), atol=1e-6)
    both, centre = Samples.of_noisy(x_0, level, 0, keep_clean=True).centred()
    assert torch.allclose(centre, x_0.mean(0), atol=1e-6)
    assert both.clean is not None
    assert torch.allclose(both.clean, x_0 - centre)
    assert torch.allclose(both.x, noisy_copy(x_0 - centre, level, 0, range(8)), atol=1e-6)


def test_fingerprints_see_everything_a_run_can_see() -> None:
    x = torch.randn(4, 2)
    base = Samples.of_noisy(x, VE().level(0.5), 0)
    others = [
        Samples.of_noisy(x, VE().level(0.5), 1),
        Samples.of_noisy(x, VE().level(0.6), 0),
        Samples.of_noisy(x, VE().level(0.5), 0, keep_clean=True),
        Samples(base.x, base.nature, base.index, condition={"label": torch.zeros(4)}),
    ]
    assert base.fingerprint() == Samples.of_noisy(x, VE().level(0.5), 0).fingerprint()
    assert len({base.fingerprint(), *(other.fingerprint() for other in others)}) == 5


def test_conditions_follow_their_samples() -> None:
    samples = Samples(torch.randn(4, 2), VE().level(0.5), torch.arange(4), condition={"label": torch.arange(4)})
    assert samples.batch(torch.tensor([2, 1])).condition["label"].tolist() == [2, 1]


def test_some_of_a_large_data_set_in_memory() -> None:
    whole = Samples.of_noisy(torch.arange(2000.0).reshape(1000, 2), VE().level(0.3), 0)

    class Large:
        def __len__(self) -> int:
            return len(whole)

        def batch(self, rows: torch.Tensor, device: torch.device | str = "cpu") -> Batch:
            return whole.batch(rows, device)

        def fingerprint(self) -> str:
            return ""

    some = in_memory(Large(), 10)
    assert some.index.tolist() == [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]
    assert torch.equal(some.x, whole.x[some.index])
    assert in_memory(whole) is whole
