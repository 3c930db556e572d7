from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambient.noise.units import grey_levels, noise_in_words, parse_level, parse_poisson


@pytest.mark.parametrize(
    ("text", "sigma"),
    [
        ("0.3", 0.3),
        (" 0 ", 0.0),
        ("1e-2", 0.01),
        ("8bit:25", 25 * 2 / 255),
        ("16bit:6425", 25 * 2 / 255),
        ("8BIT: 1", 2 / 255),
    ],
)
def test_levels_as_users_write_them(text: str, sigma: float) -> None:
    assert parse_level(text) == pytest.approx(sigma, rel=1e-12)


@given(st.floats(0, 2), st.sampled_from(["8bit", "16bit"]))
def test_grey_levels_and_back(sigma: float, unit: str) -> None:
    assert parse_level(f"{unit}:{grey_levels(sigma, unit) * (1 - 1e-15)}") == pytest.approx(sigma, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "not a number"), ("a", "'a' is not a number"), ("-0.1", "at least 0"), ("nan", "finite"),
        ("inf", "finite"),
        ("12bit:3", "'12bit' is unknown"), ("8bit:", "not a number"), ("8bit:300", "whole range"),
        ("0,3", "not a number"),
        ("10%", "not a number"), (":3", "unknown"),
    ],
)  # fmt: skip
def test_what_is_no_level_is_refused_and_quoted(text: str, named: str) -> None:
    with pytest.raises(ValueError, match="noise level") as error:
        parse_level(text)
    assert named in str(error.value)
    assert repr(text) in str(error.value)


def test_grey_levels_without_their_unit_are_told_apart() -> None:
    with pytest.raises(ValueError, match="write 8bit:25"):
        parse_level("25")


def test_unknown_unit_of_grey_levels() -> None:
    with pytest.raises(ValueError, match="12bit"):
        grey_levels(0.1, "12bit")
    assert math.isclose(grey_levels(2.0), 255)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("poisson:0.1", (0.1, 0.0)),
        (" Poisson : 0.1 : 0.05 ", (0.1, 0.05)),
        ("poisson:8bit:12.75:6.375", (0.1, 0.05)),
        ("poisson:16bit:65535", (2.0, 0.0)),
        ("0.3", None),
        ("8bit:25", None),
    ],
)
def test_poisson_noise_as_users_write_it(text: str, found: tuple[float, float] | None) -> None:
    assert parse_poisson(text) == (None if found is None else pytest.approx(found))


@pytest.mark.parametrize("text", ["poisson", "poisson:", "poisson:0", "poisson:-1", "poisson:3", "poisson:1:2:3"])
def test_poisson_noise_out_of_range_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=f"noise '{text}'"):
        parse_poisson(text)


@given(st.floats(1e-3, 2), st.floats(0, 1))
def test_poisson_noise_in_words_is_read_back(gain: float, sigma: float) -> None:
    assert parse_poisson(noise_in_words(gain, sigma)) == pytest.approx((gain, sigma), rel=1e-5, abs=1e-9)
