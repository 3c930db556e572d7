"""Captions."""

from __future__ import annotations

from sdxl.mini.captions import WORDINGS, caption, captions_of, words_of
from sdxl.mini.texts import token_numbers
from sdxl.tiny.tokenizer import make_tokenizer

CLASSES = ("airplane", "cat")


def test_articles() -> None:
    assert caption("airplane", "a photo of {}") == "a photo of an airplane"
    assert caption("cat", "a photo of {}") == "a photo of a cat"
    assert caption("cat", "one {name}") == "one cat"


def test_every_caption_is_another() -> None:
    captions = captions_of(CLASSES)
    texts = {text for texts in captions for text in texts}
    assert len(texts) == len(CLASSES) * len(WORDINGS)
    assert all("cat" in text for text in captions[1])


def test_every_word_of_them_is_one_token() -> None:
    tokenizer = make_tokenizer("!", words_of(CLASSES))
    for texts in captions_of(CLASSES):
        for text in texts:
            numbers = token_numbers(tokenizer, [text])[0].tolist()
            assert numbers.index(tokenizer.eos_token_id) - 1 == len(text.split())
