from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from ambient.linear import (
    Adapted,
    Blur,
    Downsample,
    Fourier,
    Mask,
    Matrix,
    Operator,
    adapted,
    adjoint_error,
    conjugate_gradients,
    inner,
)
from tests.ambient.linear.make import ALL, OPERATORS, as_real, dense, make


@given(name=st.sampled_from(sorted(ALL)), batch=st.integers(1, 3), shared=st.booleans(), seed=st.integers(0, 2**20))
@settings(max_examples=100)
def test_adjoints_are_adjoints(name: str, batch: int, shared: bool, seed: int) -> None:
    operator, x = make(name, batch, shared, seed)
    y = operator(x)
    v = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(seed + 1))
    scale = (inner(y, y) * inner(v, v)).sqrt().clamp(min=1e-300)
    assert bool(((inner(y, v) - inner(x, operator.adjoint(v))).abs() <= 1e-12 * scale.clamp(min=1)).all())
    torch.testing.assert_close(operator.normal(x), operator.adjoint(y), rtol=0, atol=0)


@given(
    name=st.sampled_from(sorted(ALL)),
    shared=st.booleans(),
    seed=st.integers(0, 2**20),
    noise=st.floats(0.01, 2.0),
)
@settings(max_examples=40)
def test_solving_agrees_with_dense_algebra(name: str, shared: bool, seed: int, noise: float) -> None:
    operator, x = make(name, 2, shared, seed)
    weight = torch.tensor([0.3, 1.7], dtype=torch.float64)
    y = operator(torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(seed)))
    matrix = dense(operator, x)
    gram = weight[:, None, None] * matrix @ matrix.mT + noise * torch.eye(matrix.shape[1], dtype=torch.float64)
    expected = torch.linalg.solve(gram, as_real(y)[..., None])[..., 0]
    found = as_real(operator.solve(y, weight, noise, tolerance=1e-14))
    scale = expected.abs().amax(1, keepdim=True).clamp(min=1e-12)
    assert float(((found - expected).abs() / scale).max()) <= 1e-10


@pytest.mark.parametrize("name", sorted(ALL))
def test_each_sample_has_its_own_parameters(name: str) -> None:
    operator, x = make(name, 3, False, 5)
    rows = torch.tensor([2, 0])
    torch.testing.assert_close(operator[rows](x[rows]), operator(x)[rows], rtol=0, atol=1e-14)
    torch.testing.assert_close(operator.to("cpu")(x), operator(x), rtol=0, atol=0)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_gradients_flow_through_it(name: str) -> None:
    operator, x = make(name, 2, False, 3)
    point = x.clone().requires_grad_()
    y = operator(point)
    (gradient,) = torch.autograd.grad((y.abs() ** 2).sum() / 2, point)
    torch.testing.assert_close(gradient, operator.normal(x), rtol=1e-10, atol=1e-12)


def test_a_blur_is_a_convolution() -> None:
    """The kernel's middle stays, and an asymmetric kernel carries a point to where its entries are."""
    kernel = torch.zeros(1, 3, 3, dtype=torch.float64)
    kernel[0, 1, 2] = 1  # one pixel to the right
    x = torch.zeros(1, 1, 6, 6, dtype=torch.float64)
    x[0, 0, 2, 3] = 1
    assert Blur(kernel)(x)[0, 0, 2, 4] == pytest.approx(1)
    assert Blur(kernel, "valid")(x)[0, 0, 1, 3] == pytest.approx(1)  # the frame begins at (1, 1)


def test_without_noise_the_solution_is_the_one_of_least_norm() -> None:
    mask = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]], dtype=torch.float64)
    y = torch.tensor([[[[2.0, 0.0], [0.0, 4.0]]]], dtype=torch.float64)
    assert Mask(mask).solve(y, 2.0, 0.0).flatten().tolist() == [1.0, 0.0, 0.0, 2.0]
    assert Fourier(mask, real_images=False).solve(y + 0j, 2.0, 0.0).real.flatten().tolist() == [1.0, 0.0, 0.0, 2.0]
    with pytest.raises(ValueError, match="depend on one another"):
        Matrix(torch.ones(1, 2, 4, dtype=torch.float64)).solve(torch.ones(1, 2, dtype=torch.float64), 1.0, 0.0)


