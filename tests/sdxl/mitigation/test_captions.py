"""Captions changed at random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdxl.components import Components
from sdxl.mitigation.captions import Changer, inserted, vocabulary

WORDS = ["alpha", "beta", "gamma"]


@given(st.text("abcdef ", max_size=30), st.integers(0, 10**6), st.integers(1, 5))
def test_insertions_keep_the_caption_in_its_order(caption: str, seed: int, count: int) -> None:
    words = caption.split()
    for change in ("random-words", "random-numbers", "repeated-words"):
        after = Changer(change, WORDS, 1.0, count)(caption, np.random.default_rng(seed)).split()
        left = iter(after)
        assert all(word in left for word in words)
        assert len(after) == len(words) + (count if words or change != "repeated-words" else 0)
        extra = list(after)
        for word in words:
            extra.remove(word)
        allowed = {"random-words": WORDS, "repeated-words": words}.get(change)
        assert all(word.isdigit() if allowed is None else word in allowed for word in extra)


def test_places_and_words_are_uniform() -> None:
    random = np.random.default_rng(0)
    places = [inserted("a b c", ["x"], random).split().index("x") for _ in range(4000)]
    assert np.bincount(places) / 4000 == pytest.approx(0.25, abs=0.03)
    change = Changer("random-caption", WORDS, 0.4, 2)
    found = [change("own", random) for _ in range(4000)]
    assert np.mean([text == "own" for text in found]) == pytest.approx(0.6, abs=0.03)
    first = [text.split()[0] for text in found if text != "own"]
    assert np.mean([word == "beta" for word in first]) == pytest.approx(1 / 3, abs=0.05)
    several = Changer("several-captions", WORDS, 1.0, several={"own": ["other", "third"]})
    found = [several("own", random) for _ in range(3000)]
    assert np.mean([text == "third" for text in found]) == pytest.approx(1 / 3, abs=0.04)


def test_words_come_from_the_tokenizer(components: Components) -> None:
    words = vocabulary(components.pipeline.tokenizer)
    assert {"lungs", "cat", "photo"} <= set(words)
    assert all(word.isalpha() and len(word) > 2 for word in words)
