"""The text encoders."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambient.data import Batch
from ambient.process import Level
from ambient.randomness import Draws
from ambient.training import TrainingConfig
from sdxl.mini.captions import captions_of, words_of
from sdxl.mini.texts import Naming, Readers, token_numbers, train_readers
from sdxl.tiny.tokenizer import make_tokenizer

CLASSES = ("airplane", "cat", "dog")


def test_the_loss_is_the_cross_entropy_of_all_three() -> None:
    labels = torch.tensor([0, 2])
    scores = [torch.randn(2, 3, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    numbers = torch.zeros(2, 2, 77, dtype=torch.int64)
    batch = Batch(numbers, Level.clean(), torch.arange(2), condition={"label": labels})
    loss = Naming()(lambda first, second: scores, batch, Draws.of_step(0, 0))
    wanted = -sum(s.double().log_softmax(1)[torch.arange(2), labels] for s in scores)
    torch.testing.assert_close(loss.per_sample.double(), wanted, rtol=1e-6, atol=1e-6)


def test_states_are_read_where_the_text_ends() -> None:
    """What follows the end of the text, which is what the tokenizers differ in, changes nothing."""
    tokenizers = [make_tokenizer(pad, words_of(CLASSES)) for pad in ("<|endoftext|>", "!")]
    torch.manual_seed(0)
    readers = Readers(tokenizers[1], 3).eval()
    one, two = (token_numbers(tokenizer, ["a photo of a cat"]) for tokenizer in tokenizers)
    assert not torch.equal(one, two)
    for a, b in zip(readers(one, one), readers(two, two), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.slow
def test_they_learn_the_classes(tmp_path: Path) -> None:
    tokenizers = [make_tokenizer(pad, words_of(CLASSES)) for pad in ("<|endoftext|>", "!")]
    torch.manual_seed(0)
    readers = Readers(tokenizers[1], 3)
    texts = [text for texts in captions_of(CLASSES) for text in texts]
    config = TrainingConfig(steps=40, batch=len(texts), learning_rate=1e-3, warmup=5, ema=0.0)
    train_readers(readers, tokenizers, CLASSES, config, tmp_path)
    labels = torch.arange(3).repeat_interleave(len(texts) // 3)
    scores = readers(*(token_numbers(tokenizer, texts) for tokenizer in tokenizers))
    assert all(bool((values.argmax(1) == labels).all()) for values in scores)