@given(seed=st.integers(0, 2**20), d=st.integers(1, 9))
def test_conjugate_gradients_agree_with_dense_algebra(seed: int, d: int) -> None:
    source = torch.Generator().manual_seed(seed)
    root = torch.randn(3, d, d, dtype=torch.float64, generator=source)
    matrix = root @ root.mT + 0.5 * torch.eye(d)
    b = torch.randn(3, d, dtype=torch.float64, generator=source)
    b[1] = 0
    x, residual = conjugate_gradients(lambda v: (matrix @ v[..., None])[..., 0], b, tolerance=1e-13, iterations=500)
    torch.testing.assert_close(x, torch.linalg.solve(matrix, b), rtol=1e-9, atol=1e-9)
    assert float(residual.max()) <= 1e-13
    alone, _ = conjugate_gradients(
        lambda v: (matrix[2:] @ v[..., None])[..., 0], b[2:], tolerance=1e-13, iterations=500
    )
    torch.testing.assert_close(alone[0], x[2], rtol=1e-12, atol=1e-12)


def test_conjugate_gradients_stand_still_where_the_matrix_is_zero() -> None:
    x, residual = conjugate_gradients(torch.zeros_like, torch.ones(2, 3, dtype=torch.float64))
    assert x.abs().max() == 0
    assert residual.tolist() == [1, 1]


class _Physics:
    """What deepinv's operators look like from outside."""

    def __init__(self, operator: Operator, factor: float = 1.0) -> None:
        self.operator, self.factor = operator, factor

    def A(self, x: Tensor) -> Tensor:
        return self.operator(x)

    def A_adjoint(self, y: Tensor) -> Tensor:
        return self.factor * self.operator.adjoint(y)


def test_operators_of_other_libraries() -> None:
    operator, x = make("circular blur", 2, False, 1)
    other = adapted(_Physics(operator))
    torch.testing.assert_close(other.normal(x), operator.normal(x), rtol=0, atol=0)
    y = operator(x)
    torch.testing.assert_close(other.solve(y, 1.0, 0.1), operator.solve(y, 1.0, 0.1), rtol=1e-9, atol=1e-9)
    assert adjoint_error(other, x) < 1e-14
    assert adjoint_error(Adapted(_Physics(operator, 1.1)), x) > 0.01
    assert adapted(operator) is operator
    with pytest.raises(TypeError, match="object has no A and no A_adjoint"):
        adapted(object())


def test_operators_of_deepinv() -> None:
    physics = pytest.importorskip("deepinv.physics")
    x = torch.rand(2, 1, 8, 8)
    mask = (torch.rand(1, 1, 8, 8) > 0.5).float()
    other = adapted(physics.Inpainting((1, 8, 8), mask=mask))
    torch.testing.assert_close(other(x), Mask(mask)(x), rtol=0, atol=1e-5)
    assert adjoint_error(other, x) < 1e-5


def test_what_does_not_fit_is_named() -> None:
    x = torch.zeros(1, 1, 5, 5)
    with pytest.raises(ValueError, match="5x5 have no whole blocks of 2"):
        Downsample(2)(x)
    with pytest.raises(ValueError, match="odd sides, not \\(1, 2, 3\\)"):
        Blur(torch.zeros(1, 2, 3))
    with pytest.raises(ValueError, match="a kernel of 7x7 is larger than images of 5x5"):
        Blur(torch.ones(1, 7, 7))(x)
    with pytest.raises(ValueError, match="have 25 numbers, the matrix 4"):
        Matrix(torch.zeros(1, 2, 4), (1, 5, 5))
    with pytest.raises(ValueError, match="not \\(2, 4\\)"):
        Matrix(torch.zeros(2, 4))
